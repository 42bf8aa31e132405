#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# TAP: 20000 netlink commands that nobody would send, to the real module under every checker.
cd "$(dirname "$0")/../.." || exit 1
echo "1..1"
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT
if KQ_FUZZ_SEED=${KQ_FUZZ_SEED:-1} tests/fuzz/run --runs "${KQ_FUZZ_COMMANDS:-20000}" netlink >"$log" 2>&1; then
	echo "ok 1 - hostile netlink commands leave no trace"
	sed -n 's/^\(.* commands, .*\)/# \1/p' build/fuzz/netlink.log
else
	echo "not ok 1 - hostile netlink commands leave no trace"
	tail -n 60 build/fuzz/netlink.log | sed 's/^/# /'
	exit 1
fi
