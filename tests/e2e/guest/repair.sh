#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Three nodes; bytes of their logs change while they are down. What is lost comes from the others.
# shellcheck source=tests/e2e/guest/lib.sh
. "$(dirname "$0")/lib.sh"

DIR=$WORK/cluster

# grow NAME: entries whose texts are found on disk again; some to a batch
grow()
{
	local i
	agree_in 90 || return
	for i in 1 2 3 4; do
		seq -f "$1 %02g of ten" $((10 * i - 9)) $((10 * i)) | kq "$leader" append --wait 60s - || return
	done
	wait_for 60 same_end
	last=$(st 1 .last_index)
	wanted=$(log_of 1)
}

# entries NAME: not within ok, which would keep to itself what was noted
entries()
{
	local rc=0
	wanted=""
	grow "$1" || rc=$?
	ok "entries are appended" [ "$rc" = 0 -a -n "$wanted" ]
}

same_end() { [ "$(ends | uniq | wc -l)" = 1 ]; }
ends() { local i; for i in 1 2 3; do st "$i" '"\(.last_index) \(.applied_index)"'; done; }

# log_of I: all that was in the log when it had grown
log_of() { kq "$1" log -j --to "$last" | jq -r '"\(.index) \(.term) \(.type) \(.text)"'; }
log_is() { [ "$(log_of "$1")" = "$wanted" ]; }

# damage I TEXT [OTHER]: one byte of the entry with that text changes in node I's log; sets $file. A
# text that a sector's end divides is not found: the other one is taken then.
damage()
{
	local text at
	for text in "$2" "${3-}"; do
		file=$(grep -al "$text" "$DIR/n$1"/segment-* | tail -n 1)
		[ -z "$file" ] || break
	done
	[ -n "$file" ] || return
	at=$(grep -abo "$text" "$file" | tail -n 1 | cut -d : -f 1)
	flip "$file" "$at"
}

# index_of TEXT: of the entry
index_of() { awk -v text="$1" 'index($0, text) { print $1 }' <<<"$wanted"; }

# newest_segment I: the one that is being written, by the generation in its header
newest_segment()
{
	local one
	for one in "$DIR/n$1"/segment-*; do
		[ "$(head -c 6 "$one")" != KQSEG1 ] || echo "$(od -A n -t u8 -j 24 -N 8 "$one") $one"
	done 2>/dev/null | sort -n | awk 'END { print $2 }'
}

start() { start_node "$1" "$DIR/n$1" >/dev/null 2>&1 || true; }
# told REGEX: in the kernel log, since it was looked at last
told() { dmesg | tail -n "+$((seen + 1))" | grep -qE -- "$1"; }
note() { seen=$(dmesg | wc -l); }
runs() { st_is "$1" '.state == "running" and .disk.entries_to_repair == 0'; }

# all_whole NAME: a leader, and the same log everywhere
all_whole()
{
	local i
	becomes "$1: there is a leader" 120 agree
	for i in 1 2 3; do
		becomes "n$i runs" 60 runs "$i"
		becomes "and has all that was in the log" 30 log_is "$i"
	done
	run kq "$leader" append --wait 60s "after $1"
	is "$rc" 0 "and it goes on"
	becomes "on all of them" 60 same_end
}

at_different_places_of_two()
{
	entries first
	nodes_down 1 2
	note
	damage 1 'first 05' 'first 06'
	ok "a byte changes in the log of n1" [ -n "$file" ]
	start 1
	becomes "the kernel log names the place" 20 \
		told "n1: does not serve: damage in ${file##*/} at byte [0-9]+: .*checksum"
	becomes "and says that entries are fetched" 20 \
		told 'n1: fetches [0-9]+ entries from the other members'
	damage 2 'first 35' 'first 36'
	ok "and another one in that of n2" [ -n "$file" ]
	start 2
	becomes "which is named too" 20 told "n2: does not serve: damage in ${file##*/} at byte [0-9]+"
	all_whole "two logs damaged"
	ok "how many places were damaged is said" st_is 1 '.disk.damaged_places > 0'
	like "$(st 1 .why)" 'log was damaged in [0-9]+ place' "in words too"
	like "$(tr '\n' ' ' <<<"$(st 1 .why)")" 'Check +the disk' "and what to do"
}

without_a_leader()
{
	local text
	entries second
	nodes_down 1 2 3
	damage 1 'second 05' 'second 06'
	ok "a byte changes in the log of n1" [ -n "$file" ]
	start 1
	becomes "alone, it is damaged" 30 st_is 1 '.state == "damaged" and .disk.state == "damaged"'
	text=$(st 1 .why | tr -s '\n ' ' ')
	like "$text" 'repairs its log, which is damaged in segment-[0-9]+ at byte [0-9]+:' "status says so"
	like "$text" ' 0 of [1-9][0-9]* entries that were lost are back' "and how far it is"
	like "$text" 'none of them can be reached' "and what it waits for"
	ok "in numbers too" \
		st_is 1 '.disk | .entries_to_repair > 0 and .entries_missing == .entries_to_repair'
	run kq 1 lock -w 1 alone -- true
	ok "it grants nothing" [ "$rc" != 0 ]
	damage 2 'second 35' 'second 36'
	ok "and another one in that of n2" [ -n "$file" ]
	start 2
	becomes "the two repair each other: n1" 60 runs 1
	becomes "and n2" 60 runs 2
	becomes "and have a leader" 120 agree 1 2
	start 3
	all_whole "two logs damaged, and no leader"
}

