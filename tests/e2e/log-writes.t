#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Every write of three nodes is logged (dm-log-writes). At each flush and FUA write, and with the writes
# before it missing or torn, recovery finds all that was durable: what the power may fail at is tried
# at every point, not drawn by lot.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
make -s e2e-build >&2 || { echo "Bail out! log-writes does not build"; exit 1; }
logs=build/e2e/log-writes.logs

# The logs that the machine left, at every point; on the host, where that takes seconds.
replay() # KERNEL
{
	echo "# kernel $1, replayed"
	timeout 300 build/e2e/log-writes check $logs 3 2>&1
}

rm -rf $logs
mkdir -p $logs
E2E_THEN=replay
e2e log_writes 600 --disk 256M --shared $logs
