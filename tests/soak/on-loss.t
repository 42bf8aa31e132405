#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# TAP: a program writes directly to a shared disk under a lock; 50 partitions and kills (KQ_ROUNDS), stalls
# (KQ_STALLS, 10) of whoever holds it: its last byte comes before the next grant, by this host's clock. On
# both kernels (KQ_KERNEL: on that one only). KQ_SEED repeats the choices.
set -u
cd "$(dirname "$(realpath "$0")")/../.." || exit 1
# shellcheck source=tests/machines/lib.sh
. tests/machines/lib.sh
# shellcheck source=tests/machines/on-loss.sh
. tests/machines/on-loss.sh

make -s machines-build >&2 || exit 1
# shellcheck disable=SC2034	# for cluster_up
log_mib=32
for kernel in ${KQ_KERNEL:-6.1 6.12}; do
	cluster_up soak-on-loss --shared-disk 16M
	on "$leader" kquorum settings set lease=4s | sed 's/^/# /'
	writers_start
	check $? "a program writes"
	rounds "${KQ_ROUNDS:-50}" partition daemon cable alone
	rounds "${KQ_KILLS:-10}" killed
	rounds "${KQ_STALLS:-10}" stall
	touch "$KQ_VM_CLUSTER/common/ignore"
	rounds 4 ignore
	writers_stop
	check $? "all come to their end"
	judge_writers "$((${KQ_ROUNDS:-50} * 9 / 10))"
	check "$(truth [ -n "$(judged late ignore)" ])" "one that nobody stops writes after the next grant, and is found"
	kernels_are_clean
	cluster_end
done
finish
