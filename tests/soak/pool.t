#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# TAP: 8 programs on 3 machines share 3 licences for 1000 jobs (KQ_POOL_JOBS) and six power cuts (KQ_CUTS),
# the leader's too: never more than 3, granted in the order of asking. On both kernels (KQ_KERNEL: on that
# one only). KQ_SEED repeats the choices.
set -u
cd "$(dirname "$(realpath "$0")")/../.." || exit 1
# shellcheck source=tests/machines/lib.sh
. tests/machines/lib.sh
# shellcheck source=tests/machines/pool.sh
. tests/machines/pool.sh

make -s machines-build >&2 || exit 1
# no snapshot may shorten it: all of it is looked at
# shellcheck disable=SC2034	# for cluster_up
log_mib=96
jobs=${KQ_POOL_JOBS:-1000}
for kernel in ${KQ_KERNEL:-6.1 6.12}; do
	cluster_up soak-pool
	pool_start "$jobs"
	check $? "a pool of licences is there"
	pool_cuts "${KQ_CUTS:-6}"
	pool_ends $((120 + 3 * jobs))
	pool_is_right
	kernels_are_clean
	cluster_end
done
finish
