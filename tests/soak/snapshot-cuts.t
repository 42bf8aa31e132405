#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# TAP: power cuts at each step of save, ship, install and log recycling, then 50 (KQ_CUTS) at random
# moments of them; every node starts, and state checksums agree. On both kernels (KQ_KERNEL: on that
# one only). KQ_SEED repeats the choices; KQ_STEPS=no leaves out the steps.
set -u
cd "$(dirname "$(realpath "$0")")/../.." || exit 1
. tests/machines/lib.sh
. tests/machines/power-cuts.sh
. tests/machines/snapshot-checks.sh
. tests/machines/snapshot-cuts.sh

make -s build/e2e/holders >&2 || { echo "Bail out! build/e2e/holders"; exit 1; }
segments=32
export KQ_SEGMENT_SIZE=$SEGMENT
for kernel in ${KQ_KERNEL:-6.1 6.12}; do
	cluster_up soak-snapshot-cuts --rtt-scale 6
	snapshots_all_the_time
	if [ "${KQ_STEPS:-yes}" = yes ]; then
		save_steps
		ship_steps
		recycle_steps
		states_agree
		check $? "state checksums agree after all of these"
		each_step_was_met
	fi
	readers_start
	appenders_start
	random_snapshot_cuts "${KQ_CUTS:-50}"
	lines_are_right "what was acknowledged is in the logs as long as they go back"
	kernels_are_clean
	cluster_end
done
finish
