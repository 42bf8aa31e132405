#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# TAP: until the next waiter has the lock: a holder killed, on the waiter's machine and on another, and a
# holder's machine dead, 100 times (KQ_RUNS) each, on both kernels (KQ_KERNEL: on that one only). Every
# part is printed; a death that takes longer than stated fails. KQ_PARTS=process or death: only that;
# KQ_SEED repeats the choices.
set -u
cd "$(dirname "$(realpath "$0")")/../.." || exit 1
. tests/machines/lib.sh
. tests/machines/zombies.sh

make -s build/machines/claimant >&2 || { echo "Bail out! build/machines/claimant"; exit 1; }
runs=${KQ_RUNS:-100}
log_mib=32
for kernel in ${KQ_KERNEL:-6.1 6.12}; do
	cluster_up soak-handover
	short_lease
	tells timeout $((600 + 90 * runs)) tests/machines/handover.pl --dir "$KQ_VM_CLUSTER" --runs "$runs" \
		--seed "$seed" --parts "${KQ_PARTS:-process,death}" --lease-ms $LEASE_MS --delta-ms $DELTA_MS \
		--election-ms "$(setting election_ms)" --heartbeat-ms "$(setting heartbeat_ms)" \
		--drift-ppm "$(setting drift_ppm)"
	kernels_are_clean
	cluster_end
done
finish
