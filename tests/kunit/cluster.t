#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A cluster of three namespaces with real daemons in User Mode Linux: real load, faults, and the
# module loaded and unloaded, with lockdep, KASAN, kmemleak and the rest watching.
# $KQ_CHURN: how often each kind of fault is repeated (default 1).
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/kunit/lib.sh
. tests/kunit/lib.sh
CHURN=${KQ_CHURN:-1}
make -s build/kqreplay >&2
uml_tap $((768 + 20 * CHURN)) $((600 + 120 * CHURN)) env KQ_CHURN="$CHURN" tests/kunit/guest/cluster.sh
