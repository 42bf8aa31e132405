# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Partitions and dead daemons. Sourced by cluster.sh.

# The command of a holder: writes CLOCK_BOOTTIME in ms to FILE every 20 ms while it lives.
heart()
{
	exec {never}<> <(:)
	while boot_ms; do
		echo "$boot_ms" >>"$1"
		read -r -t 0.02 -u "$never" _
	done
}

minority_grants_nothing_and_guard_band_holds()
{
	local left deadline granted last holder_pid waiter rc1 h o
	agree_in 60
	# the leader stays on the majority's side: so the grant comes as early as it ever may
	h=$((leader % 3 + 1)) o=$leader
	becomes "a follower has a session" 30 st_is $h '.session_left_ms > 0'
	ip netns exec "kq$h" kquorum lock guarded -- "$0" heart "$WORK/heart" 2>"$WORK/holder.err" &
	holder_pid=$!
	becomes "it holds a lock" 30 held "$o" guarded
	ip netns exec "kq$o" kquorum lock guarded -- "$0" stamp "$WORK/granted" &
	waiter=$!
	becomes "another node waits for it" 30 waiting "$o" guarded 1
	cluster partition n$h
	# its last renewal may still be under way
	sleep 1
	boot_ms
	left=$(st $h '.session_left_ms | floor')
	deadline=$((boot_ms + left))
	run kq $h lock -w 5 minority -- touch "$WORK/minority"
	is "$rc" 69 "the minority's lock -w 5 exits 69"
	like "$out" 'no quorum' "and says so"
	ok "and its command did not run" [ ! -e "$WORK/minority" ]
	run kq "$o" lock -w 30 majority -- true
	is "$rc" 0 "the majority grants meanwhile"
	wait "$holder_pid"
	is "$?" 70 "the isolated holder is stopped, its lock exits 70"
	rc1=0
	timeout 60 tail --pid=$waiter -f /dev/null || rc1=$?
	is "$rc1" 0 "the next in line is granted"
	granted=$(cat "$WORK/granted" 2>/dev/null || echo 0)
	last=$(tail -n 1 "$WORK/heart")
	ok "after the holder's command ended (at $last ms, granted at $granted ms)" [ "$last" -lt "$granted" ]
	# session_left was read after the clock, so the deadline is not before what was computed
	ok "and at least 2 delta after the deadline (at $deadline ms, $((granted - deadline)) ms before the grant)" \
		[ $((granted - deadline)) -ge $((2 * DELTA_MS - 10)) ]
	run kq $h lock -n minority -- touch "$WORK/minority"
	is "$rc" 69 "the minority's lock -n exits 69 too"
	cluster heal
	becomes "the isolated node comes back" 60 agree_in 1
	becomes "with a new session" 60 st_is $h '.session_left_ms > 0'
	run kq $h lock -w 30 guarded -- true
	is "$rc" 0 "and is granted locks again"
}

sessions_live()
{
	local i
	for i in 1 2 3; do st_is $i '.session_left_ms > 0' || return 1; done
}

all_daemons_killed()
{
	local i term index holder_pid
	ok "n2 leads" lead 2
	becomes "all have a session" 60 sessions_live
	term=$(st 2 .term)
	for i in 1 2 3; do ok "daemon of n$i killed" kill_daemon $i; done
	ok "status says that there is none" st_is 2 '.daemon == false and .quorum == true'
	run kq 1 lock -w 30 d -- true
	is "$rc" 0 "without any daemon a lock is granted and released"
	becomes "which leaves nothing" 20 gone 3 d
	index=$(st 2 .commit_index)
	run kq 3 append "without daemons"
	is "$rc" 0 "an entry commits"
	becomes "and is applied everywhere" 30 st_is 1 ".applied_index > $index"
	ip netns exec kq3 kquorum lock expires -- sleep 1000 2>/dev/null &
	holder_pid=$!
	becomes "n3 holds a lock" 30 held 1 expires
	cluster partition n3
	run kq 1 lock -w 60 expires -- true
	is "$rc" 0 "the lock of an isolated node expires without daemons"
	timeout 60 tail --pid=$holder_pid -f /dev/null
	wait "$holder_pid"
	is "$?" 70 "its holder was stopped"
	cluster heal
	for i in 1 2 3; do kq $i start --dir "/tmp/kq/n$i" >/dev/null; done
	becomes "restarted daemons connect the nodes again" 60 agree_in 1
	becomes "n3 has a session again" 60 st_is 3 '.session_left_ms > 0'
	is "$leader $(st 2 .term)" "2 $term" "without an election: leader and term are the same"
}
