#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A cluster of one grows to five and shrinks again; machines are replaced, moved, wiped. Then another
# one by one file for all machines.
# shellcheck source=tests/e2e/guest/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/guest/members.sh
. "$(dirname "$0")/members.sh"
# shellcheck source=tests/e2e/guest/rollout.sh
. "$(dirname "$0")/rollout.sh"
DIR=/tmp/kq

# Whoever asks n1 for a lock or appends a line gets it, or is told to try again.
load()
{
	local i=0
	while [ -e "$WORK/load" ]; do
		i=$((i + 1))
		run kq 1 lock -w 60 load -- true
		[ "$rc" = 0 ] || echo "lock $i: $rc: $out" >>"$WORK/load.failed"
		run kq 1 append "line $i"
		[ "$rc" = 0 ] && echo "line $i" >>"$WORK/load.done" || echo "append $i: $rc: $out" >>"$WORK/load.failed"
	done
}
load_begin() { : >"$WORK/load"; : >"$WORK/load.failed"; : >"$WORK/load.done"; load & load_pid=$!; }
load_end() { rm "$WORK/load"; wait $load_pid; }

one_grows_to_three()
{
	run kq 1 member list
	like "$out" '^1 +n1 +10.77.0.1(:7420)? +voter' "the first member is listed"
	load_begin
	ok "a second machine joins" join 2 $DIR/n2 1 add n2=10.77.0.2
	like "$(cat "$WORK/member.out")" 'n2 is a member' "and it is said so"
	becomes "two vote" 30 settled 1 "n1 n2"
	ok "a third one joins" join 3 $DIR/n3 1 add n3=10.77.0.3
	becomes "three vote" 30 settled 3 "n1 n2 n3"
	run kq 3 lock -w 60 there -- true
	is "$rc" 0 "the third one takes a lock"
	run kq 1 append before
	is "$rc" 0 "and history goes on"
	becomes "which it has whole" 30 eval "kq 3 log -j | grep -q before"
}

a_learner_gets_the_log_and_no_vote()
{
	any_leader 1 2 3
	ok "a machine joins as a learner" join 4 $DIR/n4 1 add n4=10.77.0.4 --learner
	ok "which does not vote" settled 1 "n1 n2 n3"
	ok "and gets the log" st_is 4 '.quorum and .applied_index > 1'
	run kq 1 status
	like "$out" 'may lose 1 of 3' "and is not counted on"
	any_leader 1 2 3
	ok "it is promoted" changes "$leader" promote n4
	becomes "and votes" 30 settled 1 "n1 n2 n3 n4"
	any_leader 1 2 3
	ok "it is demoted" changes "$leader" demote n4
	becomes "and does not vote any more" 30 settled 1 "n1 n2 n3"
	any_leader 1 2 3
	ok "with its vote it comes back" changes "$leader" add n4=10.77.0.4
	becomes "by itself, once it has caught up" 60 settled 1 "n1 n2 n3 n4"
}

a_leader_that_removes_itself_hands_over()
{
	ok "n4 leads" lead_of 4 1 2 3 4
	ok "the leader removes itself" changes 4 remove n4
	becomes "the others have another one" 60 eval "any_leader 1 2 3 && settled 1 'n1 n2 n3'"
	becomes "it knows that it has left" 60 eval "kq 4 status | grep -qi 'has left'"
	run kq 4 lock -w 10 x -- true
	like "$rc" '^[1-9]' "and takes no lock any more"
	run kq 1 member remove n4
	like "$out" 'left' "who has left already is told apart"
	node_down 4
}

# lead_of I NODE...: node I shall lead these
lead_of()
{
	local i=$1 try
	shift
	for try in 1 2 3; do
		any_leader "$@" || return 1
		[ "$leader" != "$i" ] || return 0
		kq "$leader" transfer "n$i" --wait 30s || echo "transfer $try failed"
	done
	any_leader "$@" && [ "$leader" = "$i" ]
}

what_would_lose_the_quorum_is_refused()
{
	lead_of 1 1 2 3
	node_down 2
	run kq 1 member remove n3
	is "$rc" 1 "to remove one of the two that live is refused"
	like "$out" 'n2' "with the name of who is missing"
	ok "all three still vote" settled 1 "n1 n2 n3"
	ok "n2 comes back" start_node 2 $DIR/n2
	becomes "and is there" 60 st_is 2 '.quorum and .session_left_ms > 0'
}

