#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Clocks that are steered and set, and a machine that goes to sleep: what becomes of leases.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
e2e clocks 480
