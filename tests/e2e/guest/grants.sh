# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Grants that end by themselves, evictions, who may lock what, the cluster's fence. Sourced by cluster.sh,
# after partition.sh and on_loss.sh.

# --- the commands of holders

# hangs FILE: works and renews for longer than its time to live of 12 s, then hangs; stamps as heart does
hangs()
{
	local end
	boot_ms && end=$((boot_ms + 14000))
	while [ "$boot_ms" -lt $end ]; do
		echo "$boot_ms" >>"$1"
		kquorum renew || exit
		sleep 1
		boot_ms
	done
	: >"$1.hangs"
	heart "$1"
}

# --- what is seen

# log_has JQ: one of the entries of the log is so
log_has() { kq "$leader" log -j | jq -en "[inputs] | flatten | any($1)" >/dev/null; }
# user UID[:GID[,GID]...] NODE CMD...: as that user
user()
{
	local uid=${1%%:*} gids=65534 i=$2
	[ "$1" = "$uid" ] || gids=${1#*:}
	shift 2
	ip netns exec "kq$i" setpriv --reuid "$uid" --regid "${gids%%,*}" --groups "$gids" "$@"
}

# exits PID LIMIT_S: sets $status to its exit status, or "late"
exits()
{
	status=late
	timeout "$2" tail --pid="$1" -f /dev/null || return
	wait "$1"
	status=$?
}

# passed_on HOLDER_FILE GRANTED_FILE NAME: what the holder wrote is from before the next grant
passed_on()
{
	local last granted
	last=$(tail -n 1 "$1")
	granted=$(cat "$2" 2>/dev/null || echo 0)
	ok "$3 (at $last ms, granted at $granted ms)" [ "${last:-0}" -lt "$granted" ]
}

# next_holder NODE NAME FILE: waits for it there, and stamps when it has it; sets $waiter
next_holder()
{
	ip netns exec "kq$1" kquorum lock "$2" -- "$0" stamp "$3" 2>/dev/null </dev/null &
	waiter=$!
	becomes "another node waits for $2" 30 waiting "$1" "$2" 1
}

# --- ends of their own

hung_holder_loses_its_grant()
{
	local at=$WORK/hung pid status first
	agree_in 60
	ip netns exec kq1 kquorum lock --ttl 12s --renew=none hung -- "$0" hangs "$at" 2>"$at.err" </dev/null &
	pid=$!
	becomes "a command that renews by itself runs" 30 [ -s "$at" ]
	next_holder 2 hung "$at.granted"
	becomes "it works for longer than its time to live" 60 [ -e "$at.hangs" ]
	first=$(head -n 1 "$at")
	exits $pid 60
	is "$status" 70 "then it hangs, and kquorum lock exits 70"
	ok "which took longer than that" [ $(($(tail -n 1 "$at") - first)) -gt 12000 ]
	like "$(cat "$at.err")" 'unless renewed it is lost' "it says what was the matter"
	exits $waiter 60
	is "$status" 0 "the next in line has it"
	passed_on "$at" "$at.granted" "and not before the command has ended"
	# the daemons and the other locks of n1 live: it is no node that died
	ok "with the session of its node" st_is 1 '.session_left_ms > 0'
}

# kquorum renews for a command that does not; stopped, it does not.
supervisor_renews_until_it_is_stopped()
{
	local at=$WORK/auto pid status
	ip netns exec kq1 kquorum lock --ttl 12s auto -- "$0" heart "$at" 2>"$at.err" </dev/null &
	pid=$!
	becomes "a command that knows nothing of it runs" 30 [ -s "$at" ]
	next_holder 2 auto "$at.granted"
	sleep 14
	ok "for longer than the time to live" kill -0 $pid
	ok "and holds it" waiting 2 auto 1
	kill -STOP $pid
	exits $waiter 60
	is "$status" 0 "with kquorum stopped the next in line has it"
	passed_on "$at" "$at.granted" "after the end of the command, which the module saw to"
	ok "the log says why" log_has '.type == "release" and .resource == "auto" and .why == "not_renewed"'
	kill -CONT $pid
	exits $pid 30
	is "$status" 70 "kquorum goes on, and exits 70"
}

nobody_holds_it_longer_than_he_may()
{
	local at=$WORK/longest pid status
	run kq 2 resource create longest --max-hold 15s --lease 1m
	is "$rc" 0 "a resource is created with a longest hold"
	ip netns exec kq1 kquorum lock --max-hold 1h longest -- "$0" heart "$at" 2>"$at.err" </dev/null &
	pid=$!
	becomes "somebody wants it for an hour" 30 [ -s "$at" ]
	becomes "until when he has it at the latest is shown elsewhere" 30 has 3 longest '
		.holders[0].hold_ms == 15000 and .holders[0].ttl_ms == 60000 and .holders[0].left_at_most_ms <= 15000'
	next_holder 2 longest "$at.granted"
	exits $pid 60
	is "$status" 70 "after that it is over"
	like "$(cat "$at.err")" 'held as long as it may be' "and he is told why"
	exits $waiter 60
	is "$status" 0 "the next in line has it"
	passed_on "$at" "$at.granted" "after the end of the first"
	run kq 2 resource delete longest
}

# --- taken by an operator

waiter_is_evicted()
{
	local pid first status
	holder 1 evict
	first=$holder
	becomes "somebody holds it" 30 held 2 evict
	ip netns exec kq2 kquorum lock evict -- true 2>"$WORK/evicted.err" </dev/null &
	pid=$!
	becomes "somebody waits" 30 waiting 1 evict 1
	run kq 3 resource release evict --pid $pid
	is "$rc" 2 "without --force nothing is done"
	like "$out" 'waits: refused at once' "but said"
	run kq 3 resource release evict --force --pid $pid
	is "$rc" 0 "who waits is sent away from a third node"
	exits $pid 30
	is "$status" 1 "his kquorum lock exits 1"
	like "$(cat "$WORK/evicted.err")" 'an operator ended the wait' "and says why"
	ok "who holds it has it still" held 2 evict
	run nobody kquorum resource release evict --force
	is "$rc" 77 "not everybody may do that"
	let_go "$first"
}

holder_is_evicted()
{
	local at=$WORK/obeys pid status
	ip netns exec kq1 kquorum lock obeys -- "$0" obedient "$at" 2>"$at.err" </dev/null &
	pid=$!
	becomes "a command holds it" 30 [ -s "$at" ]
	run kq 2 resource release obeys --force --drain 2m --wait 60s
	is "$rc" 0 "an operator takes it, and gives two minutes"
	exits $pid 30
	is "$status" 70 "the command is told at once, and ends in good order"
	ok "by the signal that it was to get" [ -s "$at.told" ]
	like "$(cat "$at.err")" 'an operator takes it in [12]m' "it is told how long it would have had"
	becomes "nothing is left of it" 20 gone 3 obeys
	ok "the log has that" log_has '.type == "evict" and .resource == "obeys" and .drain_ms == 120000'
}

# Who ignores it keeps it as long as its lease could last, and is killed before the next one has it.
stubborn_holder_is_evicted()
{
	local at=$WORK/stays pid status one two
	ip netns exec kq1 kquorum lock stays -- "$0" stubborn "$at" 2>"$at.err" </dev/null &
	pid=$!
	becomes "a command that ignores SIGTERM holds it" 30 [ -s "$at" ]
	next_holder 2 stays "$at.granted"
	run kq 3 resource release stays --force --drain 0 --wait 60s
	is "$rc" 0 "an operator takes it at once"
	like "$out" 'it may rely on its lease' "as far as that goes"
	exits $pid 30
	is "$status" 70 "the command is killed"
	exits $waiter 60
	is "$status" 0 "the next in line has it"
	passed_on "$at" "$at.granted" "after its end"
	# whom nobody stops goes on, and his node gives it back for him
	ip netns exec kq1 kquorum lock --on-loss=ignore runs-on -- sleep 1000 2>/dev/null </dev/null &
	one=$!
	becomes "somebody holds a lock whom nobody is to stop" 30 held 2 runs-on
	run kq 3 resource release runs-on --force --drain 0 --wait 60s
	is "$rc" 0 "it is taken from him too"
	ok "the log says why" log_has '.type == "release" and .resource == "runs-on" and .why == "evicted"'
	ok "and he runs on" kill -0 "$one"
	let_go "$one"
	holder 1 both -s
	one=$holder
	holder 2 both -s
	two=$holder
	becomes "two share a lock" 30 has 3 both '(.holders | length) == 2'
	run kq 3 resource release both --force
	is "$rc" 2 "of two it must be said who is meant"
	like "$out" '--node n2 --lock [0-9]+' "which lists them"
	run kq 3 resource release both --force --node n2 --wait 60s
	is "$rc" 0 "one of them is evicted"
	ok "the other one is not" has 3 both '(.holders | length) == 1 and .holders[0].node == "n1"'
	run kq 3 resource release both --force --all --wait 60s
	is "$rc" 0 "then all that there are"
	wait "$one" "$two"
}

# Its node can do nothing: of what is fenced the leader takes it, and only the token stops what comes late.
fenced_holder_on_a_silent_node_is_evicted()
{
	local at=$WORK/fenced pid status h o old new
	agree_in 60
	h=$((leader % 3 + 1)) o=$leader
	run kq "$o" resource create fenced --fenced
	is "$rc" 0 "a resource is created whose users check tokens"
	# of a session of its own, and left alone: it goes on after its lock is lost
	ip netns exec "kq$h" kquorum lock --on-loss=ignore fenced -- \
		sh -c 'echo $KQUORUM_TOKEN >"$1"; exec sleep 1000' - "$at" 2>"$at.err" </dev/null &
	pid=$!
	becomes "somebody holds it" 30 [ -s "$at" ]
	old=$(cat "$at")
	run kq "$o" fence ask fenced "$old"
	is "$rc" 0 "his token passes"
	ok "the daemon of n$h is killed" kill_daemon "$h"
	cluster partition "n$h"
	run kq "$o" resource release fenced --force --drain 1s --wait 60s
	is "$rc" 0 "his node is cut off, and it is taken from him"
	ok "by the leader" log_has '.type == "evict" and .resource == "fenced" and .by_leader'
	# shellcheck disable=SC2016
	run kq "$o" lock -w 30 fenced -- sh -c 'echo $KQUORUM_TOKEN; kquorum fence ask fenced $KQUORUM_TOKEN'
	is "$rc" 0 "the next one has it, and shows his token"
	new=$(head -n 1 <<<"$out")
	ok "which is higher" [ "$new" -gt "$old" ]
	run kq "$o" fence ask fenced "$old"
	is "$rc" 70 "what comes late with the old one is refused"
	run kq "$h" fence ask fenced "$old" --wait 3s
	is "$rc" 69 "and where there is no quorum nothing passes"
	kill $pid
	wait $pid 2>/dev/null
	cluster heal
	kq "$h" start --dir "/tmp/kq/n$h" >/dev/null
	becomes "the node comes back" 60 agree_in 1
	becomes "with a new session" 60 st_is "$h" '.session_left_ms > 0'
	run kq "$h" fence ask fenced "$old"
	is "$rc" 70 "where the old token is refused too"
	run kq "$o" resource delete fenced
}

# --- who may

users_have_what_is_theirs()
{
	local pid
	run kq 1 resource create theirs --owner 1234 --group 5678 --mode 0640
	is "$rc" 0 "a resource is created for a user and a group"
	run user 1234 2 kquorum lock -w 20 theirs -- true
	is "$rc" 0 "the owner may lock it, on another node"
	run user 4321:65534,5678 3 kquorum lock -w 20 -s theirs -- true
	is "$rc" 0 "who is in the group may have a share"
	run user 4321:65534,5678 3 kquorum lock -w 20 theirs -- true
	is "$rc" 77 "and not all of it"
	like "$out" 'kquorum resource set theirs --owner' "which says how that would be changed"
	run user 4321 3 kquorum lock -w 20 -s theirs -- true
	is "$rc" 77 "who is not may not"
	run user 1234 2 kquorum lock nobodys -- true
	is "$rc" 77 "nor may the owner lock what nothing was said of"
	like "$out" 'kquorum resource create nobodys --owner' "which says what to do"
	run user 1234 2 kquorum resource set theirs --mode 0666
	is "$rc" 77 "nor change what was said"
	run user 1234 2 unshare -Ur kquorum lock -w 20 nobodys -- true
	like "$rc" '^(1|77)$' "nor as root of a user namespace"
	ip netns exec kq2 setpriv --reuid 1234 --regid 65534 --clear-groups kquorum lock theirs -- sleep 1000 \
		>/dev/null 2>&1 </dev/null &
	pid=$!
	becomes "who it is is shown elsewhere" 30 has 3 theirs '.holders[0].uid == 1234'
	run kq 1 resource set theirs --owner 0
	is "$rc" 0 "it is given to another"
	ok "who holds it keeps it" held 3 theirs
	let_go $pid
	run user 1234 2 kquorum lock -w 20 theirs -- true
	is "$rc" 77 "and cannot have it again"
	run kq 1 resource delete theirs
}

# --- the fence of the cluster

cluster_keeps_a_fence()
{
	local old new
	run kq 1 fence ask vault 1
	is "$rc" 66 "what is not defined has no fence"
	run kq 1 resource create vault
	run kq 1 fence ask vault 1
	is "$rc" 1 "nor what is not fenced"
	like "$out" 'kquorum resource set vault --fenced' "which says what to do"
	# shellcheck disable=SC2016
	old=$(kq 1 lock -w 20 vault -- sh -c 'echo $KQUORUM_TOKEN')
	run kq 2 resource set vault --fenced
	run kq 3 fence ask vault "$old"
	is "$rc" 70 "a token of before it was fenced is refused"
	# shellcheck disable=SC2016
	run kq 1 lock -w 20 vault -- sh -c 'echo $KQUORUM_TOKEN; kquorum fence ask vault $KQUORUM_TOKEN'
	is "$rc" 0 "that of a holder passes"
	new=$(head -n 1 <<<"$out")
	run kq 2 fence ask vault "$new"
	is "$rc" 0 "on another node too, and twice"
	run kq 2 fence ask vault $((new - 4096))
	is "$rc" 70 "a lower one does not"
	run kq 2 fence ask vault 18446744073709551615
	is "$rc" 1 "nor one that nobody can have been given"
	run user 4321 3 kquorum fence ask vault "$new"
	is "$rc" 77 "who may not lock it may not ask"
	ok "how high it is is shown" has 3 vault ".fenced and .fence_token == $new"
	run kq 2 resource delete vault
}
