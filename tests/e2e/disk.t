#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Disks that fail, hang, fill up or forget, and files that are damaged, cut or removed.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
e2e disk 900 --disk 256M
