# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# For the guest scripts: TAP, clusters of namespaces, waiting for conditions. Runs as root in a test
# machine (scripts/vm); a cluster is made and broken by scripts/cluster.
cd "$(dirname "${BASH_SOURCE[0]}")/../../.." || exit 1
export PATH=$PWD/scripts:$PATH
# shellcheck source=scripts/lib/clock.sh
. scripts/lib/clock.sh
# 'ip netns exec' makes mount namespaces: what is unmounted here must go there too
mount --make-rshared /
SMALL=${KQ_SMALL:-0}
WORK=$(mktemp -d /tmp/e2e.XXXXXX)
KERNEL_COMPLAINS='BUG:|WARNING:|INFO: (task|possible)|Call Trace'
tests=0
failed=0
NODES=3
hardware=()

# small COUNT_FULL COUNT_SMALL: which of them this run does
small() { if [ "$SMALL" = 1 ]; then echo "$2"; else echo "$1"; fi; }

# report STATUS NAME [DIAGNOSTICS]
report()
{
	tests=$((tests + 1))
	if [ "$1" = 0 ]; then
		echo "ok $tests - $2"
		return 0
	fi
	failed=$((failed + 1))
	echo "not ok $tests - $2"
	[ -z "${3-}" ] || sed 's/^/# /' <<<"$3"
	return 1
}

# is GOT WANTED NAME
is()
{
	local rc=0
	[ "$1" = "$2" ] || rc=1
	report $rc "$3" "got: $1
wanted: $2"
}

# like TEXT EXTENDED-REGEX NAME
like()
{
	local rc=0
	grep -qE -- "$2" <<<"$1" || rc=1
	report $rc "$3" "got: $1
wanted: $2"
}

# ok NAME CMD...: CMD succeeds
ok()
{
	local name=$1 out rc=0
	shift
	out=$("$@" 2>&1) || rc=$?
	report $rc "$name" "$* ended with $rc: $out" || show_cluster
}

# becomes NAME LIMIT_S CMD...: CMD succeeds in time
becomes()
{
	local name=$1 rc=0
	shift
	wait_for "$@" || rc=1
	report $rc "$name" "not within $*" || show_cluster
	return $rc
}

# wait_for LIMIT_S CMD...: until CMD succeeds
wait_for()
{
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.1
	done
}

# run CMD...: its output into $out, its exit status into $rc
run()
{
	rc=0
	out=$("$@" 2>&1 </dev/null) || rc=$?
}

# on I CMD...: in node I's namespace
on()
{
	local i=$1
	shift
	ip netns exec "kq$i" "$@"
}

# kq I CMD...: kquorum there
kq()
{
	local i=$1
	shift
	ip netns exec "kq$i" timeout 120 kquorum "$@"
}

# st I JQ: something of node I's status
st() { kq "$1" status -j 2>/dev/null | jq -r "$2"; }

# st_is I JQ: an expression about node I's status is true. Without a status it is not ('input' fails
# then; jq 1.6 by itself finds nothing wrong with no input at all).
st_is() { kq "$1" status -j 2>/dev/null | jq -en "input | $2" >/dev/null; }

# daemon_pid I: of node I's kquorumd
daemon_pid()
{
	local pid
	for pid in $(ip netns pids "kq$1"); do
		[ "$(cat "/proc/$pid/comm" 2>/dev/null)" = kquorumd ] && echo "$pid"
	done
	return 0
}

# kill_daemon I: and wait until it is gone
kill_daemon()
{
	local pid
	pid=$(daemon_pid "$1")
	[ -n "$pid" ] || return 1
	kill -KILL "$pid" && wait_for 20 no_daemon "$1"
}

# init_node I DIR [OPTION]...: 'kquorum init' of node I of $NODES; the same cluster each time
init_node()
{
	local i=$1 dir=$2 peer args=()
	shift 2
	[ "$NODES" = 1 ] || args=(--cluster-id 77)
	for ((peer = 1; peer <= NODES; peer++)); do
		[ "$peer" = "$i" ] || args+=(--peer "n$peer=10.77.0.$peer")
	done
	kq "$i" init --dir "$dir" --name e2e --node "n$i" --listen "10.77.0.$i" \
		"${args[@]}" --segment-size 256K --segments 8 --rtt-scale 4 "$@"
}

# loop_disk MIB DIR: an ext4 in memory of the machine, mounted there
loop_disk()
{
	truncate -s "$1M" /tmp/disk && losetup /dev/loop0 /tmp/disk &&
		mke2fs -q -F -t ext4 -E lazy_itable_init=0,lazy_journal_init=0 /dev/loop0 &&
		mount -t ext4 /dev/loop0 "$2"
}

