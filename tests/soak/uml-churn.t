#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# churn in a kernel with every checker on (User Mode Linux): KQ_CHURN (25) times in each of 4 machines
# Daemons and a holder killed, the leader's link cut, a namespace deleted under load, the module loaded
# and unloaded. Nothing may be left, kmemleak and the other checkers may complain of nothing.
set -u
cd "$(dirname "$(realpath "$0")")/../.." || exit 1
export KQ_CHURN=${KQ_CHURN:-25}
# shellcheck source=tests/soak/machines.sh
. tests/soak/machines.sh
machines 4 tests/kunit/cluster.t
