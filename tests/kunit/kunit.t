#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The module's KUnit suites in User Mode Linux, for prove.
exec "$(dirname "$0")/../../scripts/uml" kunit
