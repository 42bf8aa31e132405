#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# TAP: three programs on three machines append 200 lines each (KQ_LINES) to one file while their
# leader loses its power, its link and its daemon; on both kernels (KQ_KERNEL: on that one only).
set -u
cd "$(dirname "$(realpath "$0")")/../.." || exit 1
. tests/machines/lib.sh
. tests/machines/shared-file.sh

log_mib=32
for kernel in ${KQ_KERNEL:-6.1 6.12}; do
	cluster_up soak-shared-file
	shared_file "${KQ_LINES:-200}"
	kernels_are_clean
	cluster_end
done
finish
