#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# How locks of others went wrong, each as its issue tells it, here.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
make -s build/e2e/owner >&2 || { echo "Bail out! owner does not build"; exit 1; }
e2e named 600
