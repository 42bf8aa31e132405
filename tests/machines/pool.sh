# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# Eight programs on three machines share three licences while machines lose their power, the leader's too.
# What the jobs leave on this host, and the logs, tell whether the pool kept its rule. Needs lib.sh and a
# cluster.

LICENCES=3
PROGRAMS=8

# program NUMBER: on its machine; while that fails, it is started again
program()
{
	local node=n$(($1 % 3 + 1))
	until vc exec -t 1800 $node tests/machines/pool-program "p$1" "$jobs_each" 2>&1; do
		sleep 1
	done
}

jobs_done() { find "$jobs_dir" -name '*.done' | wc -l; }
more_done() { [ "$(jobs_done)" -ge "$1" ]; }

# pool_start JOBS: of all programs together
pool_start()
{
	local i
	jobs_each=$((($1 + PROGRAMS - 1) / PROGRAMS))
	jobs_dir=$KQ_VM_CLUSTER/common/jobs
	mkdir -p "$jobs_dir"
	on "$leader" kquorum resource create licences --units $LICENCES >/dev/null || return 1
	program_pids=()
	for ((i = 0; i < PROGRAMS; i++)); do
		program $i >>"$KQ_VM_CLUSTER/programs.log" &
		program_pids+=($!)
	done
}

# pool_cuts N: spread over all the jobs; every second time the leader's power
pool_cuts()
{
	local i node how stuck=0
	for ((i = 1; i <= $1; i++)); do
		within 300 more_done $((i * PROGRAMS * jobs_each / ($1 + 1))) || { stuck=$((stuck + 1)); note "cut $i: no jobs are done"; }
		node=n$((RANDOM % 3 + 1))
		[ $((i % 2)) = 0 ] || node=$(vc leader 60) || stuck=$((stuck + 1))
		how=()
		[ $((RANDOM % 2)) = 0 ] || how=(--in-write)
		note "cut $i: $(jobs_done) jobs are done; $(vc power-cut --seed $((seed + i)) "${how[@]}" "$node" | tail -1)"
		sleep "$((RANDOM % 8)).$((RANDOM % 10))"
		vc boot "$node" || { stuck=$((stuck + 1)); note "$node does not boot"; }
	done
	check "$(truth [ $stuck = 0 ])" "the work goes on after each of $1 power cuts, the leader's too"
}

# pool_ends SECONDS
pool_ends()
{
	check "$(truth within "$1" all_ended "${program_pids[@]}")" "every program comes to its end, none waits for ever"
	check "$(truth [ "$(jobs_done)" = $((PROGRAMS * jobs_each)) ])" "$((PROGRAMS * jobs_each)) jobs are done"
	note "$(grep -c again "$KQ_VM_CLUSTER/programs.log") jobs needed another try"
}

# pool_logs: of all machines, up to the same index
pool_logs()
{
	local node to
	vc leader 90 >/dev/null
	to=$(field n1 commit_index)
	for node in n1 n2 n3; do
		within 60 has_committed $node "${to:=1}" || echo "$node has not committed $to"
		vc exec -t 200 $node kquorum log -j --from 1 --to "$to" >"$KQ_VM_CLUSTER/log.$node"
	done
}
has_committed() { [ "$(field "$1" commit_index)" -ge "$2" ] 2>/dev/null; }

# pool_judged UNITS: prints what is wrong and the figures
pool_judged()
{
	tests/machines/pool-judge.pl "$1" "$jobs_dir" "$KQ_VM_CLUSTER"/log.n{1,2,3} 2>&1
}

pool_is_right()
{
	local told rc=0 fewer=0
	pool_logs | sed 's/^/# /'
	told=$(pool_judged $LICENCES) || rc=1
	sed 's/^/# /' <<<"$told"
	check $rc "never more than $LICENCES had a licence, no two the same one, and all logs gave each its own in the order of asking"
	check "$(truth grep -q "most $LICENCES\$" <<<"$told")" "all $LICENCES were in use at the same time"
	check "$(truth cmp -s "$KQ_VM_CLUSTER"/log.n1 "$KQ_VM_CLUSTER"/log.n2)" "the logs are the same on n1 and n2"
	check "$(truth cmp -s "$KQ_VM_CLUSTER"/log.n1 "$KQ_VM_CLUSTER"/log.n3)" "and on n3"
	# the judge must be able to fail: by the rule of one licence less, the same jobs are wrong
	pool_judged $((LICENCES - 1)) >/dev/null || fewer=$?
	check "$(truth [ $fewer = 1 ])" "with $((LICENCES - 1)) licences the judge finds it wrong"
}
