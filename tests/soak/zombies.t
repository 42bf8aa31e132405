#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# TAP: machines of holders are stalled and frozen past their lease, 100 times (KQ_ROUNDS) on both kernels
# together (KQ_KERNEL: all on that one). Never two valid holders, never a stale write accepted, and how
# long one that is awake again takes to know. KQ_SEED repeats the choices.
set -u
cd "$(dirname "$(realpath "$0")")/../.." || exit 1
. tests/machines/lib.sh
. tests/machines/zombies.sh

make -s build/machines/claimant >&2 || { echo "Bail out! build/machines/claimant"; exit 1; }
read -ra kernels <<<"${KQ_KERNEL:-6.1 6.12}"
rounds=$((${KQ_ROUNDS:-100} / ${#kernels[@]}))
log_mib=32
for kernel in "${kernels[@]}"; do
	cluster_up soak-zombies
	short_lease
	tells timeout $((300 + 90 * rounds)) tests/machines/zombies.pl --dir "$KQ_VM_CLUSTER" \
		--rounds "$rounds" --seed "$seed" --delta-ms "$DELTA_MS"
	kernels_are_clean
	cluster_end
done
finish
