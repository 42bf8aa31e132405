#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Three nodes: elections, locks, pools, grants that end, daemons killed, partitions, lost leases, refusals.
# shellcheck source=tests/e2e/guest/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/guest/locks.sh
. "$(dirname "$0")/locks.sh"
# shellcheck source=tests/e2e/guest/pools.sh
. "$(dirname "$0")/pools.sh"
# shellcheck source=tests/e2e/guest/partition.sh
. "$(dirname "$0")/partition.sh"
# shellcheck source=tests/e2e/guest/on_loss.sh
. "$(dirname "$0")/on_loss.sh"
# shellcheck source=tests/e2e/guest/grants.sh
. "$(dirname "$0")/grants.sh"
# shellcheck source=tests/e2e/guest/refuse.sh
. "$(dirname "$0")/refuse.sh"
DELTA_MS=500
SPACES=4	# one for a clone
case ${1-} in
heart) heart "$2"; exit ;;	# the commands of holders
stamp) boot_ms && echo "$boot_ms" >"$2"; exit ;;
pool_job) pool_job "$2" "$3"; exit ;;
stubborn | family | obedient | caged | hangs) "$@"; exit ;;
esac

ONLY=$*
run_tests before_any_node
ok "three nodes start" bring_up /tmp/kq --delta ${DELTA_MS}ms
becomes "three nodes elect one leader" 60 agree_in 1
run_tests status_fields lock_runs_a_command releases_go_with_the_next_request lock_that_is_held \
	queue_is_fifo killed_holder_releases_at_once cancelled_wait_leaves_nothing tokens_rise \
	fence_refuses_lower_tokens pools_are_defined_once pool_units_have_numbers \
	large_request_is_not_starved pool_changes_while_it_is_used who_waits_for_too_many_is_told \
	shares_go_together three_licences_for_eight_programs unprivileged_users_are_denied bad_greetings_are_refused \
	other_settings_do_not_count a_node_with_older_files_is_refused \
	a_cloned_disk_is_noticed a_node_of_another_cluster_is_refused bad_messages_are_refused \
	transfer_moves_leadership \
	stopped_leader_hands_over minority_grants_nothing_and_guard_band_holds \
	module_stops_holders_before_the_lease_ends killed_holder_takes_its_command_along \
	hung_holder_loses_its_grant supervisor_renews_until_it_is_stopped nobody_holds_it_longer_than_he_may \
	waiter_is_evicted holder_is_evicted stubborn_holder_is_evicted fenced_holder_on_a_silent_node_is_evicted \
	users_have_what_is_theirs cluster_keeps_a_fence all_daemons_killed
nodes_stop_cleanly
finish
