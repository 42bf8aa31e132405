#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A cluster of namespaces is recorded by its tracepoints, then replayed here: what the modules did is
# what the checked core does, and its invariants held. The same trace with something missing or
# changed, or a core with a deliberate bug, is refused.
# KQ_MODULE: another module, for the kernel that KQ_KERNEL names; KQ_TRACE: where traces are kept.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
KEEP=${KQ_TRACE:-build/trace}
tests=0

# result STATUS NAME [FILE]: FILE has what is to be seen after a failure
result()
{
	tests=$((tests + 1))
	if [ "$1" = 0 ]; then
		echo "ok $tests - $2"
	else
		echo "not ok $tests - $2"
		[ -z "${3-}" ] || tail -n 60 "$3" | cut -c 1-400 | sed 's/^/# /'
	fi
}

# refused NAME STATUS TEXT OPTION-OR-FILE...: kqreplay ends with STATUS and says TEXT
refused()
{
	local name=$1 status=$2 text=$3 rc=0 out=$KEEP/refused.log
	shift 3
	build/kqreplay "$@" >"$out" 2>&1 || rc=$?
	[ $rc = "$status" ] && grep -q "$text" "$out"
	result $? "$name is refused" "$out"
}

# counted WORD: the number before or behind it in the summary is not 0
counted() { grep -qE "(^|[^0-9])$1 [1-9]" "$out" || grep -qE "[1-9][0-9]* $1" "$out"; }

replay()
{
	local trace=$1 out=$1.replay bug what line step
	tests=0
	build/kqreplay "$trace" >"$out" 2>&1
	result $? "what the modules did is what the core does" "$out"
	sed 's/^/# /' "$out" | head -n 5
	for what in 'lives to their end' 'terms with a leader' 'entries committed' 'locks granted' \
		'appends acknowledged' 'sessions expired' 'logs read back' 'snapshots saved' \
		'snapshots adopted' 'snapshots installed' 'starts with a snapshot'; do
		counted "$what"
		result $? "the replay saw some: $what" "$out"
	done
	grep -q ', 0 cut off' "$out"
	result $? "every node was seen to its end" "$out"

	sed '0,/kquorum_out.* batch /{/kquorum_out.* batch /d}' "$trace" >"$trace.bad"
	refused "a trace that lost an event" 2 'events were lost' "$trace.bad"
	sed '200i CPU:0 [LOST 3 EVENTS]' "$trace" >"$trace.bad"
	refused "a trace with the mark of lost events" 2 'events were lost' "$trace.bad"
	sed 1d "$trace" >"$trace.bad"
	refused "a trace that begins too late" 2 'begins in the middle' "$trace.bad"
	line=$(grep -n 'kquorum_out.* message ' "$trace" | sed -n '20s/:.*//p')
	sed "${line}s/d=[0-9]*/d=1/" "$trace" >"$trace.bad"
	refused "another message than the core's" 1 'the core gives message .*, the module' "$trace.bad"
	# lines of two processors may be mixed: the bytes are those of the same step
	step=$(sed -nE 's/.*kquorum_call: (node=.* step=[0-9]+) .* recv .*/\1/p' "$trace" | sed -n 30p)
	sed -E "/kquorum_bytes: $step /s/....$/beef/" "$trace" >"$trace.bad"
	refused "a message that nobody sent" 1 'sent next on this connection' "$trace.bad"
	step=$(sed -nE 's/.*kquorum_call: (node=.* step=[0-9]+) .* install .*/\1/p' "$trace" | head -n 1)
	sed -E "/kquorum_bytes: $step /s/ at=0 ..../ at=0 beef/" "$trace" >"$trace.bad"
	refused "a snapshot that nobody saved" 1 'no core has saved' "$trace.bad"
	line=$(grep -n 'kquorum_call.* save-next ' "$trace" | sed -n '1s/:.*//p')
	sed "${line}s/ a=[0-9]*/ a=100/" "$trace" >"$trace.bad"
	refused "a snapshot that came out otherwise" 1 'the core gives result' "$trace.bad"
	line=$(grep -n 'kquorum_end.* leader ' "$trace" | sed -n '20s/:.*//p')
	sed "${line}s/ commit=/&9/" "$trace" >"$trace.bad"
	refused "another commit index" 1 'after the step the core is' "$trace.bad"
	for bug in guard renew-alone vote-forgotten majority flush fence; do
		refused "the core with the bug '$bug'" 1 FAILED --bug $bug "$trace"
	done
	rm -f "$trace.bad" "$KEEP/refused.log"
	echo "1..$tests"
}

mkdir -p "$KEEP"
make -s build/kqreplay >&2
{
	for kernel in $(e2e_kernels trace); do
		mkdir -p "$KEEP/$kernel"
		rm -f "$KEEP/$kernel/trace"*
		e2e_vm "$kernel" trace 600 --shared "$KEEP/$kernel" ${KQ_MODULE:+--module "$KQ_MODULE"}
		echo "# kernel $kernel"
		replay "$KEEP/$kernel/trace"
	done
} | e2e_join
