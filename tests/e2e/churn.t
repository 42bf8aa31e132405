#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Load and unload, namespaces deleted under load, daemons killed: a few times each. The soak part
# "churn" does it 100 times.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
e2e churn 900
