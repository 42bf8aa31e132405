#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Bytes change in the logs of two nodes of three, and in what the log stands on: repaired, or refused and named.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
e2e repair 900
