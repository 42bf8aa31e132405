# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# Tests with three machines: TAP, one cluster per test script, and what is checked of its log.
# The caller is in the project's root. Settings: KQ_KERNEL (default 6.1), KQ_SEED.

# shellcheck source=scripts/lib/demo.sh
. scripts/lib/demo.sh

kernel=${KQ_KERNEL:-6.1}
seed=${KQ_SEED:-$((RANDOM * 32768 + RANDOM))}
RANDOM=$((seed % 32768))
tests=0 failures=0

# check STATUS NAME: one line of TAP
check()
{
	tests=$((tests + 1))
	if [ "$1" = 0 ]; then
		echo "ok $tests - $2"
	else
		echo "not ok $tests - $2"
		failures=$((failures + 1))
	fi
}
note() { echo "# $(date +%T) $*"; }
finish()
{
	echo "1..$tests"
	[ $failures = 0 ]
	exit
}

# cluster_up NAME OPTION...: boot it; the end of the script switches it off
cluster_up()
{
	KQ_VM_CLUSTER=$PWD/build/$1
	export KQ_VM_CLUSTER
	shift
	trap cluster_end EXIT
	trap 'exit 1' INT TERM HUP
	vc down >/dev/null 2>&1 || true
	note "seed $seed, kernel $kernel, machines in $KQ_VM_CLUSTER"
	KQ_SEGMENTS=${segments:-${log_mib:-8}} vc up --kernel "$kernel" --rtt-scale 3 "$@" >"$KQ_VM_CLUSTER.up.log" 2>&1 || {
		sed 's/^/# /' "$KQ_VM_CLUSTER.up.log"
		echo "Bail out! no cluster"
		exit 1
	}
	leader=$(vc leader 60) || { echo "Bail out! no leader"; exit 1; }
	note "up, $leader leads"
}

cluster_end()
{
	local node
	trap - EXIT
	jobs -p | xargs -r kill 2>/dev/null || true
	if [ $failures != 0 ]; then
		for node in n1 n2 n3; do
			echo "# console of $node:"
			vc console $node 2>/dev/null | tail -n 8 | sed 's/^/#   /'
			vc exec -t 10 $node kquorum status 2>&1 | sed 's/^/#   /'
		done
	fi
	vc down >/dev/null 2>&1 || true
}

# in_background FUNCTION: of each machine, all at once; sets $pids
in_background()
{
	local node
	pids=()
	for node in n1 n2 n3; do
		"$1" $node &
		pids+=($!)
	done
}

# all_ended PID...
all_ended()
{
	local pid
	for pid; do
		! kill -0 "$pid" 2>/dev/null || return 1
	done
}

kernels_are_clean()
{
	local node
	for node in n1 n2 n3; do vc console $node; done 2>/dev/null >"$KQ_VM_CLUSTER.console"
	kernel_noise "$KQ_VM_CLUSTER.console" | sed 's/^/# /'
	check "$(truth [ "$(kernel_noise "$KQ_VM_CLUSTER.console" | wc -l)" = 0 ])" "the kernels complain of nothing"
}
