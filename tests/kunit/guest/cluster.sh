#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Three nodes with real daemons under a kernel with every checker on: load, faults, nodes that go in
# every way. Here nothing is measured: the checkers are what judges (scripts/uml reads the kernel
# log and kmemleak's report). $KQ_CHURN: how often each kind of end is repeated.
# shellcheck source=tests/e2e/guest/lib.sh
. "$(dirname "$0")/../../e2e/guest/lib.sh"
# shellcheck source=tests/e2e/guest/tracing.sh
. "$(dirname "$0")/../../e2e/guest/tracing.sh"
CHURN=${KQ_CHURN:-1}
MODULE=$PWD/build/uml/plain/kquorum.ko
PATH=$PWD/build/bin:$PATH
DIR=/mnt
SEGMENTS=$((8 + 3 * CHURN))	# of 1 MiB, per node: the log is never shortened

# --- load ---------------------------------------------------------------------------------

# append_lines I: one every 200 ms, until the node or this ends
append_lines()
{
	exec 2>/dev/null
	perl -e '$| = 1; for (my $k = 1; print "line $k\n"; $k++) { select undef, undef, undef, 0.2 }' |
		ip netns exec "kq$1" kquorum append - >>"$WORK/appended.$1"
}

# take_locks I: the same lock as all others, again and again; tokens go to one file
take_locks()
{
	while [ -e "/run/netns/kq$1" ]; do
		ip netns exec "kq$1" kquorum lock -w 30 hot -- sh -c "echo \$KQUORUM_TOKEN >>$WORK/tokens"
		sleep 0.1
	done >/dev/null 2>&1
}

load_start()
{
	local i
	load=()
	for i in "$@"; do
		append_lines "$i" &
		load+=($!)
		take_locks "$i" &
		load+=($!)
	done
	disown "${load[@]}"	# or the shell announces their end
}

load_stop()
{
	local i pid
	kill -KILL "${load[@]}" 2>/dev/null
	for i in 1 2 3; do
		for pid in $(ip netns pids "kq$i" 2>/dev/null); do
			[ "$(cat "/proc/$pid/comm" 2>/dev/null)" = kquorumd ] || kill -KILL "$pid" 2>/dev/null
		done
	done
}

# load_goes_on WHAT: entries are still committed, the lock still changes hands
load_goes_on()
{
	local lines tokens
	lines=$(cat "$WORK"/appended.* | wc -l)
	tokens=$(wc -l <"$WORK/tokens")
	becomes "$1: entries still commit" 60 more_than "$lines" "$WORK"/appended.?
	becomes "$1: locks are still granted" 90 more_than "$tokens" "$WORK/tokens"
}
more_than()
{
	local lines=$1
	shift
	[ "$(cat "$@" | wc -l)" -gt "$lines" ]
}

# --- what happens to them -------------------------------------------------------------------

daemons_are_killed()
{
	local i k
	for ((k = 1; k <= CHURN; k++)); do
		for i in 1 2 3; do kill_daemon "$i"; done
		load_goes_on "all daemons killed ($k)"
		for i in 1 2 3; do start_node "$i" "$DIR/n$i" >/dev/null || report 1 "daemon $i starts again"; done
	done
	becomes "restarted daemons have their nodes" 30 daemons_are_there
}
daemons_are_there()
{
	local i
	for i in 1 2 3; do st_is "$i" '.daemon' || return 1; done
}

holder_is_killed()
{
	local k holder
	for ((k = 1; k <= CHURN; k++)); do
		ip netns exec kq1 kquorum lock mine -- sleep 1000 >/dev/null 2>&1 &
		holder=$!
		wait_for 30 st_holds 2 mine
		kill -KILL "$holder"
		wait "$holder" 2>/dev/null
		run kq 2 lock -w 20 mine -- true
		is "$rc" 0 "the lock of a killed holder goes to the next ($k)"
	done
}
st_holds() { kq "$1" resource show "$2" -j | jq -en 'input | .holder != null'; }

