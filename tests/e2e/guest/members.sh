# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Members come and go: for the guest scripts that change the configuration. The leader's own commands
# are what a person would type; the new machine runs the line that they print.

# any_leader I...: sets $leader to the number of the node that leads, as these see it
any_leader() { agree_in 60 "$@"; }

# changes I ARG...: `kquorum member ARG...` on node I, and again where it says so
changes()
{
	local i=$1 try
	shift
	for try in 1 2 3 4 5; do
		run timeout 300 ip netns exec "kq$i" kquorum member "$@"
		[ "$rc" = 75 ] || [ "$rc" = 69 ] || break
		any_leader "$i" && i=$leader
	done
	[ "$rc" = 0 ]
}

# join I DIR NODE ARG...: `kquorum member ARG...` on the leader, one that takes a machine in: the line
# that it prints is run on node I, with state in DIR; what it says is in $WORK/member.out
join()
{
	local i=$1 dir=$2 line asked
	shift 2
	any_leader "$1" || return 1
	timeout 300 ip netns exec "kq$leader" kquorum member "${@:2}" >"$WORK/member.out" 2>&1 &
	asked=$!
	wait_for 20 grep -q 'kquorum start' "$WORK/member.out" || {
		cat "$WORK/member.out"
		kill $asked
		return 1
	}
	line=$(sed -n 's/^ *kquorum join //p' "$WORK/member.out" | head -n 1)
	on "$i" sh -c "kquorum join $line --dir '$dir'" >"$WORK/join.out" 2>&1 &&
		start_node "$i" "$dir" >>"$WORK/join.out" 2>&1 || {
		cat "$WORK/join.out"
		kill $asked
		return 1
	}
	wait $asked || {
		cat "$WORK/member.out"
		return 1
	}
}

# voters I: how node I sees them: "n1 n2 n3"
voters() { kq "$1" member list -j | jq -r '[.members[] | select(.role == "voter") | .node] | join(" ")'; }
# settled I "n1 n2": these vote, and it is committed
settled() { [ "$(voters "$1")" = "$2" ] && st_is "$1" '.configuration_index <= .commit_index and .quorum'; }
