# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Tests of resources that several hold at once: units of a pool, shares. Sourced by cluster.sh.

# of NODE NAME JQ: something of a resource, as NODE sees it
of() { kq "$1" resource show "$2" -j 2>/dev/null | jq -c "$3"; }
# has NODE NAME JQ: an expression about it is true
has() { kq "$1" resource show "$2" -j 2>/dev/null | jq -en "input | $3"; }

# let_go PID...: end holders, and those that wait
let_go()
{
	kill "$@"
	wait "$@" 2>/dev/null
}

pools_are_defined_once()
{
	run kq 1 resource create gpu --units 3 --max-waiters 2
	is "$rc" 0 "a pool of three units is created"
	run kq 2 resource create gpu --units 5
	is "$rc" 1 "and not another one under its name"
	like "$out" 'resource set' "which names the command that changes it"
	becomes "all nodes know how many it has" 20 has 3 gpu '.units == 3 and .max_waiters == 2 and .in_use == 0'
	run kq 2 resource set nothing --units 2
	is "$rc" 66 "what is not defined cannot be changed"
	run kq 2 resource delete nothing
	is "$rc" 66 "nor deleted"
}

pool_units_have_numbers()
{
	local two one
	# shellcheck disable=SC2016
	run kq 2 lock -k 2 gpu -- sh -c 'echo "$KQUORUM_UNITS:$KQUORUM_TOKEN"'
	like "$out" '^0,1:[1-9][0-9]*$' "a command finds the numbers of its units in its environment"
	holder 1 gpu -k 2 --info "two of three"
	two=$holder
	becomes "two units are held" 30 has 2 gpu '.in_use == 2 and (.holders[0].numbers == [0, 1])'
	holder 3 gpu -k 1
	one=$holder
	becomes "and the third by another node at the same time" 30 has 2 gpu '
		.in_use == 3 and (.holders | length) == 2 and .holders[1].numbers == [2]'
	is "$(of 2 gpu '[.holders[].node, .holders[0].info]')" '["n1","n3","two of three"]' \
		"everybody sees who holds which, and what for"
	run kq 2 lock -n -k 1 gpu -- true
	is "$rc" 75 "no fourth one gets in"
	run kq 2 lock -n -k 4 gpu -- true
	is "$rc" 1 "four of three are refused"
	like "$out" '3 units' "with how many there are"
	let_go "$two"
	# shellcheck disable=SC2016
	run kq 2 lock -w 20 -k 1 gpu -- sh -c 'echo "$KQUORUM_UNITS"'
	is "$out" 0 "a unit that is given back goes to the next, with its number"
	let_go "$one"
	becomes "the pool stays when nobody holds it" 20 has 1 gpu '.in_use == 0 and .token == 0'
}

# Nobody overtakes: a request for all of it waits for two holders, and one unit that is free waits with it.
large_request_is_not_starved()
{
	local first all small
	holder 1 gpu -k 1
	first=$holder
	wait_for 30 has 1 gpu '.in_use == 1'
	holder 2 gpu
	all=$holder
	becomes "a request for all units waits" 30 waiting 1 gpu 1
	holder 3 gpu -k 1
	small=$holder
	becomes "a later one for one unit waits behind it" 30 waiting 1 gpu 2
	ok "though two are free" has 1 gpu '.in_use == 1'
	run kq 1 lock -k 1 gpu -- true
	is "$rc" 75 "more may not wait than it was created with"
	let_go "$first"
	becomes "the first in line has all of it" 30 has 1 gpu '
		(.holders | length) == 1 and .holders[0].mode == "exclusive" and .in_use == 3'
	ok "the next one waits still" waiting 1 gpu 1
	let_go "$all"
	becomes "and gets its unit then" 30 has 1 gpu '.in_use == 1 and (.queue | length) == 0'
	let_go "$small"
}

