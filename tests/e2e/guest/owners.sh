#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Who owns a lock handle, and how many there may be.
# shellcheck source=tests/e2e/guest/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/guest/locks.sh
. "$(dirname "$0")/locks.sh"
# shellcheck source=tests/e2e/guest/owner.sh
. "$(dirname "$0")/owner.sh"

a_process_does_not_wait_for_itself()
{
	run owner 1 lock:a lock:a
	is "$rc" 1 "a process that holds all of it may not ask again"
	like "$out" '^a: no: .*would wait for itself' "and is told why"
	run owner 1 lock:a lock:a:s
	like "$out" 'would wait for itself' "nor for a share"
	run owner 1 lock:a lock:a:t
	like "$out" 'would wait for itself' "nor only to try"
	run owner 1 lock:a:s lock:a:s
	is "$rc" 0 "two shares of one process go together"
	run owner 1 lock:a ask:a:o state
	is "$rc" 0 "a server may ask for others"
	run owner 1 lock:a close lock:a
	is "$rc" 0 "who has closed it may ask again at once"
	run owner 1 lock:a thread:lock:a
	like "$out" 'would wait for itself' "another thread is the same process"
	becomes "nothing of that is left" 20 gone 2 a
}

what_a_thread_asked_for_is_its_process_s()
{
	start 1 thread:lock:t sleep
	becomes "a thread that ends has asked for a lock" 30 says granted
	becomes "its process holds it" 10 held 2 t
	kill -KILL "$owner"
	becomes "until it is killed" 20 gone 2 t
	wait "$owner"
}

exec_keeps_it_or_not()
{
	local kept
	start 1 lock:kept "exec:exec sleep 1000"
	kept=$owner
	becomes "a lock is held" 30 says granted
	start 1 lock:dropped:c "exec:exec sleep 1000"
	becomes "and one that is close-on-exec" 30 says granted
	becomes "which exec gives back" 20 gone 2 dropped
	ok "while its process lives" kill -0 "$owner"
	is "$(cat "/proc/$kept/comm")" sleep "the other process is another program too"
	ok "and holds it still" held 2 kept
	ok "as fdinfo tells" grep -qsx 'kquorum-resource:.kept' "/proc/$kept/fdinfo/"*
	end "$kept" "$owner"
	becomes "until it ends" 20 gone 2 kept
}

fork_hands_it_on()
{
	local child
	start 1 lock:f fork
	wait "$owner"
	is "$?" 0 "a process forks while it holds a lock, and ends"
	child=$(sed -n 's/^child //p' "$said")
	run owner 2 lock:f:t
	like "$out" '^refused' "its child holds it"
	kill -KILL "$child"
	becomes "to its own end" 20 gone 2 f
}

scm_rights_hand_it_on()
{
	local to=$WORK/socket heir
	# of another network namespace, and so beside another node
	start 2 "recv:$to" state lock:s:t
	heir=$owner
	start 1 lock:s "send:$to"
	wait "$owner"
	is "$?" 0 "a process sends its handle to another one, and ends"
	becomes "that has what was granted" 20 says '^granted' "$WORK/said.$((started - 1))"
	wait "$heir"
	like "$(cat "$WORK/said.$((started - 1))")" '^refused' \
		"and may ask for it itself: that is another request, and it is held"
	becomes "with the last copy closed it is given back" 20 gone 2 s
	rm -f "$to"
	start 2 "recv:$to" sleep
	heir=$owner
	start 1 lock:s "send:$to"
	wait "$owner"
	ok "where the first one has died, the other holds it" held 3 s
	is "$(kq 2 resource show s -j | jq -r '"\(.holder.node) \(.holder.pid)"')" "n1 $owner" \
		"on the node and for the process that asked"
	end "$heir"
	becomes "and gives it back" 20 gone 2 s
	rm -f "$to"
}

pid_namespaces()
{
	local first
	start_by 1 unshare -p -f --mount-proc build/e2e/owner lock:p sleep
	becomes "the first process of a PID namespace holds a lock" 30 says granted
	first=$(child_of "$owner")
	is "$(kq 2 resource show p -j | jq -r '"\(.holder.pid) \(.holder.comm)"')" "$first owner" \
		"it is shown with its number on the machine, not its own, 1"
	kill -KILL "$first"
	becomes "with its namespace it is gone" 20 gone 2 p
	wait "$owner"
}

user_namespaces()
{
	run on 1 unshare -Ur build/e2e/owner lock:u
	like "$out" 'CAP_NET_ADMIN in the initial user namespace' "root of a user namespace may not ask"
	start 1 lock:u "exec:exec unshare -Ur sleep 1000"
	becomes "who has it" 30 says granted
	becomes "may enter one" 10 in_another_namespace "$owner" user
	ok "and holds it" held 2 u
	end "$owner"
	becomes "to its end" 20 gone 2 u
}

