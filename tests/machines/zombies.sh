# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# Zombies and handover on three machines: what both need of the cluster, and their TAP. Needs lib.sh.

LEASE_MS=4000	# shorter than the default, so that a hundred deaths take half an hour
DELTA_MS=250

# setting NAME: of the cluster, as election_ms
# shellcheck disable=SC2154	# leader: cluster_up sets it
setting() { on "$leader" kquorum settings -j | jq ".settings.$1"; }

lease_settled() { on "$leader" kquorum settings -j | jq -e '.before == null' >/dev/null; }

# short_lease: from now on; while the longer one is relied on nothing is as it will be
short_lease()
{
	vc exec -t 100 "$leader" kquorum settings set "lease=${LEASE_MS}ms" "delta=${DELTA_MS}ms" --wait 60s |
		sed 's/^/# /'
	within 60 lease_settled || { echo "Bail out! the lease is not set"; exit 1; }
}

# tells CMD...: its "ok - NAME", "not ok - NAME" become numbered TAP, the rest is passed on. Commands in
# the machines say on their standard error that they lost what they lost, each time.
tells()
{
	local line status errors=$KQ_VM_CLUSTER.errors
	while IFS= read -r line; do
		case $line in
		"ok - "*) check 0 "${line#ok - }" ;;
		"not ok - "*) check 1 "${line#not ok - }" ;;
		"status "*) status=${line#status } ;;
		*) printf '%s\n' "$line" ;;
		esac
	done < <("$@" 2>"$errors"; echo "status $?")
	[ "$status" = 0 ] && return
	tail -n 5 "$errors" | sed 's/^/# /'
	check 1 "it comes to its end (exit $status)"
}
