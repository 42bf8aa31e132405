# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# The nemesis: draws faults, lets them last and ends them. The caller defines for each KIND of $kinds
# the functions KIND_start NODE and KIND_end NODE (1 to 3), a function "pause SECONDS" and a function
# "leader_now" that sets $leader_now to the leader's number, or to nothing. RANDOM is seeded by the
# caller, $FAULTS is the file in which it is written what happened.

# CLOCK_BOOTTIME, as tests/nemesis/clients has it
# shellcheck source=scripts/lib/clock.sh
. scripts/lib/clock.sh

# say start|end KIND NODE [leader]
say()
{
	boot_ms
	echo "$boot_ms $1 $2 n$3 ${4-}" >>"$FAULTS"
}

# draw: sets $kind and $node. Of two faults one strikes the leader.
draw()
{
	kind=${kinds[RANDOM % ${#kinds[@]}]}
	node=
	leader_now
	[ $((RANDOM % 2)) = 0 ] || node=$leader_now
	node=${node:-$((RANDOM % 3 + 1))}
}

# strike KIND NODE
strike()
{
	local of=
	[ "$leader_now" != "$2" ] || of=leader
	say start "$1" "$2" $of
	"$1_start" "$2" >>"$FAULTS.log" 2>&1 || echo "$1_start $2 failed" >>"$FAULTS.log"
}

# mend KIND NODE
mend()
{
	"$1_end" "$2" >>"$FAULTS.log" 2>&1 || echo "$1_end $2 failed" >>"$FAULTS.log"
	say end "$1" "$2"
}

# random_faults SECONDS LONGEST: until then; each lasts up to LONGEST seconds. Of three one gets a
# second on top of it, which may be on the same node.
random_faults()
{
	local until kind node struck
	boot_ms
	until=$((boot_ms + $1 * 1000))
	while boot_ms && [ "$boot_ms" -lt $until ]; do
		draw
		strike "$kind" "$node"
		struck=("$kind $node")
		pause $((RANDOM % $2 + 1))
		[ $((RANDOM % 3)) != 0 ] || draw
		if [ "$struck" != "$kind $node" ]; then
			strike "$kind" "$node"
			struck=("$kind $node" "${struck[@]}")
			pause $((RANDOM % $2 + 1))
		fi
		for kind in "${struck[@]}"; do
			# shellcheck disable=SC2086	# kind and node
			mend $kind
		done
		pause $((RANDOM % $2 + 1))
	done
}

# judge ELECTION_MS HISTORY LOG...: the properties as TAP through report(), the rest as comments
judge()
{
	local line out election_ms=$1
	shift
	out=$(build/nemesis/verify --faults "$FAULTS" --election-ms "$election_ms" "$@" 2>&1)
	[ $? -lt 2 ] || report 1 "history and logs can be read" "$out"
	while IFS= read -r line; do
		case $line in
		"holds: "*) report 0 "${line#holds: }" ;;
		"BROKEN: "*) report 1 "${line#BROKEN: }" ;;
		*) echo "$line" ;;
		esac
	done <<<"$out"
}
