#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# How locks of others went wrong, each as its issue tells it. Each has a control beside it, in which the
# same look at the same things does see the fault.
# shellcheck source=tests/e2e/guest/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/guest/locks.sh
. "$(dirname "$0")/locks.sh"
# shellcheck source=tests/e2e/guest/partition.sh
. "$(dirname "$0")/partition.sh"
# shellcheck source=tests/e2e/guest/on_loss.sh
. "$(dirname "$0")/on_loss.sh"
# shellcheck source=tests/e2e/guest/owner.sh
. "$(dirname "$0")/owner.sh"
LEASE_MS=10000
DELTA_MS=500

# writes FILE: the command of a holder, which writes while it lives, with its token
writes()
{
	echo "$KQUORUM_TOKEN" >"$1.token"
	heart "$1"
}

case ${1-} in
writes | obedient) "$@"; exit ;;
stamp) boot_ms && echo "$boot_ms" >"$2"; exit ;;
esac

# choose: sets $h to a follower, which may be cut off, $o to the leader, $t to the third
choose()
{
	agree_in 60
	o=$leader h=$((leader % 3 + 1)) t=$((6 - leader - (leader % 3 + 1)))
	becomes "n$h has a session" 60 st_is "$h" '.session_left_ms > 0'
}

# lock_by NODE LOCK_OPTIONS... NAME -- CMD...: in the background; sets $holder
lock_by()
{
	local i=$1
	shift
	ip netns exec "kq$i" kquorum lock "$@" >/dev/null 2>&1 </dev/null &
	holder=$!
}

# back: the node that was cut off is there again
back()
{
	cluster heal >/dev/null
	becomes "n$h comes back" 60 agree_in 1
	becomes "with a new session" 60 st_is "$h" '.session_left_ms > 0'
}

# apart A B: the last stamp in A is before the first one in B
apart() { [ "$(tail -n 1 "$1")" -lt "$(head -n 1 "$2")" ]; }

# etcd-io/etcd#10811: one whose lease had run out in network trouble went on writing to the storage,
# beside the next one, who had been granted the lock.
etcd_10811_two_holders_after_network_trouble()
{
	local at=$WORK/10811 pids=() ignoring mark=$WORK/10811.mark
	choose
	lock_by "$h" db -- "$0" writes "$at.old" && pids+=("$holder")
	lock_by "$h" --on-loss=ignore control -- "$0" writes "$at.control-old" && ignoring=$holder
	becomes "n$h writes under a lock" 30 [ -s "$at.old" ]
	becomes "and under one of which nobody tells it that it is lost" 30 [ -s "$at.control-old" ]
	lock_by "$o" db -- "$0" writes "$at.new" && pids+=("$holder")
	lock_by "$o" control -- "$0" writes "$at.control-new" && pids+=("$holder")
	becomes "n$o waits for it" 30 waiting "$o" db 1
	becomes "and for that" 30 waiting "$o" control 1
	cluster partition "n$h" >/dev/null
	becomes "with n$h cut off, n$o writes" 90 [ -s "$at.new" ]
	becomes "under both" 90 [ -s "$at.control-new" ]
	wait "${pids[0]}"
	is "$?" 70 "the first holder was stopped"
	sleep 1
	ok "before the second one wrote (at $(tail -n 1 "$at.old") and $(head -n 1 "$at.new") ms)" \
		apart "$at.old" "$at.new"
	ok "control: where it is not told, both write" eval "! apart $at.control-old $at.control-new"
	run kq "$o" fence check "$mark" control "$(cat "$at.control-new.token")"
	is "$rc" 0 "control: a resource that looks at the token takes the new one's write"
	run kq "$h" fence check "$mark" control "$(cat "$at.control-old.token")"
	is "$rc" 70 "control: and refuses the old one's"
	kill "${pids[@]:1}" 2>/dev/null
	pkill -KILL -P "$ignoring"
	wait
	back
}

# token_in FILE: of what was granted, as the owner tells it
token_in() { sed -n 's/^granted \([0-9]*\) .*/\1/p' "$1"; }

# etcd-io/etcd#11456: while it waited for a lock, a client's lease ran out; when the lock was released
# it was told that it holds it.
etcd_11456_granted_without_its_lease()
{
	local first waiter next heard next_heard
	choose
	start "$o" lock:queue sleep
	first=$owner
	becomes "n$o holds a lock" 30 says granted
	start "$h" ask:queue until:granted sleep
	waiter=$owner heard=$said
	becomes "n$h waits for it" 30 waiting "$o" queue 1
	start "$t" ask:queue until:granted sleep
	next=$owner next_heard=$said
	becomes "then n$t" 30 waiting "$o" queue 2
	cluster partition "n$h" >/dev/null
	# no sooner than its lease
	sleep $((LEASE_MS / 1000 - 1))
	becomes "n$h is cut off, and its session ends" 90 waiting "$o" queue 1
	end "$first"
	becomes "the lock goes to n$t, who waited behind it" 30 says '^granted' "$next_heard"
	is "$(kq "$o" resource show queue -j | jq -r '"\(.holder.node) \(.queue | length)"')" "n$t 0" \
		"who holds it alone"
	back
	becomes "n$h asks again, in its new session" 30 waiting "$o" queue 1
	ok "it has not heard that it holds what n$t holds" eval "! grep -q granted $heard"
	end "$next"
	becomes "it hears so when n$t has given it back" 30 says '^granted' "$heard"
	ok "with a higher token" [ "$(token_in "$heard")" -gt "$(token_in "$next_heard")" ]
	is "$(kq "$o" resource show queue -j | jq -r '"\(.holder.node) \(.holder.session)"')" \
		"n$h $(st "$h" .session)" "and under the lease that it has now"
	end "$waiter"
	becomes "nothing is left of it" 30 gone "$o" queue
}

