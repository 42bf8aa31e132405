#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Load and unload, namespaces deleted under load, daemons killed, $KQ_CHURN times each; afterwards
# nothing is left. Starts and ends with the module loaded.
# shellcheck source=tests/e2e/guest/lib.sh
. "$(dirname "$0")/lib.sh"
MODULE=build/kmod/$(uname -r)/kquorum.ko
TIMES=${KQ_CHURN:-$(small 5 3)}
DIR=/tmp/kq

# counts NAME N: the module counts N of these objects
counts() { objects | grep -qw "$1 $2"; }

module_absent()
{
	rmmod kquorum
	run kquorum status
	is "$rc" 1 "without the module status fails"
	like "$out" 'modprobe kquorum' "and says what to do"
	run kquorum lock x -- true
	is "$rc" 1 "and so does lock"
	insmod "$MODULE"
}

load_and_unload()
{
	local k loaded=0
	ip netns add kq1
	ip -n kq1 link set lo up
	mkdir -p $DIR
	NODES=1 init_node 1 $DIR/alone --listen 127.0.0.1 >/dev/null
	for ((k = 0; k < TIMES; k++)); do
		# every other time a node has lived in between
		if ((k % 2)); then
			start_node 1 $DIR/alone >/dev/null || break
			wait_for 60 st_is 1 .quorum
			! rmmod kquorum 2>/dev/null || break
			kq 1 lock -w 60 l -- true || break
			node_down 1
			wait_for 30 no_objects || break
		fi
		rmmod kquorum && insmod "$MODULE" && loaded=$((loaded + 1))
	done
	ip netns del kq1
	is "$loaded" "$TIMES" "the module is loaded and unloaded $TIMES times, never while a node is up"
}

# A program on node I that locks and appends until $WORK/stop is there. What it is refused does not matter.
load_start()
{
	(
		while [ ! -e "$WORK/stop" ]; do
			kq "$1" lock -w 5 "load $((RANDOM % 3))" -- kquorum append --wait 5s "of n$1"
		done >/dev/null 2>&1
	) &
	load[$1]=$!
}

# namespace_dies I FIRST: with its daemon and its load; the name goes first, or the processes
namespace_dies()
{
	local pids
	pids=$(ip netns pids "kq$1")
	[ "$2" = name ] && ip netns del "kq$1"
	# shellcheck disable=SC2086
	kill -KILL "${load[$1]}" $pids
	[ "$2" = name ] || ip netns del "kq$1"
	wait "${load[$1]}" 2>/dev/null
	wait_for 60 counts nodes 2 && wait_for 60 no_port "$1"
}

namespaces_deleted_under_load()
{
	local k i died=0
	for ((k = 0; k < TIMES; k++)); do
		i=$((k % 3 + 1))
		if ((k % 2)); then namespace_dies $i name; else namespace_dies $i processes; fi || break
		died=$((died + 1))
		namespace_again $i
		start_node $i $DIR/n$i >/dev/null 2>&1 || break
		wait_for 90 st_is $i '.quorum and .session_left_ms > 0' || break
		load_start $i
	done
	is "$died" "$TIMES" "$TIMES times a namespace dies under load, and with it its node" || show_cluster
	becomes "every node came back" 90 agree
}

daemons_killed_under_load()
{
	local k i term killed=0
	agree_in 60
	term=$(st "$leader" .term)
	for ((k = 0; k < TIMES; k++)); do
		i=$((k % 3 + 1))
		kill_daemon $i || break
		start_node $i $DIR/n$i >/dev/null 2>&1 || break
		wait_for 60 st_is $i '.daemon and .quorum' || break
		killed=$((killed + 1))
	done
	is "$killed" "$TIMES" "$TIMES times a daemon is killed and started again under load" || show_cluster
	agree_in 60
	is "$(st "$leader" .term)" "$term" "no election came of it"
}

all_is_gone()
{
	touch "$WORK/stop"
	wait "${load[@]}"
	nodes_down 1 2 3
	cluster down >/dev/null
	becomes "the module counts no object any more" 60 no_objects
	echo "# $(objects)"
	ok "it can be unloaded" rmmod kquorum
	insmod "$MODULE"
}

ONLY=$*
run_tests module_absent load_and_unload
# A node that died begins a new session when its old one's lease is over: a short one, for there are many.
ok "three nodes start" bring_up $DIR --segment-size 4M --lease 5s
becomes "and elect a leader" 60 agree_in 1
load=()
namespaces_note
for i in 1 2 3; do
	load_start "$i"
done
run_tests namespaces_deleted_under_load daemons_killed_under_load
all_is_gone
finish