# in_vain I: nobody has what it lacks; sets $text. Now and then it asks again.
in_vain()
{
	text=$(st "$1" .why | tr -s '\n ' ' ')
	grep -q 'not got it' <<<"$text"
}

in_the_same_place_of_two()
{
	local entry text i
	entries third
	nodes_down 1 2 3
	damage 1 'third 15' 'third 16'
	ok "bytes change in the logs of n1" [ -n "$file" ]
	damage 2 'third 15' 'third 16'
	ok "and n2, in the same entry" [ -n "$file" ]
	start 1
	start 2
	for i in 1 2; do
		becomes "n$i has asked for it in vain" 60 in_vain "$i"
		entry=$(grep -oE 'entry [0-9]+ has been lost' <<<"$text" | grep -oE '[0-9]+')
		entry=${entry:-0}
		# or one before it, of the same batch
		ok "and names the entry" \
			[ "$entry" -ge "$(index_of 'third 11')" -a "$entry" -le "$(index_of 'third 15')" ]
		like "$text" "lost here, and n$((3 - i)) has not got it either" "and who lacks it too"
		like "$text" 'start the members that are down' "and what to do"
	done
	ok "neither leads" eval 'st_is 1 ".role != \"leader\"" && st_is 2 ".role != \"leader\""'
	run kq 1 lock -w 1 nobody -- true
	ok "nothing is granted" [ "$rc" != 0 ]
	start 3
	all_whole "one entry lost on a majority"
}

newest_header()
{
	local header text
	entries fourth
	node_down 3
	file=$(newest_segment 3)
	header=$(grep -abo KQBAT1 "$file" | tail -n 1 | cut -d : -f 1)
	flip "$file" $((header + 100))
	note
	run start_node 3 "$DIR/n3"
	is "$rc" 1 "with its newest header damaged a node does not start"
	like "$out" "damaged in ${file##*/} at byte $header" "it says where"
	becomes "it is damaged" 30 st_is 3 '.state == "damaged"'
	text=$(st 3 .why | tr -s '\n ' ' ')
	like "$text" 'cannot be repaired from the others' "and that the others cannot help"
	like "$text" 'whom it voted for, is not known' "and why"
	like "$text" 'kquorum member replace n3 n3=10.77.0.3' "and what to do"
	becomes "the kernel log names the place" 20 \
		told "n3: does not serve: damage in ${file##*/} at byte $header"
	becomes "the others have a leader" 90 replaced 3
	run kq "$leader" append --wait 60s "without n3"
	is "$rc" 0 "and go on"
	node_down 3
	flip "$file" $((header + 100))
	start 3
	all_whole "with its files as they were"
}

segment_header()
{
	entries fifth
	node_down 3
	file=$(newest_segment 3)
	flip "$file" 100
	note
	ok "with the header of a segment damaged a node starts" start_node 3 "$DIR/n3"
	becomes "the kernel log names the place" 20 \
		told "n3: the log was damaged in 1 places, the first in ${file##*/} at byte 0"
	ok "so does status" st_is 3 '.disk.damaged_places == 1 and .disk.entries_to_repair == 0'
	all_whole "a segment's header is made again"
}

scrubbed_while_it_runs()
{
	local header i
	entries sixth
	damage 1 'sixth 05' 'sixth 06'
	ok "a byte changes in the log of n1, which runs" [ -n "$file" ]
	run kq 1 scrub --wait
	is "$rc" 0 "a scrub does what it should"
	like "$out" 'scrub done .* ago: .* read' "it says how much was read"
	like "$out" 'damaged in [0-9]+ places?, the first in segment-[0-9]+ at byte [0-9]+' "and where"
	like "$out" '[1-9][0-9]* written again' "and that entries were written again"
	like "$(kq 1 scrub status -j | jq -c '[.state, .entries_missing == .entries_rewritten]')" \
		'^\["done",true\]$' "in JSON too"
	file=$(newest_segment 2)
	header=$(grep -abo KQBAT1 "$file" | tail -n 1 | cut -d : -f 1)
	flip "$file" $((header + 100))
	run kq 2 scrub start --rate 64M --wait
	is "$rc" 0 "the newest header of n2 is damaged: that is mended as well"
	like "$out" 'damaged in [0-9]+ place' "and said"
	nodes_down 1 2 3
	for i in 1 2; do
		start "$i"
		becomes "alone, n$i has all that it had" 30 runs "$i"
		node_down "$i"
	done
	for i in 1 2 3; do start "$i"; done
	all_whole "two logs damaged while they were in use"
}

ONLY=$*
mkdir -p "$DIR"
ok "three nodes start" bring_up "$DIR" --segments 16
becomes "and elect a leader" 60 agree_in 1
run_tests at_different_places_of_two without_a_leader in_the_same_place_of_two newest_header \
	segment_header scrubbed_while_it_runs
nodes_down 1 2 3
cluster down >/dev/null
becomes "no object of the module is left" 30 no_objects
finish