pool_changes_while_it_is_used()
{
	local two waits_two waits_one
	holder 1 gpu -k 2
	two=$holder
	wait_for 30 has 1 gpu '.in_use == 2'
	holder 2 gpu -k 2
	waits_two=$holder
	wait_for 30 waiting 1 gpu 1
	run kq 3 resource set gpu --units 4
	is "$rc" 0 "a pool gets more units"
	becomes "who waited gets them" 30 has 1 gpu '.in_use == 4 and (.holders[1].numbers == [2, 3])'
	run kq 3 resource set gpu --units 1
	is "$rc" 0 "it gets fewer than are in use"
	becomes "nobody loses any" 30 has 1 gpu '.units == 1 and .in_use == 4'
	holder 3 gpu -k 1
	waits_one=$holder
	becomes "the next one waits" 30 waiting 1 gpu 1
	run kq 3 resource delete gpu
	is "$rc" 1 "what is held is not deleted"
	let_go "$two"
	becomes "as long as more are in use than there are" 30 has 1 gpu '.in_use == 2 and (.queue | length) == 1'
	let_go "$waits_two"
	becomes "and gets the one that is left" 30 has 1 gpu '.in_use == 1 and (.queue | length) == 0'
	let_go "$waits_one"
}

# One that waits for more than there are from now on would wait for ever.
who_waits_for_too_many_is_told()
{
	local one pid
	run kq 1 resource set gpu --units 3
	holder 1 gpu -k 1
	one=$holder
	wait_for 30 has 1 gpu '.in_use == 1'
	ip netns exec kq2 timeout 60 kquorum lock -k 3 gpu -- true >"$WORK/too-many" 2>&1 </dev/null &
	pid=$!
	wait_for 30 waiting 1 gpu 1
	run kq 3 resource set gpu --units 2
	wait "$pid"
	is "$?" 1 "who waits for three when two are left is refused"
	like "$(cat "$WORK/too-many")" '2 units' "and told how many there are"
	let_go "$one"
}

shares_go_together()
{
	local first second exclusive third
	holder 1 report -s
	first=$holder
	holder 2 report --shared
	second=$holder
	becomes "two share a lock" 30 has 3 report '(.holders | length) == 2 and all(.holders[]; .mode == "shared")'
	holder 3 report
	exclusive=$holder
	becomes "who wants it alone waits" 30 waiting 1 report 1
	holder 1 report -s
	third=$holder
	becomes "and a later share waits behind" 30 waiting 1 report 2
	let_go "$first"
	ok "one share is not enough to go" waiting 1 report 2
	let_go "$second"
	becomes "when the last share is given back it is held alone" 30 has 1 report '
		(.holders | length) == 1 and .holders[0].mode == "exclusive"'
	let_go "$exclusive"
	becomes "then shared again" 30 has 1 report '.holders[0].mode == "shared" and (.queue | length) == 0'
	let_go "$third"
	becomes "nothing of it is left in the list" 20 gone 2 report
}

# job: for as long as it has a unit, its name is in the directory; more than three at a time are noted
pool_job()
{
	local at=$1 me=$2
	: >"$at/in/$me"
	[ "$(find "$at/in" -type f | wc -l)" -le 3 ] || echo "$me" >>"$at/too-many"
	echo "$KQUORUM_UNITS" >>"$at/units"
	[ ! -e "$at/unit$KQUORUM_UNITS" ] || echo "$KQUORUM_UNITS" >>"$at/twice"
	: >"$at/unit$KQUORUM_UNITS"
	rm "$at/unit$KQUORUM_UNITS" "$at/in/$me"
}

three_licences_for_eight_programs()
{
	local at=$WORK/licences jobs pids=() i
	jobs=$(small 10 3)
	mkdir -p "$at/in"
	: >"$at/too-many"
	: >"$at/twice"
	run kq 1 resource create licence --units 3
	for ((i = 0; i < 8; i++)); do
		(
			for ((k = 0; k < jobs; k++)); do
				until ip netns exec "kq$((i % 3 + 1))" kquorum lock -k 1 licence -- \
					"$0" pool_job "$at" "$i.$k"; do
					sleep 1
				done
			done
		) &
		pids+=($!)
	done
	wait "${pids[@]}"
	is "$(wc -l <"$at/units")" $((8 * jobs)) "eight programs on three machines did $((8 * jobs)) jobs"
	is "$(wc -l <"$at/too-many")" 0 "never more than three at a time"
	is "$(wc -l <"$at/twice")" 0 "never two with the same unit"
	run kq 2 resource delete licence
	is "$rc" 0 "a pool that nobody holds is deleted"
	becomes "and is gone" 20 gone 3 licence
}
