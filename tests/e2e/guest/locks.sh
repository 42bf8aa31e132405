# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Tests of locks in a cluster that is whole. Sourced by cluster.sh.

# holder NODE NAME [OPTION]...: hold a lock in the background; sets $holder to the process
holder()
{
	local i=$1 name=$2
	shift 2
	ip netns exec "kq$i" kquorum lock "$@" "$name" -- sleep 1000 >/dev/null 2>&1 </dev/null &
	holder=$!
}

# held NODE NAME: it is held, as NODE sees it
held() { kq "$1" resource show "$2" -j | jq -en 'input | .holder != null'; }
# waiting NODE NAME COUNT: so many wait, as NODE sees it
waiting() { [ "$(kq "$1" resource show "$2" -j | jq '.queue | length')" = "$3" ]; }
# gone NODE NAME: it is not in the list
gone() { [ "$(kq "$1" resource list -j | jq --arg n "$2" 'map(select(.resource == $n)) | length')" = 0 ]; }

before_any_node()
{
	run kquorum status
	is "$rc" 1 "without a node, status exits 1"
	like "$out" 'kquorum start' "and names what to do"
	run kquorum lock x -- true
	is "$rc" 1 "without a node, lock exits 1"
	like "$out" 'kquorum start' "and names what to do"
}

status_fields()
{
	local i=$leader
	[ -n "$i" ] || i=1
	ok "the leader's status -j has its fields" st_is "$i" '
		.name == "e2e" and .state == "running" and .role == "leader" and .quorum == true and
		.may_lose_nodes == 1 and .term >= 1 and .leader_node == .node and .daemon == true and
		.disk.state == "ok" and .disk.capacity_bytes > 0 and (.nodes | length) == 3 and
		.counters.bad_messages == 0 and .settings.heartbeat_ms == 400'
	becomes "the leader sees both others replicate all of its log" 30 st_is "$i" '
		.commit_index == .last_index and (.last_index as $l | .nodes | all(.match_index == $l and .lag_entries == 0))'
}

lock_runs_a_command()
{
	# shellcheck disable=SC2016
	run kq 1 lock a -- sh -c 'echo "$KQUORUM_RESOURCE:$KQUORUM_TOKEN"; exit 7'
	is "$rc" 7 "lock hands on the exit status of its command"
	like "$out" '^a:[1-9][0-9]*$' "the command finds name and token in its environment"
	run kq 2 lock a -- sh -c 'kill -TERM $$'
	is "$rc" 143 "a command killed by a signal gives 128 + signal"
	becomes "a lock nobody holds any more leaves the list" 20 gone 3 a
}

# One write of the log per lock and unlock instead of two: on a noisy machine not each time.
releases_go_with_the_next_request()
{
	local before after who
	agree_in 60
	for who in "$leader" $((leader % 3 + 1)); do
		before=$(st "$leader" .counters.batches)
		run kq "$who" bench lock -n 100
		is "$rc" 0 "100 times a lock is taken and given back by n$who"
		after=$(st "$leader" .counters.batches)
		ok "in $((after - before)) writes of n$leader's log, not 200" [ $((after - before)) -lt 170 ]
	done
}

lock_that_is_held()
{
	local pid
	holder 1 b
	becomes "a lock is held, as another node sees it" 30 held 2 b
	run kq 2 lock -n b -- true
	is "$rc" 75 "lock -n on a held lock exits 75"
	lock_n_lets_an_election_pass b
	run kq 3 lock -w 1 b -- true
	is "$rc" 75 "lock -w on a held lock exits 75 in the end"
	pid=$(kq 2 resource show b -j | jq -r '"\(.holder.node) \(.holder.pid) \(.holder.comm)"')
	is "$pid" "n1 $holder sleep" "resource show names the holder's node, process and command"
	kill "$holder"
	wait "$holder"
}

# without a quorum for longer than one election timeout, but not for two
lock_n_lets_an_election_pass()
{
	local asker pid
	agree_in 60
	asker=$((leader % 3 + 1))
	cluster partition "n$asker" >/dev/null
	becomes "a node that is cut off sees no quorum" 30 st_is "$asker" '.quorum | not'
	ip netns exec "kq$asker" kquorum lock -n "$1" -- true >/dev/null 2>&1 &
	pid=$!
	cluster heal >/dev/null
	wait $pid
	is "$?" 75 "its lock -n waits long enough to hear that the lock is held"
}

queue_is_fifo()
{
	local i n=0 order=$WORK/order pids=() first
	: >"$order"
	holder 1 f
	first=$holder
	wait_for 30 held 1 f
	for i in 2 3 1 3; do
		n=$((n + 1))
		ip netns exec "kq$i" kquorum lock f -- sh -c "echo $n >>$order" &
		pids+=($!)
		wait_for 30 waiting 1 f $n || break
	done
	kill "$first"
	wait "$first" "${pids[@]}"
	is "$(xargs <"$order")" "1 2 3 4" "waiters are granted in the order in which they came"
}

