# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# What the drivers here share, inside a test machine: a disk, three nodes in namespaces, a clock that
# can be trusted. The caller has set $root, and $kq_init, more options for 'kquorum init'.

disk=/dev/vda
data=/mnt
net=10.77.0

say() { printf '%s  %s\n' "$(date +%T)" "$*"; }
die() { echo "bench: $*" >&2; exit 1; }

setup_disk()
{
	[ -b $disk ] || die "no $disk: run 'make bench', or scripts/vm with --disk 4G"
	mke2fs -q -t ext4 $disk
	mount -t ext4 $disk $data
}

in_node()
{
	local i=$1
	shift
	ip netns exec kq"$i" "$@"
}

# The clock of an emulated machine that was calibrated badly runs too fast or too slow, and all
# that is measured with it is wrong. The battery-backed clock is the host's.
clock_begin()
{
	rtc_begun=$(cat /sys/class/rtc/rtc0/since_epoch)
	clock_begun=$(date +%s)
}

clock_check()
{
	local rtc=$(($(cat /sys/class/rtc/rtc0/since_epoch) - rtc_begun))
	local clock=$(($(date +%s) - clock_begun))

	awk -v a=$clock -v b=$rtc 'BEGIN { exit a > 1.03 * b + 2 || a < 0.97 * b - 2 }' ||
		die "the clock counted $clock s in $rtc s: the figures mean nothing. Run it again."
}

# kquorum_up [FIRST]: three nodes from that number on (1), a cluster of their own
kquorum_up()
{
	local first=${1:-1} i peer args id nodes

	nodes=$(seq "$first" $((first + 2)))
	id=$(od -An -tx8 -N8 /dev/urandom | tr -d ' ')
	for i in $nodes; do
		args=()
		for peer in $nodes; do
			[ "$peer" = "$i" ] || args+=(--peer "n$peer=$net.$peer")
		done
		# as etcd: 500 ms and 5000 ms, for an emulated machine can be slow
		in_node "$i" kquorum init --dir $data/kquorum"$i" --name bench --node n"$i" \
			--listen $net."$i" --cluster-id "$id" --rtt-scale 5 "${kq_init[@]}" "${args[@]}" >/dev/null
	done
	for i in $nodes; do
		in_node "$i" kquorum start --dir $data/kquorum"$i" </dev/null
	done
	# shellcheck source=scripts/lib/node.sh
	. "$root/scripts/lib/node.sh"
	kquorum_find_leader "$first"
}

# kquorum_find_leader [FIRST]: sets kq_leader and kq_follower, the numbers of their namespaces.
kquorum_find_leader()
{
	local first=${1:-1} name

	name=$(wait_leader in_node 90 "$first" $((first + 1)) $((first + 2))) || {
		in_node "$first" kquorum status >&2
		die "kquorum elects no leader"
	}
	kq_leader=${name#n}
	kq_follower=$((first + (kq_leader - first + 1) % 3))
}

st() { in_node "$1" kquorum status -j | jq -r "$2"; }

# wait_for SECONDS CMD...: until CMD is true
wait_for()
{
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		[ $SECONDS -lt $end ] || { in_node 1 kquorum status >&2; die "not within time: $*"; }
		sleep 0.2
	done
}

daemon_pid() { ip netns pids kq"$1" | while read -r p; do [ "$(cat /proc/"$p"/comm 2>/dev/null)" != kquorumd ] || echo "$p"; done; }
