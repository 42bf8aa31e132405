# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# Three programs on three machines append to one file, under a lock and through a fence, while their
# leader loses its power, its link and its daemon. Needs lib.sh and a cluster.

# keep_appending NODE LINES: while the machine fails, start the program again
keep_appending()
{
	until vc exec -t 900 "$1" scripts/lib/append-loop /run/kq-common/journal "$1" "$2" 2>&1; do
		sleep 1
	done
}

# grows JOURNAL LINES: by so many lines within two minutes
grows() { within 120 has_lines "$1" $(($(wc -l <"$1") + $2)); }

power_fails() { vc power-cut "$1" | sed 's/^/# /'; }
power_returns() { vc boot "$1"; }
link_fails() { vc link-down "$1"; }
link_returns() { vc link-up "$1"; }
daemon_fails() { on "$1" killall -KILL kquorumd; }
daemon_returns() { on "$1" kquorum start --dir /var/lib/kquorum/demo >/dev/null; }

# leg WHAT COUNT: all programs append up to their line COUNT; on the way WHAT of the leader fails
leg()
{
	local what=$1 count=$2 node pids=() leader
	for node in n1 n2 n3; do
		keep_appending $node "$count" >>"$KQ_VM_CLUSTER/append-$node.log" &
		pids+=($!)
	done
	grows "$journal" 2 || check 1 "three programs append"
	leader=$(vc leader 60)
	note "$(wc -l <"$journal") lines; the $what of $leader, the leader, fails"
	"${what}_fails" "$leader"
	check "$(truth grows "$journal" 2)" "the work goes on without the $what of the leader"
	"${what}_returns" "$leader" || check 1 "the $what of $leader comes back"
	check "$(truth within $((120 + 3 * count)) all_ended "${pids[@]}")" \
		"$what: every program comes to its end, none waits for ever"
}

# shared_file LINES
shared_file()
{
	local lines=$1 journal=$KQ_VM_CLUSTER/common/journal all=$((3 * $1))
	: >"$journal"
	leg power $((lines / 3))
	leg link $((2 * lines / 3))
	leg daemon "$lines"
	check "$(truth [ "$(journal_pairs "$journal")" = $all ])" "each of $all pairs of node and number is there"
	check "$(truth [ "$(journal_twice "$journal")" = 0 ])" "none is there twice"
	check "$(truth [ "$(journal_falls "$journal")" = 0 ])" "tokens rise strictly from line to line"
	note "$(cat "$KQ_VM_CLUSTER"/append-*.log | grep -c again) lines needed another try"
	check "$(truth within 60 nobody_waits)" "nobody holds the lock or waits for it any more"
}

nobody_waits()
{
	local list
	list=$(on n1 kquorum resource list) && ! grep -q journal <<<"$list"
}
