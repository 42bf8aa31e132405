#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# TAP: three machines, one boot: a shared file through failures of the leader, then power cuts under
# load. The short form of what tests/soak/shared-file.t and power-cuts.t do at length.
# KQ_LINES: lines of each program (24); KQ_CUTS: single power cuts (2).
set -u
cd "$(dirname "$(realpath "$0")")/../.." || exit 1
. tests/machines/lib.sh
. tests/machines/shared-file.sh
. tests/machines/power-cuts.sh

cluster_up machines
shared_file "${KQ_LINES:-24}"
appenders_start
random_cuts "${KQ_CUTS:-2}"
cut_all in-write || check 1 "all three boot again"
logs_are_right "power cuts: what was acknowledged is in all logs, once"
kernels_are_clean
finish
