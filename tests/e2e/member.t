#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A cluster of one grows to five and shrinks again; machines are replaced, moved, wiped.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
e2e member 1200
