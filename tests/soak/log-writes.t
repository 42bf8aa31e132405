#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# every write logged (dm-log-writes), replayed to each flush and FUA write, torn before it; on both kernels
exec "$(dirname "$0")/../e2e/log-writes.t" "$@"