leader_is_cut_off()
{
	local k
	for ((k = 1; k <= CHURN; k++)); do
		agree_in 60 || report 1 "there is a leader to cut off ($k)"
		cluster partition "n$leader" >/dev/null
		# shellcheck disable=SC2046
		becomes "the others elect another when the leader's link is cut ($k)" 60 \
			agree $(seq 3 | grep -vx "$leader")
		cluster heal >/dev/null
		becomes "all follow one leader when it is mended ($k)" 60 agree
	done
}

nodes_stop_and_start()
{
	local i
	for i in 1 2 3; do
		ok "n$i stops in order" kq "$i" stop --wait 60s
		ok "n$i starts again" start_node "$i" "$DIR/n$i"
		becomes "and there is one leader" 60 agree
	done
}

# namespace_make I: as scripts/cluster makes it
namespace_make()
{
	ip netns add "kq$1"
	ip -n "kq$1" link set lo up
	ip -n kqbr link add "port$1" type veth peer name eth0 netns "kq$1"
	ip -n kqbr link set "port$1" master br0 up
	ip -n "kq$1" addr add "10.77.0.$1/24" dev eth0
	ip -n "kq$1" link set eth0 up
}

# The name goes first, while processes are inside; then they die. What is left is a namespace that
# only the module's sockets hold.
namespace_is_deleted()
{
	local k pids
	for ((k = 1; k <= CHURN; k++)); do
		pids=$(ip netns pids kq3)
		ip netns del kq3
		# shellcheck disable=SC2086
		kill -KILL $pids 2>/dev/null
		becomes "a node whose namespace is deleted under load goes ($k)" 30 nodes_are 2
		namespace_make 3
		ok "a new one starts on its files ($k)" start_node 3 $DIR/n3
		becomes "all three follow one leader ($k)" 60 agree
	done
	load_goes_on "namespace deleted"
}
nodes_are() { objects | grep -q "^nodes $1 "; }

in_use_the_module_stays()
{
	run rmmod kquorum
	is "$rc" 1 "a module whose nodes are up does not unload"
}

module_is_reloaded()
{
	local k times=$((CHURN > 3 ? CHURN : 3))
	for ((k = 1; k <= times; k++)); do
		insmod "$MODULE" || break
		cluster up -n 1 --bare >/dev/null
		start_node 1 $DIR/n1 >/dev/null
		kq 1 stop --force >/dev/null
		# At once: what is left of the node has to be waited for by the module itself.
		rmmod kquorum || break
		cluster down >/dev/null
	done
	is "$k" $((times + 1)) "it loads, has a node, and unloads $times times"
}

# --------------------------------------------------------------------------------------------

ok "the module loads" insmod "$MODULE"
ok "a disk is there" loop_disk $((3 * SEGMENTS + 48)) $DIR
trace_on
ok "three nodes start" bring_up $DIR --segment-size 1M --segments $SEGMENTS
becomes "and elect a leader" 60 agree
touch "$WORK"/appended.{1,2,3} "$WORK/tokens"
load_start 1 2 3
load_goes_on "three nodes under load"
in_use_the_module_stays
daemons_are_killed
holder_is_killed
leader_is_cut_off
namespace_is_deleted
load_stop
ok "tokens rose all the time" sort -n -u -c "$WORK/tokens"
nodes_stop_and_start
for i in 1 2 3; do ok "n$i stops" kq $i stop --force --wait 60s; done
cluster down >/dev/null
becomes "no object of the module is left" 30 no_objects
trace_off
is "$(trace_lost)" 0 "no event of the trace was lost"
run build/kqreplay "$WORK/trace"
report "$rc" "all that the nodes did is what the core does" "$(tail -n 60 <<<"$out" | cut -c 1-300)"
sed 's/^/# /' <<<"$out" | tail -n 3
ok "the module unloads" rmmod kquorum
module_is_reloaded
finish
