#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Three nodes with real daemons in User Mode Linux, clients and a nemesis: half an hour of virtual time
# (KQ_SECONDS). What the clients saw is linearizable and durable, no checker of the kernel complains.
# KQ_SEED repeats the choices, KQ_THINK and KQ_LONGEST are how long clients and faults last.
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/kunit/lib.sh
. tests/kunit/lib.sh
SECONDS_VIRTUAL=${KQ_SECONDS:-1800}
SEED=${KQ_SEED:-$RANDOM}
make -s build/nemesis/worker build/nemesis/verify build/nemesis/starve >&2
echo "# seed $SEED: KQ_SEED=$SEED tests/nemesis/uml.t makes the same choices"
uml_tap 1024 $((${KQ_STARVE:+600} + 300 + SECONDS_VIRTUAL / 4)) env KQ_SECONDS="$SECONDS_VIRTUAL" KQ_SEED="$SEED" \
	KQ_THINK="${KQ_THINK:-10}" KQ_LONGEST="${KQ_LONGEST:-60}" KQ_KINDS="${KQ_KINDS-}" \
	KQ_STARVE="${KQ_STARVE-}" tests/nemesis/uml.sh
status=$?
took="$SECONDS_VIRTUAL s of virtual time"
[ -z "${KQ_STARVE-}" ] || took="all rounds"
echo "# $took took $SECONDS s"
exit $status
