#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Who owns a lock handle: kill, exec, fork, SCM_RIGHTS, threads, namespaces; how many there may be.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
make -s build/e2e/owner >&2 || { echo "Bail out! owner does not build"; exit 1; }
e2e owners 600
