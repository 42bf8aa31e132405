# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Machines by one file: `kquorum init --from`. Sourced by member.sh, whose namespaces these use; the
# nodes are r1 to r4 of a cluster of their own.
ROLL=$WORK/roll.conf

# roll I [OPTION]...: the same command on machine I
roll()
{
	local i=$1
	shift
	kq "$i" init --from "$ROLL" --node "r$i" --dir "$DIR/r$i" "$@"
}

# roll_file N: a file for machines 1 to N
roll_file()
{
	local i
	{
		echo "[cluster]"
		echo "name = roll"
		echo "[members]"
		for ((i = 1; i <= $1; i++)); do echo "r$i = 10.77.0.$i"; done
		echo "[settings]"
		echo "heartbeat_ms = 400"
		echo "election_ms = 4000"
		echo "[log]"
		echo "segment_bytes = 262144"
	} >"$ROLL"
}

# roll_all I...: on all of these at once; each ends with 0
roll_all()
{
	local i pids=() failed=0
	for i in "$@"; do
		roll "$i" --timeout 100s >"$WORK/roll.$i" 2>&1 &
		pids+=($!)
	done
	for i in "${pids[@]}"; do wait "$i" || failed=1; done
	[ $failed = 0 ] || tail -n 5 "$WORK"/roll.?
	return $failed
}

rolled_by_one_file_they_begin_together()
{
	roll_file 3
	run roll 1 --timeout 0
	is "$rc" 75 "a machine whose others do not answer waits"
	like "$out" 'r2, r3 ' "and says for whom"
	is "$(st 1 .last_index)" 0 "it begins nothing"
	ok "the same command on all three makes a cluster" roll_all 1 2 3
	becomes "of which all are voters" 30 settled 2 "r1 r2 r3"
	run kq 2 lock -w 60 there -- true
	is "$rc" 0 "a lock is granted"
	run roll 2 --timeout 0
	is "$rc" 0 "again it changes nothing"
	like "$out" 'node r2 is a member' "and says so"
	run kq 3 init --from "$ROLL" --dir $DIR/r3 --timeout 0 -j
	like "$out" '"node":.*"r3"' "which machine it is its address tells"
	like "$out" '"made":.*false' "and nothing is made"
}

rolled_out_later_they_join()
{
	roll_file 4
	ok "one more line in the file, and the same command on all" roll_all 1 2 3 4
	becomes "the new one votes, too" 60 settled 1 "r1 r2 r3 r4"
	run kq 4 lock -w 60 there -- true
	is "$rc" 0 "and takes a lock"
}

rolled_over_a_lost_disk_nothing_begins()
{
	node_down 3
	rm -rf $DIR/r3
	run roll 3 --timeout 5s
	is "$rc" 1 "a machine that lost its disk is refused"
	like "$out" 'kquorum member replace r3 r3=10.77.0.3:7420' "with the way out"
	ok "and nothing is made there" [ ! -e $DIR/r3 ]
	ok "the way out leads back" join 3 $DIR/r3 1 replace r3 r3=10.77.0.3
	run roll 3 --timeout 60s
	is "$rc" 0 "the same command is content again"
	# Half of the disks are lost while all is down: those who have one still know better.
	nodes_down 1 2 3 4
	rm -rf $DIR/r1 $DIR/r2
	run roll 1 --timeout 0
	is "$rc" 75 "while nobody answers it waits"
	run roll 2 --timeout 8s
	is "$rc" 75 "and so does another"
	is "$(st 1 .last_index) $(st 2 .last_index)" "0 0" "two with new disks begin nothing"
	ok "one with a disk comes back" start_node 4 $DIR/r4
	run roll 1 --timeout 20s
	is "$rc" 1 "the first machine is refused"
	like "$out" 'r1 is a member of roll already, with other files than those here' "with the reason"
	is "$(st 1 .last_index)" 0 "and has begun nothing"
}
