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

kquorum_up()
{
	local i peer args id

	id=$(od -An -tx8 -N8 /dev/urandom | tr -d ' ')
	for i in 1 2 3; do
		args=()
		for peer in 1 2 3; do
			[ $peer = $i ] || args+=(--peer "n$peer=$net.$peer")
		done
		# as etcd: 500 ms and 5000 ms, for an emulated machine can be slow
		in_node $i kquorum init --dir $data/kquorum$i --name bench --node n$i \
			--listen $net.$i --cluster-id "$id" --rtt-scale 5 "${kq_init[@]}" "${args[@]}" >/dev/null
	done
	for i in 1 2 3; do
		in_node $i kquorum start --dir $data/kquorum$i </dev/null
	done
	# shellcheck source=scripts/lib/node.sh
	. "$root/scripts/lib/node.sh"
	kquorum_find_leader
}

# Sets kq_leader and kq_follower, the numbers of their namespaces.
kquorum_find_leader()
{
	local name

	name=$(wait_leader in_node 90 1 2 3) || {
		in_node 1 kquorum status >&2
		die "kquorum elects no leader"
	}
	kq_leader=${name#n}
	kq_follower=$((kq_leader % 3 + 1))
}