network_namespaces()
{
	run unshare -n build/e2e/owner lock:n
	like "$out" 'no node in this network namespace' "without a node nobody gets a lock"
	start 2 lock:n "exec:exec unshare -n sleep 1000"
	becomes "who has it" 30 says granted
	becomes "may leave his node's" 10 in_another_namespace "$owner" net
	is "$(kq 3 resource show n -j | jq -r .holder.node)" n2 "and holds it there"
	end "$owner"
	becomes "to its end" 20 gone 3 n
}

# in_another_namespace PID KIND: than this script, and than the namespaces of the nodes
in_another_namespace()
{
	local ns
	ns=$(stat -L -c %i "/proc/$1/ns/$2")
	[ "$ns" != "$(stat -L -c %i "/proc/self/ns/$2")" ] || return 1
	[ "$2" != net ] || [ "$ns" != "$(stat -L -c %i /run/netns/kq2)" ]
}

# user UID CAPS CMD...: becomes it, as this user with these capabilities
user()
{
	local uid=$1 caps=$2
	shift 2
	exec setpriv --reuid "$uid" --regid "$uid" --clear-groups --inh-caps "$caps" --ambient-caps "$caps" "$@"
}
export -f user

# as UID CAPS WORD...: such an owner on n1
as() { on 1 bash -c 'user "$@"' - "$1" "$2" timeout 60 build/e2e/owner "${@:3}"; }

open_are() { st_is 1 ".locks.open == $1"; }

a_user_and_a_node_have_so_many()
{
	local u to=$WORK/parcel
	ok "a node stops" kq 1 stop --wait 60s
	becomes "and its daemon" 30 no_daemon 1
	sed -i 's/^user_locks = .*/user_locks = 3/; s/^node_locks = .*/node_locks = 5/' /tmp/kq/n1/kquorum.conf
	ok "with other limits" grep -qx 'user_locks = 3' /tmp/kq/n1/kquorum.conf
	ok "it starts" start_node 1 /tmp/kq/n1
	becomes "and serves" 60 st_is 1 '.session_left_ms > 0'
	run as 1000 +net_admin ask:a ask:b ask:c ask:d
	like "$out" '^d: no: this user may have no more locks: user_locks in \[limits\] of kquorum.conf' \
		"a user gets three handles, not four, and is told which limit that is, and where"
	run as 1000 +net_admin,+sys_resource ask:a ask:b ask:c ask:d
	is "$rc" 0 "with CAP_SYS_RESOURCE four"
	becomes "of these none is left" 20 open_are 0

	start_by 1 bash -c 'user "$@"' - 1000 +net_admin build/e2e/owner lock:a lock:b lock:c sleep
	u=$owner
	becomes "another one has three" 30 open_are 3
	is "$(st 1 '"\(.locks.user_max) \(.locks.node_max)"')" "3 5" "status -j tells the limits"
	like "$(kq 1 status)" '^3 lock handles here, of at most 5, and 3 for one user$' "so does status"
	run on 1 bash -c 'user "$@"' - 1000 +net_admin kquorum lock d -- true
	is "$rc" 1 "kquorum lock is refused too"
	like "$out" 'user_locks in \[limits\]' "and says why"
	run as 1001 +net_admin ask:d ask:e ask:f
	like "$out" '^f: no: this node may have no more locks: node_locks in \[limits\] of kquorum.conf' \
		"another user gets what the node has left"
	end "$u"
	becomes "who is killed has none any more" 20 open_are 0

	start 1 "recv:$to" sleep
	becomes "somebody waits for a handle" 10 [ -S "$to" ]
	chmod 777 "$WORK" "$to"
	run as 1000 +net_admin lock:a "send:$to"
	is "$rc" 0 "and gets it of who asked for it"
	run as 1000 +net_admin ask:b ask:c ask:d
	like "$out" '^d: no: this user' "for whom it counts still"
	end "$owner"
	becomes "until it is closed" 20 open_are 0
	run as 1000 +net_admin ask:b ask:c ask:d
	is "$rc" 0 "then it counts no more"
}

ONLY=$*
ok "three nodes start" bring_up /tmp/kq
becomes "three nodes elect one leader" 60 agree_in 1
run_tests a_process_does_not_wait_for_itself what_a_thread_asked_for_is_its_process_s exec_keeps_it_or_not \
	fork_hands_it_on scm_rights_hand_it_on pid_namespaces user_namespaces network_namespaces \
	a_user_and_a_node_have_so_many
nodes_stop_cleanly
finish
