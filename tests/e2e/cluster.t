#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Three nodes in three namespaces: elections, locks, pools, grants that end, daemons killed, partitions, refusals.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
e2e cluster 1200
