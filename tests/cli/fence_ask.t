#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
CMOCKA_MESSAGE_OUTPUT=TAP exec "${BUILD:-build}/tests/cli/fence_ask_test" 2>&1
