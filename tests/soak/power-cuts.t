#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# TAP: 30 power cuts (KQ_CUTS) of random machines under load, then four of all three at once; on both
# kernels (KQ_KERNEL: on that one only). KQ_SEED repeats the choices.
set -u
cd "$(dirname "$(realpath "$0")")/../.." || exit 1
. tests/machines/lib.sh
. tests/machines/power-cuts.sh

log_mib=64
for kernel in ${KQ_KERNEL:-6.1 6.12}; do
	cluster_up soak-power-cuts
	appenders_start
	random_cuts "${KQ_CUTS:-30}"
	logs_are_right "single cuts: what was acknowledged is in all logs, once"
	for how in now in-write hang in-write; do
		appenders_start
		cut_all $how || check 1 "all three boot again"
		logs_are_right "all three at once ($how): what was acknowledged is in all logs, once"
	done
	kernels_are_clean
	cluster_end
done
finish