# hashicorp/consul#9788: cut off from the leader, "consul lock" told its command to end 90 s after
# the other node had been granted the lock.
consul_9788_told_late()
{
	local at=$WORK/9788 pids=() deadline told granted
	choose
	lock_by "$h" app -- "$0" obedient "$at.app" && pids+=("$holder")
	lock_by "$h" --on-loss=ignore control2 -- "$0" obedient "$at.control" && pids+=("$holder")
	start "$h" lock:handle until:lost sleep
	becomes "n$h runs its application" 30 [ -s "$at.app" ]
	becomes "and one that nobody tells" 30 [ -s "$at.control" ]
	becomes "and a program with a handle of its own" 30 says '^granted'
	lock_by "$o" app -- "$0" stamp "$at.granted" && pids+=("$holder")
	lock_by "$o" control2 -- "$0" stamp "$at.control-granted" && pids+=("$holder")
	becomes "n$o waits" 30 waiting "$o" app 1
	becomes "n$o waits for that too" 30 waiting "$o" control2 1
	cluster partition "n$h" >/dev/null
	# its last renewal may still be under way
	sleep 1
	lease_end "$h"
	becomes "with n$h cut off, n$o is granted the lock" 90 [ -s "$at.granted" ]
	becomes "and the other" 30 [ -s "$at.control-granted" ]
	granted=$(cat "$at.granted")
	told=$(cat "$at.app.told" 2>/dev/null || echo 0)
	ok "the application was told before its lease ended (told at $told, lease until $deadline ms)" \
		[ "$told" -gt 0 -a "$told" -le "$deadline" ]
	ok "$((granted - told)) ms before the other was granted the lock" [ "$told" -lt "$granted" ]
	wait "${pids[0]}"
	is "$?" 70 "and its end says why"
	told=$(sed -n 's/^lost [0-9]* //p' "$said")
	ok "the program heard at $told ms that it holds nothing, before $((granted)) ms" \
		[ "${told:-$granted}" -lt "$granted" ]
	ok "control: where nobody is told, nobody hears of it" [ ! -e "$at.control.told" ]
	pkill -KILL -P "${pids[1]}"
	end "$owner"
	wait
	back
}

# etcd-io/etcd#8365: the container of a holder was killed, and the others waited for the whole time-out,
# 60 s, because nothing but a signal that could be caught gave the lock back.
etcd_8365_a_crash_costs_the_time_out()
{
	local at=$WORK/8365 container command waiter from granted
	choose
	start_by "$h" unshare -p -f --mount-proc kquorum lock crash -- sleep 1000
	container=$owner
	becomes "a container on n$h holds a lock" 30 held "$o" crash
	lock_by "$o" crash -- "$0" stamp "$at"
	waiter=$holder
	becomes "n$o waits for it" 30 waiting "$o" crash 1
	boot_ms
	from=$boot_ms
	kill -KILL "$(child_of "$container")"
	wait "$waiter"
	is "$?" 0 "the container is killed, and n$o is granted it"
	granted=$(cat "$at")
	ok "at once, $((granted - from)) ms later, not at the end of the lease of $LEASE_MS ms" \
		[ $((granted - from)) -lt $((LEASE_MS * 8 / 10)) ]
	wait "$container"

	lock_by "$h" --inherit crash -- sleep 1000
	container=$holder
	becomes "control: a command has the handle too" 30 held "$o" crash
	command=$(child_of "$container")
	end "$container"
	run kq "$o" lock -w 3 crash -- true
	is "$rc" 75 "control: with the other process killed, it is still held, and that is seen"
	kill -KILL "$command"
	becomes "control: until the command is killed" 20 gone "$o" crash
}

ONLY=$*
ok "three nodes start" bring_up /tmp/kq --delta ${DELTA_MS}ms --lease ${LEASE_MS}ms
becomes "three nodes elect one leader" 60 agree_in 1
run_tests etcd_10811_two_holders_after_network_trouble etcd_11456_granted_without_its_lease \
	consul_9788_told_late etcd_8365_a_crash_costs_the_time_out
nodes_stop_cleanly
finish
