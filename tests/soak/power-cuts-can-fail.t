#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# TAP: the check of the power cuts finds two planted lies: a module that acknowledges before its
# write is durable, and disks that acknowledge a flush before they honour it.
set -u
cd "$(dirname "$(realpath "$0")")/../.." || exit 1
. tests/machines/lib.sh
. tests/machines/power-cuts.sh

# finds_the_lie HOW NAME: cut all, and what was acknowledged must be missing, or no node be able to
# say that it is there
finds_the_lie()
{
	local wrong way=$1
	appenders_start
	if cut_all "$way"; then
		appenders_stop
		leader=$(vc leader 40) || note "no leader"
		within 30 same_applied n1 n2 n3 || note "they do not apply the same"
		wrong=$(what_is_wrong 2>&1)
	else
		wrong="the machines do not boot"
		appenders_stop
	fi
	sed 's/^/# /' <<<"$wrong"
	check "$(truth grep -qE 'acknowledged and lost|has not committed|shows no log' <<<"$wrong")" "$2"
	cluster_end
}

scripts/kbuild-module "$kernel" BREAK=flush >build/break-flush.log 2>&1 ||
	{ echo "Bail out! see build/break-flush.log"; exit 1; }
cluster_up soak-lies --module "$(scripts/kbuild-module --print "$kernel" BREAK=flush)"
finds_the_lie hang "found: a module that acknowledges before the write is durable"
lie_ms=5000
cluster_up soak-lies --lie $lie_ms
# what was written so far, file systems and segments, gets to the disks; the lines that follow do not
sleep $((lie_ms / 1000 + 2))
finds_the_lie now "found: disks that acknowledge a flush before they honour it"
finish
