#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Three nodes, each with a device of its own that can be made to fail; and a node alone.
# shellcheck source=tests/e2e/guest/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/guest/devices.sh
. "$(dirname "$0")/devices.sh"
# shellcheck source=tests/e2e/guest/disk_faults.sh
. "$(dirname "$0")/disk_faults.sh"
# shellcheck source=tests/e2e/guest/disk_files.sh
. "$(dirname "$0")/disk_files.sh"
# shellcheck source=tests/e2e/guest/disk_alone.sh
. "$(dirname "$0")/disk_alone.sh"

ONLY=$*

devices_make || exit
ok "three nodes start, each on a device of its own" bring_up /mnt --segment-size 1M
becomes "and elect a leader" 60 agree_in 1
appenders_start
run_tests file_size_limit hanging_leader_is_replaced failing_leader_is_replaced slow_disk_is_waited_for \
	frozen_file_system full_file_system full_thin_device removed_segment cut_segment damaged_log_is_told
appenders_stop
acknowledged_is_in_every_log
run_tests log_full
nodes_down 1 2 3
cluster down >/dev/null
run_tests older_files_are_told

NODES=1
alone_up
run_tests torn_last_record stale_records_are_not_replayed frozen_machine read_only_file_system
node_down 1
cluster down >/dev/null
becomes "no object of the module is left" 30 no_objects
finish
