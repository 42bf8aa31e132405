# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Devices that fail on demand, and programs that append all the time. Sourced by disk.sh.

DEVICE_SECTORS=65536	# 32 MiB each

# devices_make: /dev/mapper/d1 to d3 on /dev/vda, ext4, mounted on /mnt/n1 to n3
devices_make()
{
	local i
	modprobe dm-flakey
	modprobe dm-delay
	for i in 1 2 3; do
		dmsetup create d$i --noudevsync --table "$(table_linear $i)" || return 1
		dmsetup mknodes
		mkdir -p /mnt/n$i
		file_system $i || return 1
	done
}

# file_system I: a new one on d$I, mounted. A write error of the journal makes it read-only.
file_system()
{
	mke2fs -q -F -t ext4 -m 0 -E lazy_itable_init=0,lazy_journal_init=0 -O ^metadata_csum "/dev/mapper/d$1" &&
		mount -o errors=remount-ro "/dev/mapper/d$1" "/mnt/n$1"
}

table_linear() { echo "0 $DEVICE_SECTORS linear /dev/vda $((($1 - 1) * DEVICE_SECTORS))"; }
# fails every write, not the reads
table_error() { echo "0 $DEVICE_SECTORS flakey /dev/vda $((($1 - 1) * DEVICE_SECTORS)) 0 1000 1 error_writes"; }
# every write takes $2 ms longer
table_delay()
{
	local at="/dev/vda $((($1 - 1) * DEVICE_SECTORS))"
	echo "0 $DEVICE_SECTORS delay $at 0 $at $2"
}

# device I TABLE: from now on
device()
{
	dmsetup suspend --nolockfs --noflush "d$1" && dmsetup load "d$1" --table "$2" && dmsetup resume --noudevsync "d$1"
}

# --- what the cluster acknowledges meanwhile --------------------------------------------

# On each node, all the time: append a line of its own, note "INDEX TERM LINE" when acknowledged.
appenders_start()
{
	local i
	appenders=()
	for i in 1 2 3; do
		(
			k=0
			while [ ! -e "$WORK/stop" ]; do
				k=$((k + 1))
				got=$(kq $i append --wait 20s "n$i line $k" 2>/dev/null) &&
					echo "$got n$i line $k" >>"$WORK/acknowledged.$i"
				sleep 0.5
				while [ -e "$WORK/pause" ]; do
					touch "$WORK/paused.$i"
					sleep 0.1
				done
			done
		) &
		appenders+=($!)
	done
}

# Until appenders_go the logs stand still: no line is under way, no session is to be opened or ended.
appenders_pause()
{
	rm -f "$WORK"/paused.?
	touch "$WORK/pause"
	wait_for 60 all_paused && wait_for 60 all_have_all
}

all_paused()
{
	local i
	for i in 1 2 3; do
		[ -e "$WORK/paused.$i" ] && st_is $i '.session_left_ms > 0' || return 1
	done
}

appenders_go() { rm "$WORK/pause"; }

appenders_stop()
{
	touch "$WORK/stop"
	wait "${appenders[@]}"
}

# log_lines I: "INDEX TERM LINE" of what was appended and is committed, as node I has it
log_lines()
{
	kq "$1" log -j | jq -r 'select(.type == "append" and .effect and .text != null) | "\(.index) \(.term) \(.text)"'
}

# In a cluster at rest: there is nothing that one node does not have.
all_have_all()
{
	agree || return 1
	st_is "$leader" '(.commit_index == .last_index) and (.last_index as $l | .nodes | all(.match_index == $l))'
}

# catches_up I: it applies what its leader has in the log now
catches_up()
{
	local last
	agree_in 60 && last=$(st "$leader" .last_index) && wait_for 60 st_is "$1" ".applied_index >= $last"
}

acknowledged_is_in_every_log()
{
	local i lost
	becomes "in the end all nodes have the whole log" 60 all_have_all
	ok "lines were acknowledged on each node meanwhile" [ -s "$WORK/acknowledged.1" -a -s "$WORK/acknowledged.2" -a -s "$WORK/acknowledged.3" ]
	sort "$WORK"/acknowledged.? >"$WORK/acknowledged"
	for i in 1 2 3; do
		log_lines $i | sort >"$WORK/log"
		lost=$(comm -23 "$WORK/acknowledged" "$WORK/log")
		report "$([ -z "$lost" ]; echo $?)" "each of the lines acknowledged is in the log of n$i" \
			"$(wc -l <"$WORK/acknowledged") acknowledged; lost: $lost"
		is "$(twice_in_effect $i)" "" "and no line counts twice"
	done
}

# twice_in_effect I: one that was proposed again while its fate was not known may stand in the log
# twice; it counts once.
twice_in_effect()
{
	kq "$1" log -j | jq -r 'select(.type == "append" and .effect) | .text' | sort | uniq -d
}