# flip FILE OFFSET: one byte becomes another
flip()
{
	local byte
	byte=$(xxd -p -s "$2" -l 1 "$1")
	printf '%02x' $((0x$byte ^ 0xff)) | xxd -r -p | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# start_node I DIR
start_node() { kq "$1" start --dir "$2"; }

# bring_up DIR [INIT_OPTION]...: namespaces (SPACES, if more than nodes) and NODES nodes with state in DIR/n1, ...
bring_up()
{
	local dir=$1 i
	shift
	cluster up -n "${SPACES:-$NODES}" --bare || return 1
	for ((i = 1; i <= NODES; i++)); do
		init_node "$i" "$dir/n$i" "$@" || return 1
		start_node "$i" "$dir/n$i" || return 1
	done
}

# node_down I: stopped without ceremony, daemon gone, files closed
node_down()
{
	kq "$1" stop --force --wait 60s >/dev/null 2>&1
	wait_for 30 no_daemon "$1"
}

# nodes_down I...: all at once, for the last one alone would have nobody to hand over to
nodes_down()
{
	local i pids=()
	for i in "$@"; do
		node_down "$i" &
		pids+=($!)
	done
	wait "${pids[@]}"
}

no_daemon() { [ -z "$(daemon_pid "$1")" ]; }

# agree [I]...: these nodes (default: all) name the same leader; sets $leader to the number in its name,
# which is its machine's; its id is another one once it has left and come back
agree()
{
	local i one
	leader=
	[ $# -gt 0 ] || set -- $(seq "$NODES")
	for i in "$@"; do
		one=$(st "$i" 'if .quorum then .leader_node // "n0" | sub("^[a-z]+"; "") else 0 end')
		[ "${one:-0}" != 0 ] || return 1
		[ -z "$leader" ] || [ "$leader" = "$one" ] || return 1
		leader=$one
	done
}

# agree_in LIMIT_S [I]...
agree_in()
{
	local end=$((SECONDS + $1))
	shift
	until agree "$@"; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.2
	done
}

# others I: all other nodes
others() { seq "$NODES" | grep -vx "$1"; }

# replaced I: the others have a leader, not node I
replaced()
{
	# shellcheck disable=SC2046
	agree $(others "$1") && [ "$leader" != "$1" ]
}

# lead I: make node I the leader; on a noisy machine leadership may move meanwhile
lead()
{
	local try
	for try in 1 2 3; do
		agree_in 60 || return 1
		[ "$leader" != "$1" ] || return 0
		kq "$leader" transfer "n$1" --wait 30s || echo "transfer $try failed"
	done
	agree_in 60 && [ "$leader" = "$1" ]
}

# namespaces_note: the hardware addresses, for namespace_again
namespaces_note()
{
	local i
	for i in $(seq "$NODES"); do
		hardware[i]=$(on "$i" cat /sys/class/net/eth0/address)
	done
}

# namespace_again I: the namespace of node I was deleted; it and its link come back
namespace_again()
{
	ip netns add "kq$1"
	ip -n "kq$1" link set lo up
	# a machine comes back with its old hardware address: else the others first send to nobody
	ip -n kqbr link add "port$1" type veth peer name eth0 address "${hardware[$1]}" netns "kq$1" &&
		ip -n kqbr link set "port$1" master br0 up
	ip -n "kq$1" addr add "10.77.0.$1/24" dev eth0
	ip -n "kq$1" link set eth0 up
}

no_port() { ! ip -n kqbr link show "port$1"; }

show_cluster()
{
	local i
	for ((i = 1; i <= ${SPACES:-NODES}; i++)); do
		[ -e "/run/netns/kq$i" ] || continue
		echo "--- n$i"
		kq "$i" status
	done 2>&1 | sed 's/^/# /'
	dmesg | tail -n 15 | sed 's/^/# /'
}

# run_tests NAME...: each is a function; those that are named as arguments of the script, or all
run_tests()
{
	local test
	for test in "$@"; do
		case " ${ONLY-} " in
		"  " | *" $test "*) echo "# $test ($SECONDS s)" && $test ;;
		esac
	done
}

no_objects() { objects | grep -qE '^([a-z]+ 0 ?)+$'; }
objects() { cat /sys/module/kquorum/parameters/objects; }

# finish: the kernel log must be clean; print the plan
finish()
{
	local bad
	bad=$(dmesg | grep -E "$KERNEL_COMPLAINS")
	report "$([ -z "$bad" ]; echo $?)" "the kernel log has no complaint" "$(dmesg | grep -E -A 30 "$KERNEL_COMPLAINS" | head -n 100)"
	echo "# $SECONDS s"
	echo "1..$tests"
	[ "$failed" = 0 ]
	exit
}
