# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Processes that ask for locks by build/e2e/owner. Sourced by owners.sh and named.sh.

started=0

# owner NODE WORD...: such a process, to its end
owner()
{
	local i=$1
	shift
	ip netns exec "kq$i" timeout 60 build/e2e/owner "$@"
}

# start NODE WORD...: one in the background; sets $owner to it, $said to the file with its lines
start()
{
	local i=$1
	shift
	start_by "$i" build/e2e/owner "$@"
}

# start_by NODE CMD...: likewise whatever becomes one
start_by()
{
	local i=$1
	shift
	started=$((started + 1))
	said=$WORK/said.$started
	ip netns exec "kq$i" "$@" >"$said" 2>&1 </dev/null &
	owner=$!
}

# says TEXT [FILE]: it is among the lines
says() { grep -q -- "$1" "${2:-$said}"; }
# end PID...: kill them, and wait
end()
{
	kill -KILL "$@" 2>/dev/null
	wait "$@" 2>/dev/null
}
# child_of PID: the first one that is found
child_of() { grep -lsx "PPid:.$1" /proc/[0-9]*/status | head -n 1 | cut -d/ -f3; }
