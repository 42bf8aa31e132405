#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# TAP: the check of the power cuts finds two planted lies: a module that acknowledges before its
# write is durable, and disks that acknowledge a flush before they honour it.
set -u
cd "$(dirname "$(realpath "$0")")/../.." || exit 1
. tests/machines/lib.sh
. tests/machines/power-cuts.sh

# finds_the_lie HOW NAME: cut all, and what is wrong must be what was acknowledged
finds_the_lie()
{
	local wrong how=$1
	appenders_start
	if cut_all "$how"; then
		appenders_stop
		leader=$(vc leader 90) || note "no leader"
		within 60 same_applied n1 n2 n3 || note "they do not apply the same"
		wrong=$(what_is_wrong 2>&1)
	else
		wrong="acknowledged and lost: a node does not start again"
		appenders_stop
	fi
	sed 's/^/# /' <<<"$wrong"
	check "$(truth grep -q 'acknowledged and lost' <<<"$wrong")" "$2"
	cluster_end
}

scripts/kbuild-module "$kernel" BREAK=flush >build/break-flush.log 2>&1 ||
	{ echo "Bail out! see build/break-flush.log"; exit 1; }
cluster_up soak-lies --module "$(scripts/kbuild-module --print "$kernel" BREAK=flush)"
finds_the_lie hang "found: a module that acknowledges before the write is durable"
cluster_up soak-lies --lie 5000
finds_the_lie now "found: disks that acknowledge a flush before they honour it"
finish
