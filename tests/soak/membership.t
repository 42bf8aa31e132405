#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# 1, 3, 5, 7, 3, 1 nodes under a steady load; a dead one is replaced, one moved, one stopped
# Clients on the first node take locks and append all the while: no request may fail but with "try
# again", what they saw is linearizable, and the longest time without an answer is printed.
# KQ_ROUNDS (2): how often all of that; KQ_KERNEL: on that kernel.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$(realpath "$0")")/../e2e/lib.sh"
make -s build/nemesis/worker build/nemesis/verify >&2
KQ_SMALL=1 e2e membership 3600 --cpus 2 --mem 3072
