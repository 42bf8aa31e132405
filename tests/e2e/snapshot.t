#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Logs that are a fraction of what is appended: nodes save, start from and send each other snapshots.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
make -s e2e-build >&2 || { echo "Bail out! holders does not build"; exit 1; }
e2e snapshot 1500 --mem 1536
