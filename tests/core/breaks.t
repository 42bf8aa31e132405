#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# TAP: tests of the core with a bug compiled in fail where they must.
cd "$(dirname "$0")/../.." || exit 1
for t in build/tests/core_*_break_*; do
	tests/core/must-fail "$t" "${t##*_break_}_*"
done
