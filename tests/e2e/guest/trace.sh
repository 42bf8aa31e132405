#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Three nodes with every tracepoint on, from before they start until they are gone: locks and appends
# from all of them, a transfer, the leader cut off while its programs hold locks, nodes stopped and
# started again, one of them so late that it is given a snapshot. The trace is left in /run/kq-shared for the host, which replays it.
# shellcheck source=tests/e2e/guest/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/guest/locks.sh
. "$(dirname "$0")/locks.sh"
# shellcheck source=tests/e2e/guest/tracing.sh
. "$(dirname "$0")/tracing.sh"
DIR=/tmp/kq

# load NODE ROUNDS: a lock, and an entry under it
load()
{
	local k
	for ((k = 0; k < $2; k++)); do
		kq "$1" lock -w 20 "load $(((k + $1) % 2))" -- kquorum append --wait 20s "of n$1, $k"
	done >/dev/null 2>&1
}

# What many programs do at once, and an entry that needs many events.
load_from_all()
{
	local i pids=()
	for i in 1 2 3; do
		load "$i" "$(small 4 3)" &
		pids+=($!)
	done
	head -c 20000 /dev/urandom | base64 -w 0 >"$WORK/large"
	kq 2 append --wait 30s <"$WORK/large" >/dev/null
	wait "${pids[@]}"
	kq 1 bench lock -n "$(small 40 20)" >/dev/null
	report 0 "locks and appends from all nodes"
}

# What becomes of each is not asked here: the replay knows it, and with so short a lease a machine that
# stalls loses its locks.
programs_meet()
{
	local first
	holder 1 b
	first=$holder
	wait_for 30 held 2 b
	kq 2 lock -n b -- true
	kq 3 lock -w 1 b -- true
	holder 2 b
	wait_for 10 waiting 3 b 1
	kill -KILL "$holder"
	wait "$holder"
	holder 3 b
	wait_for 10 waiting 3 b 1
	kill -KILL "$first"
	wait_for 10 waiting 1 b 0
	kill "$holder"
	wait "$first" "$holder"
	report 0 "programs try for a lock, wait, are killed waiting and holding"
} 2>/dev/null

leadership_moves()
{
	agree_in 60
	ok "another node becomes the leader" lead $((leader % 3 + 1))
}

# The leader's own programs hold a lock, and one of its rivals waits for it.
leader_is_cut_off()
{
	local waiter old
	agree_in 60
	old=$leader
	holder "$old" precious
	becomes "the leader's program holds a lock" 30 held "$old" precious
	ip netns exec "kq$((old % 3 + 1))" kquorum lock precious -- true >/dev/null 2>&1 &
	waiter=$!
	wait_for 30 waiting "$old" precious 1
	cluster partition "n$old"
	kq "$old" append --wait 2s "that nobody acknowledges" >/dev/null 2>&1
	timeout 60 tail --pid="$waiter" -f /dev/null
	is "$?" 0 "it is cut off: the one that waited is granted in the end"
	wait "$holder"
	is "$?" 70 "and its holder was stopped"
	cluster heal
	becomes "the node comes back with a new session" 60 st_is "$old" '.quorum and .session_left_ms > 0'
}

nodes_come_and_go()
{
	local i=$((leader % 3 + 1))
	agree_in 60
	ok "a node stops" kq "$i" stop --wait 60s
	load $((i % 3 + 1)) 2
	ok "and starts again, with its log" start_node "$i" "$DIR/n$i"
	becomes "it has a session again" 60 st_is "$i" '.session_left_ms > 0'
	agree_in 60
	i=$leader
	# so that its disk is writing then
	kq "$i" bench lock -n 5000 >/dev/null 2>&1 &
	sleep 1
	node_down "$i"
	wait $!
	ok "the leader is stopped by force and starts again" start_node "$i" "$DIR/n$i"
	becomes "all nodes follow one leader" 60 agree_in 1
}

snapshots() { ls "$DIR/n$1" | grep '^snapshot-.*kqs$'; }
newer() { [ "$(snapshots "$1")" != "$2" ]; }

# saves NODE: its daemon is told to, and what the snapshot stands for goes from its disk
saves()
{
	local before
	before=$(snapshots "$1")
	kill -USR1 "$(daemon_pid "$1")"
	wait_for 30 newer "$1" "$before"
}

# begins_above NODE INDEX: its log begins behind it
begins_above() { [ "$(kq "$1" log --from 1 -j | head -n 1 | jq .index)" -gt "$2" ]; }

# More than a segment is filled while it is away; the others forget what it lacks, but for their snapshots.
a_node_comes_back_too_late()
{
	local late last i k
	agree_in 60
	late=$((leader % 3 + 1))
	last=$(st "$late" .last_index)
	node_down "$late"
	for ((k = 0; k < 40; k++)); do
		head -c 30000 /dev/urandom | base64 -w 0 | kq "$leader" append --wait 30s
	done >/dev/null
	for i in $(others "$late"); do
		ok "n$i saves a snapshot" saves "$i"
	done
	for i in $(others "$late"); do
		node_down "$i"
		ok "n$i starts with it" start_node "$i" "$DIR/n$i"
		# shellcheck disable=SC2046
		becomes "the two agree again" 60 agree $(others "$late")
		ok "its log begins behind it" begins_above "$i" "$last"
	done
	ok "the one that was away starts" start_node "$late" "$DIR/n$late"
	becomes "is given a snapshot, and has a session again" 60 st_is "$late" '.session_left_ms > 0'
	ok "its log begins behind that" begins_above "$late" "$last"
}

trace_on
ok "three nodes start" bring_up $DIR --segment-size 1M --rtt-scale 2 --lease 4s
becomes "and elect a leader" 60 agree_in 1
[ "$failed" = 0 ] || finish
run_tests load_from_all programs_meet leadership_moves leader_is_cut_off nodes_come_and_go \
	a_node_comes_back_too_late
load 1 1
nodes_down 1 2 3
cluster down >/dev/null
becomes "no object of the module is left" 30 no_objects
trace_off
cp "$WORK/trace" /run/kq-shared/trace
is "$(trace_lost)" 0 "no event was lost"
finish
