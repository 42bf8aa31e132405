# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# A program on each of three machines writes directly to one disk, under a lock, while whoever holds it
# is cut off, loses its daemon, is killed or stalled. The disk itself tells, by this host's clock, that
# the old one had ended before the next was granted the lock. Needs lib.sh and a cluster with
# --shared-disk.

journal=''	# set by writers_start

# newest_writer: sets $holder and $token of the last record that was written
newest_writer()
{
	read -r holder token < <(tail -n 200 "$journal" | awk '$4 == "W" { n = $5; t = $6 } END { print n, t }')
}
# holder_is_new TOKEN: somebody with a higher one writes
holder_is_new()
{
	newest_writer
	[ "${token:-0}" -gt "$1" ]
}
# somebody_waits NODE: for the lock, as that one sees it
somebody_waits()
{
	on "$1" kquorum resource show disk -j 2>/dev/null | jq -en 'input | .queue | length > 0' >/dev/null
}

writers_on() { vc exec -t 7200 "$1" tests/machines/writers "$1" >>"$KQ_VM_CLUSTER/writers.log" 2>&1; }
writers_start()
{
	journal=$KQ_VM_CLUSTER/shared.journal
	changes=$KQ_VM_CLUSTER/changes
	faults=$KQ_VM_CLUSTER/faults
	rm -f "$KQ_VM_CLUSTER/common/stop" "$KQ_VM_CLUSTER/common/ignore"
	: >"$faults"
	in_background writers_on
	writer_pids=("${pids[@]}")
	within 60 holder_is_new 0
}
all_stopped()
{
	local node
	for node in n1 n2 n3; do on $node killall -q -INT writer; done
	all_ended "${writer_pids[@]}"
}
writers_stop()
{
	tell stop -
	touch "$KQ_VM_CLUSTER/common/stop"
	within 60 all_stopped
}

# What happens to a holder, and how it comes back.
partition_begins() { vc isolate "$1"; }
partition_ends() { vc heal; }
cable_begins() { vc link-down "$1"; }
cable_ends() { vc link-up "$1"; }
daemon_begins()
{
	on "$1" killall -KILL kquorumd
	sleep "0.$((RANDOM % 10))"
	vc isolate "$1"
}
daemon_ends()
{
	vc heal
	on "$1" kquorum start --dir /var/lib/kquorum/demo >/dev/null
}
# whoever could stop the command is stopped or killed, but for the module
alone_begins()
{
	on "$1" killall -STOP kquorum
	daemon_begins "$1"
}
alone_ends()
{
	on "$1" killall -q -CONT kquorum
	daemon_ends "$1"
}
killed_begins() { on "$1" killall -KILL kquorum; }
killed_ends() { :; }
stall_begins() { vc stall "$1"; }
stall_ends()
{
	sleep "$((RANDOM % 3)).$((RANDOM % 10))"
	tell woke "$1"
	vc wake "$1"
	sleep 2
}
# a program that nobody stops: this the judge must find
ignore_begins() { partition_begins "$1"; }
ignore_ends()
{
	sleep 1
	partition_ends "$1"
}

# tell KIND NODE: when it begins
tell()
{
	local up
	read -r up _ </proc/uptime
	echo "$up $1 $2" >>"$faults"
}

# strike KIND: whoever holds the lock, at any moment
strike()
{
	local kind=$1 struck old
	newest_writer
	within 60 somebody_waits "$holder" || { note "$kind: nobody waits behind $holder"; return 1; }
	sleep "$((RANDOM % 2)).$((RANDOM % 100))"
	newest_writer
	struck=$holder old=$token
	tell "$kind" "$struck"
	"${kind}_begins" "$struck" >>"$KQ_VM_CLUSTER/faults.log" 2>&1
	within 120 holder_is_new "$old" || { note "$kind of $struck: nobody writes after it"; return 1; }
	sleep "0.$((RANDOM % 10))"
	"${kind}_ends" "$struck" >>"$KQ_VM_CLUSTER/faults.log" 2>&1
	vc leader 90 >/dev/null
}

# rounds COUNT KIND...: each of them in turn
rounds()
{
	local count=$1 i stuck=0 kind
	shift
	for ((i = 0; i < count; i++)); do
		kind=${*:i % $# + 1:1}
		strike "$kind" || stuck=$((stuck + 1))
		[ $((i % 5)) != 4 ] || note "$((i + 1)) of $count: $*"
	done
	check "$(truth [ $stuck = 0 ])" "each of $count times ($*) somebody else writes next"
}

# judged WHAT KIND...: lines of the judgement
judged()
{
	local what=$1
	shift
	awk -v what="$what" -v kinds=" $* " '$1 == what && index(kinds, " " $2 " ")' "$changes"
}
# smallest COLUMN KIND...: of all changes
smallest()
{
	local column=$1
	shift
	judged change "$@" | awk -v c="$column" '$c != "-" && (n == "" || $c < n) { n = $c } END { print n == "" ? "-" : n }'
}
# grants KIND...: how long after the fault
grants()
{
	judged change "$@" | awk '{ print $6 }' | sort -n |
		awk '{ v[NR] = $1 } END { print v[1], "to", v[NR], "ms, median", v[int((NR + 1) / 2)] }'
}
is_empty() { [ -z "$1" ]; }
# nothing LINES NAME
nothing()
{
	[ -z "$1" ] || sed 's/^/# /' <<<"$1"
	check "$(truth is_empty "$1")" "$2"
}

judge_writers()
{
	local lost=(partition cable daemon alone) all late
	"$PWD/tests/machines/disk-judge.pl" "$faults" "$journal" >"$changes"
	all=$(judged change "${lost[@]}" | wc -l)
	check "$(truth [ "$all" -ge "$1" ])" "$all changes of the holder by partitions and kills were seen, at least $1"
	nothing "$(judged late "${lost[@]}")" "no byte of the old holder is on the disk after the next grant"
	nothing "$(judged exit "${lost[@]}")" "its processes had ended before"
	nothing "$(judged late killed other none)" "nor of one whose kquorum was killed"
	nothing "$(judged order "${lost[@]}" killed none)" "who writes next goes on where the one before has stopped"
	note "smallest margin of $all: $(smallest 7 "${lost[@]}") ms from the last write to the next grant," \
		"$(smallest 8 "${lost[@]}") ms from the end of the last process; a grant is seen up to" \
		"$(awk '$1 == "change" && $9 > n { n = $9 } END { print n + 0 }' "$changes") ms late"
	note "from the fault to the next grant: $(grants "${lost[@]}")"
	late=$(judged change killed | wc -l)
	[ "$late" = 0 ] || note "killed $late times: the next grant after $(grants killed); smallest margin $(smallest 7 killed) ms from the last write," \
		"$(smallest 8 killed) ms from the end of the last process"
	late=$(judged late stall)
	note "stalls: $(judged change stall | wc -l); after $(grep -c . <<<"$late") of these" \
		"$(awk '{ n += $5 } END { print n + 0 }' <<<"$late") writes were past the check, the last" \
		"$(awk '$6 > n { n = $6 } END { print n + 0 }' <<<"$late") ms after the machine woke"
}
