# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Snapshots on their way from the leader's daemon to that of a node that was away. Sourced by snapshot.sh.

SLOW=65536	# bytes a second, the least there is: half a minute for a snapshot, time to do something in the middle

rate() { local i; for i in 1 2 3; do setting $i rate "$1"; done; }

# leave_behind I LAST: node I has the log up to LAST and stores no more; those of the others begin
# behind that
leave_behind()
{
	ok "without n$1 much is appended" beyond
	becomes "more than the others keep" 60 eval "[ $(($2 + 1)) -lt \$(first_index 1) ]"
	echo "# n$1 has $2, n1 begins with $(first_index 1)"
}

# go_away I: node I is down, and its log ends before those of the others begin
go_away()
{
	local last
	last=$(st "$1" .last_index)
	node_down "$1"
	leave_behind "$1" "$last"
	log_reset
}

# arrives I: it has come back with a snapshot of others
arrives()
{
	becomes "n$1 receives a snapshot" 120 log_says "$1" 'received the snapshot of index' || show_daemons
	becomes "and what came after it" 60 caught_up "$1"
	becomes "nothing else is left of it" 60 one_snapshot "$1"
	becomes "the locks are those that the others know of" 30 same_locks "$1"
}

# caught_up I: it has all that n2 had when this was first asked
caught_up()
{
	local last
	last=$(st 2 .commit_index)
	wait_for 20 st_is "$1" ".quorum and .applied_index >= $last"
}

# in_the_middle I: a part of a snapshot has come to node I
in_the_middle()
{
	local file
	for file in "$DIR/n$1"/snapshot-*.part; do
		[ "$(stat -c %s "$file")" -gt $((SLOW * 2)) ] && return
	done
	return 1
}

# comes_half I: node I is started, and gets the first part of a snapshot
comes_half()
{
	ok "n$1 comes back" start_node "$1" "$DIR/n$1"
	becomes "a part of a snapshot comes" 90 in_the_middle "$1" || show_daemons
}

away_gets_a_snapshot()
{
	local term
	ok "n1 leads" lead 1
	term=$(st 1 .term)
	go_away 3
	ok "n3 comes back" start_node 3 $DIR/n3
	arrives 3
	becomes "its leader knows" 30 log_says 1 'n3 has installed the snapshot of index'
	is "$(st 1 .term)" "$term" "and has led on"
}

leader_dies_in_the_middle()
{
	ok "n1 leads" lead 1
	go_away 3
	rate $SLOW
	comes_half 3
	node_down 1
	becomes "the leader has gone, and n2 leads" 60 eval "agree 2 3 && [ \$leader = 2 ]"
	arrives 3
	ok "from n2" log_says 3 'n2 sends the snapshot of index'
	ok "n1 comes back" start_node 1 $DIR/n1
	becomes "and has everything" 60 caught_up 1
	rate 0
}

connection_breaks_in_the_middle()
{
	ok "n1 leads" lead 1
	go_away 3
	rate $SLOW
	comes_half 3
	cluster partition n3
	becomes "the connection breaks" 90 log_says 3 '(is silent|has gone) after byte [1-9]'
	log_reset
	cluster heal
	arrives 3
	ok "only the rest was sent" log_says 3 'n1 sends the snapshot of index .* from byte [1-9]'
	rate 0
}

a_new_member_gets_one()
{
	any_leader 1 2 3
	ok "a new member joins" join 4 $DIR/n4 1 add n4=10.77.0.4
	becomes "and votes" 60 settled 1 "n1 n2 n3 n4"
	arrives 4
	any_leader 1 2 3
	ok "it leaves again" changes "$leader" remove n4
	becomes "which is settled" 60 settled 1 "n1 n2 n3"
	node_down 4
}

# A daemon that saves is killed: few moments, but not rare ones for who waits for nothing else.
killed_while_saving()
{
	local try f
	for ((try = 0; try < 20; try++)); do
		sleep 0.5
		on 2 kill -USR1 "$1"
		for ((f = 0; f < 100000; f++)); do
			for half in $DIR/n2/snapshot-*.new; do
				[ -e "$half" ] || continue
				kill -KILL "$1"
				wait_for 20 no_daemon 2
				[ -n "$(unfinished 2)" ]
				return
			done
		done
	done
	return 1
}

daemons_killed_in_the_middle()
{
	local try n
	ok "n1 leads" lead 1
	for try in 1 2 3 4 5; do
		killed_while_saving "$(daemon_pid 2)" && break
		start_node 2 $DIR/n2
	done
	report $? "a daemon is killed while it saves"
	n=$(snap_index 2)
	start_node 2 $DIR/n2
	becomes "another one leaves nothing of that" 30 one_snapshot 2
	on 2 kill -USR1 "$(daemon_pid 2)"
	becomes "and saves" 30 newer 2 "$n"

	go_away 3
	rate $SLOW
	comes_half 3
	ok "the daemon that sends is killed" kill_daemon 1
	log_reset
	ok "another one comes" start_node 1 $DIR/n1
	becomes "and sends the rest" 60 log_says 1 'sending n3 the snapshot of index .* from byte [1-9]'
	arrives 3

	go_away 3
	comes_half 3
	ok "the daemon that receives is killed" kill_daemon 3
	log_reset
	ok "another one comes" start_node 3 $DIR/n3
	becomes "and takes the rest" 60 log_says 3 'n1 sends the snapshot of index .* from byte [1-9]'
	arrives 3
	rate 0
}