killed_holder_releases_at_once()
{
	local from
	holder 2 k
	wait_for 30 held 1 k
	boot_ms
	from=$boot_ms
	kill -KILL "$holder"
	run kq 1 lock -w 20 k -- true
	boot_ms
	is "$rc" 0 "the lock of a killed process goes to the next"
	# far below the lease of 10 s plus its guard: it was released, it did not expire
	ok "and at once, not at the end of the lease (after $((boot_ms - from)) ms)" \
		[ $((boot_ms - from)) -lt 8000 ]
	wait "$holder"
}

cancelled_wait_leaves_nothing()
{
	local first
	holder 1 c
	first=$holder
	wait_for 30 held 1 c
	holder 2 c
	becomes "a waiter is seen in the queue" 30 waiting 3 c 1
	kill -KILL "$holder"
	wait "$holder" 2>/dev/null
	becomes "a killed waiter leaves the queue" 20 waiting 3 c 0
	kill "$first"
	wait "$first"
	becomes "nothing of it is left in the list" 20 gone 3 c
}

# locks from all three nodes at once
tokens_rise()
{
	local i tokens=$WORK/tokens pids=() count
	count=$(small 51 15)
	: >"$tokens"
	for i in 1 2 3; do
		(
			for ((k = 0; k < count / 3; k++)); do
				# a machine that stalls for seconds loses its lease: again
				until ip netns exec "kq$i" kquorum lock t -- sh -c "echo \$KQUORUM_TOKEN >>$tokens"; do
					sleep 1
				done
			done
		) &
		pids+=($!)
	done
	wait "${pids[@]}"
	ok "$count locks from three nodes are all granted" [ "$(wc -l <"$tokens")" -ge "$count" ]
	ok "their tokens strictly rise" sort -n -u -c "$tokens"
}

fence_refuses_lower_tokens()
{
	local f=$WORK/fence
	run kq 1 fence check "$f" db 20
	is "$rc" 0 "fence check passes the first token"
	run kq 1 fence check "$f" db 20 -- echo again
	is "$rc:$out" 0:again "and an equal one, and runs the command"
	run kq 1 fence check "$f" db 19 -- touch "$WORK/stale"
	is "$rc" 70 "it refuses a lower one with 70"
	ok "without running the command" [ ! -e "$WORK/stale" ]
	run kq 1 fence check "$f" db 21
	is "$rc" 0 "and passes a higher one"
}

transfer_moves_leadership()
{
	local to
	agree_in 60
	to=$((leader % 3 + 1))
	run kq "$to" transfer "n$to"
	is "$rc" 1 "transfer fails where another leads"
	like "$out" "on n$leader\$" "and says where to ask"
	run kq "$leader" transfer "n$to" --wait 40s
	is "$rc" 0 "transfer says that it moved leadership"
	agree_in 30
	is "$leader" "$to" "and all nodes follow the node that was named"
}

stopped_leader_hands_over()
{
	local old rest term from
	agree_in 60
	old=$leader
	rest=$(seq 3 | grep -vx "$old")
	term=$(st "$old" .term)
	boot_ms
	from=$boot_ms
	run kq "$old" stop --wait 60s
	is "$rc" 0 "the leader stops"
	run kq "$old" status
	is "$rc" 1 "and is gone"
	# shellcheck disable=SC2086
	agree_in 40 $rest
	boot_ms
	ok "the others have a leader among them (n$leader, after $((boot_ms - from)) ms)" \
		[ "${leader:-$old}" != "$old" ]
	is "$(st "$leader" .term)" $((term + 1)) "after one election"
	run kq "$leader" lock -w 30 s -- true
	is "$rc" 0 "they go on granting"
	for ((i = 0; i < 5; i++)); do kq "$leader" append "while it was away $i"; done >/dev/null
	ok "the stopped node starts again" start_node "$old" "/tmp/kq/n$old"
	becomes "and catches up" 60 st_is "$leader" '(.commit_index == .last_index) and
		(.last_index as $l | .nodes | all(.match_index == $l))'
	becomes "with a session of its own" 60 st_is "$old" '.session_left_ms > 0'
	# each log begins behind its own snapshot
	from=$(printf '%s\n' "$(first_of "$old")" "$(first_of "$leader")" | sort -n | tail -n 1)
	is "$(log_sum "$old" "$from")" "$(log_sum "$leader" "$from")" "its log is that of the leader"
}

first_of() { kq "$1" log -j | head -n 1 | jq .index; }
# log_sum NODE FROM: of its entries from there on: index, term, type, payload
log_sum() { kq "$1" log -j --from "$2" | jq -c '[.index, .term, .type, .payload_hex]' | head -n 40 | cksum; }

nodes_stop_cleanly()
{
	local i pids=()
	for i in 1 2 3; do
		kq "$i" stop --wait 60s >/dev/null 2>&1 &
		pids+=($!)
	done
	wait "${pids[@]}"
	run cluster down
	is "$rc" 0 "all nodes stop, their namespaces go"
	becomes "no object of the module is left" 30 no_objects
}
