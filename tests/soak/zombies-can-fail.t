#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# TAP: the judge of the zombies finds planted faults: promises that are shorter than the lease, or by
# one Delta too short, tokens that do not rise, and a clock that does not go on.
set -u
cd "$(dirname "$(realpath "$0")")/../.." || exit 1
. tests/machines/lib.sh
. tests/machines/zombies.sh

# finds NAME PATTERN OPTION...: what zombies.pl says has lines of each of PATTERN's alternatives
finds()
{
	local name=$1 pattern=$2 said
	shift 2
	said=$(timeout 400 tests/machines/zombies.pl --dir "$KQ_VM_CLUSTER" --seed "$seed" --delta-ms "$DELTA_MS" "$@" 2>&1)
	sed '/^#/!s/^/# said: /' <<<"$said"
	check "$(truth grep -qE "^not ok - .*$pattern" <<<"$said")" "found: $name"
}

# with BUG: a cluster of modules that have it
with()
{
	scripts/kbuild-module "$kernel" BREAK="$1" >"build/break-$1.log" 2>&1 ||
		{ echo "Bail out! see build/break-$1.log"; exit 1; }
	cluster_up soak-zombies-fail --module "$(scripts/kbuild-module --print "$kernel" BREAK="$1")"
	short_lease
}

make -s build/machines/claimant >&2 || { echo "Bail out! build/machines/claimant"; exit 1; }
with guard
finds "a promise shorter than the lease" "two valid holders" --rounds 2 --kinds stalled --roles followed
cluster_end
with delta
# how long renewals take comes on top of it: on a busy host not every round is near enough
finds "a guard of one Delta" "2 Delta" --rounds 6 --kinds stalled --roles followed
cluster_end
with fence
finds "tokens that do not rise" "stale write" --rounds 2 --kinds frozen --roles followed
finds "a machine whose clock does not go on" "clock" --rounds 1 --kinds pretended --roles followed
cluster_end
finish
