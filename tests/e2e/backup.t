#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A snapshot is kept, and another cluster made from it; a cluster is made from its last survivor.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
e2e backup 600
