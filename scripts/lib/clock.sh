# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# The clock that scripts in test machines, and those that watch them, measure by.

# boot_ms: CLOCK_BOOTTIME (10 ms steps); no process is started for it
boot_ms()
{
	local up
	read -r up _ </proc/uptime
	boot_ms=$((10#${up/./}0))
}
