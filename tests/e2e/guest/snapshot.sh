#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Three nodes with logs of 8 MiB and a load that never ends: they save snapshots, start from them, and
# send them to who was away. What is acknowledged is looked at all the time by a reader of the log.
# shellcheck source=tests/e2e/guest/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/guest/members.sh
. "$(dirname "$0")/members.sh"
# shellcheck source=tests/e2e/guest/snapshots.sh
. "$(dirname "$0")/snapshots.sh"
# shellcheck source=tests/e2e/guest/snapshot_ship.sh
. "$(dirname "$0")/snapshot_ship.sh"
# shellcheck source=tests/e2e/guest/snapshot_files.sh
. "$(dirname "$0")/snapshot_files.sh"

each_node_saves_by_itself()
{
	local i
	reader_begin 3
	watch_begin
	ok "more than twice the log's size is appended" bulk 1 20
	watch_end
	is "$(grep -vxE 'ok|low|slow' "$WORK/states")" "" "no node's log is ever full"
	ok "nor are there more than three files of snapshots" [ "$(sort -n "$WORK/files" | tail -n 1)" -le 3 ]
	reader_end
	is "$(missed)" "" "who reads the log meanwhile sees all that was acknowledged"
	for i in 1 2 3; do
		becomes "n$i has one snapshot, and nothing beside it" 60 one_snapshot "$i"
		ok "its log in memory begins behind entry 1" [ "$(first_index "$i")" -gt 1 ]
		ok "and takes at most the room that it has" st_is "$i" '.disk.used_bytes < .disk.capacity_bytes * 3 / 4'
		is "$(du -sb --exclude kquorumd.log $DIR/n"$i"/segment-* | awk '{ n += $1 } END { print n }')" \
			8388608 "on the disk as well"
	done
}

# Entries that come one by one take a block each: so the logs of these two may fill up for once, else
# that would be why.
so_many_entries_make_one()
{
	local n1 n2 i
	for i in 1 2; do setting $i log_percent 90; done
	n1=$(snap_index 1)
	n2=$(snap_index 2)
	setting 2 entries 1000
	seq 1000 >"$WORK/small"
	ok "a thousand entries are appended" append_file 1 "$WORK/small"
	becomes "n2, which is set to that, saves" 60 newer 2 "$n2"
	ok "and says why" log_says 2 'saving a snapshot: many entries since the last one'
	is "$(snap_index 1)" "$n1" "n1, which is not, does not"
	setting 2 entries 100000
	for i in 1 2; do setting $i log_percent 50; done
}

asked_for_by_hand()
{
	local n=$((10#$(snap_index 2)))
	on 2 kill -USR1 "$(daemon_pid 2)"
	becomes "SIGUSR1 has a snapshot saved" 30 newer 2 $n
	becomes "which is the only one then" 30 one_snapshot 2
}

# What n3 has to have after whatever happened to it, as it was noted before.
note()
{
	held_locks 3
	mv "$WORK/locks.3" "$WORK/locks.before"
	last_before=$(st 3 .commit_index)
	entries 3 1 "$last_before" >"$WORK/entries.before"
	token_before=$(token_of 3)
}

as_noted()
{
	becomes "$1: it comes back" 90 st_is 3 ".daemon and .quorum and .applied_index >= $last_before"
	ok "it began with a snapshot" [ "$(first_index 3)" -gt 1 ]
	held_locks 3
	ok "the same locks are held and waited for" cmp "$WORK/locks.3" "$WORK/locks.before"
	ok "a new token is higher than those before" [ "$(token_of 3)" -gt "$token_before" ]
	is "$(same_entries 3)" "" "the log goes on where it was"
	becomes "and all know of the same locks" 30 same_locks 3
}

a_node_starts_from_its_snapshot()
{
	ok "n1 leads" lead 1
	note
	ok "a follower is stopped" kq 3 stop --wait 60s
	wait_for 30 no_daemon 3
	ok "and started" start_node 3 $DIR/n3
	as_noted "a follower is started again"
	ok "n3 leads" lead 3
	note
	node_down 3
	becomes "the others go on without their leader" 60 replaced 3
	ok "which is started" start_node 3 $DIR/n3
	as_noted "a leader is started again"
}

a_daemon_is_killed()
{
	local n
	note
	n=$(snap_index 3)
	ok "a daemon is killed" kill_daemon 3
	ok "the log fills up, and it is not there" bulk 1 7
	is "$(snap_index 3)" "$n" "nobody saves"
	ok "it is started" start_node 3 $DIR/n3
	as_noted "without its daemon a node goes on"
	becomes "and the new one saves" 60 newer 3 "$n"
}

a_node_vanishes()
{
	local pids
	note
	namespaces_note
	pids=$(ip netns pids kq3)
	ip netns del kq3
	# shellcheck disable=SC2086
	kill -KILL $pids
	ok "a namespace goes, and its node with it" wait_for 60 no_port 3
	namespace_again 3
	ok "it is started in a new one" start_node 3 $DIR/n3
	as_noted "a node that vanished is started again"
}

mount_small || exit
cluster up -n 4 --bare || exit 1
for i in 1 2 3; do
	# Who holds 12000 locks through elections on a slow machine needs a long lease; and one that is
	# shorter than what a snapshot takes at the lowest rate.
	init_node $i $DIR/n$i --segments 32 --lease 30s && start_node $i $DIR/n$i || exit 1
done
becomes "three nodes have a leader" 60 agree_in 1
hold_begin kept 12000
load_begin
ONLY=$*
run_tests each_node_saves_by_itself so_many_entries_make_one asked_for_by_hand a_node_starts_from_its_snapshot \
	a_daemon_is_killed a_node_vanishes \
	away_gets_a_snapshot leader_dies_in_the_middle connection_breaks_in_the_middle a_new_member_gets_one \
	daemons_killed_in_the_middle damaged_snapshots snapshots_that_are_refused no_room_to_save
load_end
is "$(cat "$WORK/load.failed")" "" "no request failed meanwhile"
hold_end
nodes_down 1 2 3
cluster down >/dev/null
becomes "nothing is left" 30 no_objects
finish