a_dead_machine_is_replaced_by_another()
{
	node_down 3
	rm -rf $DIR/n3
	ok "another machine takes its place" join 5 $DIR/n5 1 replace n3 n5=10.77.0.5
	becomes "in one step" 30 settled 1 "n1 n2 n5"
	run kq 5 lock -w 60 there -- true
	is "$rc" 0 "it takes a lock"
	any_leader 1 2 5
	run kq "$leader" member replace n3 n5=10.77.0.5
	is "$rc" 0 "to say it again changes nothing"
	ok "really" settled 1 "n1 n2 n5"
}

a_wiped_machine_comes_back_under_its_name()
{
	node_down 2
	rm -rf $DIR/n2
	ok "it is made anew" join 2 $DIR/n2 1 replace n2 n2=10.77.0.2
	becomes "and votes under its name" 30 eval "settled 1 'n1 n5 n2' || settled 1 'n1 n2 n5'"
	run kq 2 lock -w 60 there -- true
	is "$rc" 0 "it takes a lock"
}

a_machine_moves_to_another_address()
{
	any_leader 1 2 5
	ip -n kq5 addr add 10.77.0.55/24 dev eth0
	sed -i 's/^listen.*/listen = 0.0.0.0:7420/' $DIR/n5/kquorum.conf
	on 5 kill -HUP "$(daemon_pid 5)"
	ok "its new address is told" changes "$leader" set-address n5 10.77.0.55
	# with the first address of a network the kernel drops those after it
	ip -n kq5 addr del 10.77.0.5/24 dev eth0
	ip -n kq5 addr replace 10.77.0.55/24 dev eth0
	becomes "the others reach it there" 60 st_is 1 '.nodes[] | select(.node == "n5") | .connected and .address == "10.77.0.55:7420"'
	run kq 5 lock -w 60 there -- true
	is "$rc" 0 "it takes a lock"
	becomes "and all are there" 60 st_is 1 '[.nodes[].connected] | all'
}

three_shrink_to_one()
{
	lead_of 1 1 2 5
	ok "one leaves" changes 1 remove n5 --force
	any_leader 1 2
	ok "and another" changes "$leader" remove n2
	becomes "one is left" 30 settled 1 n1
	load_end
	is "$(cat "$WORK/load.failed")" "" "no request failed meanwhile"
	becomes "each line that was acknowledged is in the log" 60 every_line_is_there
	run kq 1 member remove n1
	is "$rc" 1 "the last one cannot leave"
	node_down 2
	node_down 5
}

# An empty log beside the mark of a cluster that has begun: it must not begin another one.
the_first_node_begins_no_second_cluster()
{
	local i
	node_down 1
	for ((i = 0; i < 24; i++)); do
		dd if=/dev/zero of="$(printf '%s/n1/segment-%04d' $DIR $i)" bs=1M count=1 conv=notrunc status=none
	done
	ok "its log is lost" start_node 1 $DIR/n1
	becomes "it says so" 20 st_is 1 '.why | test("its cluster has begun: the log was lost")'
	is "$(st 1 .last_index)" 0 "and begins nothing"
}

every_line_is_there()
{
	kq 1 log -j | jq -r 'select(.type == "append") | .text' | grep '^line' >"$WORK/lines"
	diff "$WORK/load.done" "$WORK/lines"
}

NODES=5
cluster up -n 5 --bare || exit 1
NODES=1
# room for all that the load writes; those that join get as much
init_node 1 $DIR/n1 --segment-size 1M --segments 24 && start_node 1 $DIR/n1
becomes "a cluster of one has a leader" 60 agree_in 1 1
ONLY=$*
run_tests one_grows_to_three a_learner_gets_the_log_and_no_vote a_leader_that_removes_itself_hands_over \
	what_would_lose_the_quorum_is_refused a_dead_machine_is_replaced_by_another \
	a_wiped_machine_comes_back_under_its_name a_machine_moves_to_another_address three_shrink_to_one \
	the_first_node_begins_no_second_cluster
node_down 1
run_tests rolled_by_one_file_they_begin_together rolled_out_later_they_join \
	rolled_over_a_lost_disk_nothing_begins
nodes_down 1 2 3 4
becomes "nothing is left" 30 no_objects
finish
