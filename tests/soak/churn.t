#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Load and unload, namespaces deleted under load, daemons killed, 100 times each; nothing is left.
export KQ_CHURN=${KQ_CHURN:-100}
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/../e2e/lib.sh"
e2e churn 7200 --mem 2048
