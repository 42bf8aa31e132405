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

# shared_file LINES
shared_file()
{
	local lines=$1 journal=$KQ_VM_CLUSTER/common/journal all=$((3 * $1)) node pids=() leader
	: >"$journal"
	for node in n1 n2 n3; do
		keep_appending $node "$lines" >"$KQ_VM_CLUSTER/append-$node.log" &
		pids+=($!)
	done
	check "$(truth within 120 has_lines "$journal" $((all / 6)))" "three programs append to one file"

	leader=$(vc leader 60)
	note "$(wc -l <"$journal") lines; power of $leader, the leader, is cut"
	vc power-cut "$leader" | sed 's/^/# /'
	check "$(truth grows "$journal" 3)" "the work goes on without the power of the leader"
	vc boot "$leader" || check 1 "$leader boots again"

	leader=$(vc leader 60)
	note "$(wc -l <"$journal") lines; link of $leader, the leader, is cut"
	vc link-down "$leader"
	check "$(truth grows "$journal" 3)" "the work goes on without the link of the leader"
	vc link-up "$leader"

	leader=$(vc leader 60)
	note "$(wc -l <"$journal") lines; daemon of $leader, the leader, is killed"
	on "$leader" killall -KILL kquorumd
	check "$(truth grows "$journal" 3)" "the work goes on without the daemon of the leader"
	on "$leader" kquorum start --dir /var/lib/kquorum/demo >/dev/null || check 1 "its daemon starts again"

	within $((120 + 3 * lines)) has_lines "$journal" "$all" || true
	check "$(truth within 60 all_ended "${pids[@]}")" "every program comes to its end: none waits for ever"
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
