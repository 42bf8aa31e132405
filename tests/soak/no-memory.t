#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Allocations of the module's workers fail under a cluster in User Mode Linux, whatever message they handle
# The test is tests/nemesis/no-memory.t.
cd "$(dirname "$(realpath "$0")")/../.." || exit 1
exec tests/nemesis/no-memory.t
