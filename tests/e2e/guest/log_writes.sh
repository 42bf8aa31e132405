#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Three nodes, each on a device whose every write is logged (dm-log-writes), under load: elections,
# votes, a truncated branch, segments begun over an earlier life's, nodes stopped and started. Then the
# module starts on devices as a loss of power would have left them, at a sample of the points. The logs
# go to the host, which checks them at every point: ../log-writes.
# shellcheck source=tests/e2e/guest/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/guest/devices.sh
. "$(dirname "$0")/devices.sh"

LOGS=/run/kq-shared
TOOL=$PWD/build/e2e/log-writes
LOG_SECTORS=65536	# 32 MiB each; some 10 are used
DELAY_MS=100		# of each write: a mark for what is not durable yet comes before it
INIT=(--segment-size 256K --segments 16)

# --- devices ----------------------------------------------------------------------------

# /dev/mapper/d1 to d3 on base1 to base3, with their logs of writes on log1 to log3
logged_devices_make()
{
	local i
	modprobe dm-delay
	modprobe dm-log-writes
	for i in 1 2 3; do
		dmsetup create base$i --noudevsync --table "$(table_delay $i 0)" &&
			dmsetup create log$i --noudevsync --table \
				"0 $LOG_SECTORS linear /dev/vda $((3 * DEVICE_SECTORS + (i - 1) * LOG_SECTORS))" &&
			dmsetup mknodes &&
			dmsetup create d$i --noudevsync --table \
				"0 $DEVICE_SECTORS log-writes /dev/mapper/base$i /dev/mapper/log$i" &&
			dmsetup mknodes || return 1
		mkdir -p /mnt/n$i
		file_system $i || return 1
	done
}

delay() # MS: from now on
{
	local i
	for i in 1 2 3; do
		dmsetup suspend --nolockfs base$i && dmsetup load base$i --table "$(table_delay $i "$1")" &&
			dmsetup resume --noudevsync base$i || return 1
	done
}

# The target ends its log when it goes. What is used of it is taken.
logs_take()
{
	local i used
	for i in 1 2 3; do
		"$TOOL" extents /mnt/n$i $i $DEVICE_SECTORS >"$WORK/extents" &&
			cmp "$WORK/extents" "$WORK/n$i.extents" &&
			umount /mnt/n$i &&
			used=$(dmsetup status d$i | awk '/disabled/ { exit 1 } { print int($5 / 2048) + 2 }') &&
			dmsetup remove --noudevsync d$i &&
			dd if=/dev/mapper/log$i of="$WORK/n$i.log" bs=1M count="$used" status=none &&
			cp "$WORK/n$i.log" "$WORK/n$i.extents" $LOGS/ || return 1
	done
}

# --- what was known when: marks ---------------------------------------------------------

# Whatever is written to $marks becomes a mark; each is known before it is there.
marks_start()
{
	mkfifo "$WORK/marks"
	"$TOOL" mark d1 d2 d3 <"$WORK/marks" 2>"$WORK/marks.err" &
	marks_pid=$!
	exec {marks}>"$WORK/marks"
}

marks_stop()
{
	exec {marks}>&-
	wait $marks_pid
}

pad=$(head -c 3000 /dev/zero | tr '\0' x)

# Appends through node I all the time, one line after the other: "ack/INDEX/TERM/LINE" when it is told
# that a line is in the log. Every eighth line takes several blocks or none of its own.
appender() # I
{
	local i=$1 k=0 index term line to from
	trap '' PIPE
	while [ ! -e "$WORK/stop" ]; do
		coproc KQ { kq "$i" append --wait 60s - 2>/dev/null; }
		to=${KQ[1]} from=${KQ[0]}
		while [ ! -e "$WORK/stop" ]; do
			k=$((k + 1)) line=n$i.$k.
			[ $((k % 8)) != 0 ] || line+=$pad
			echo "$line" 2>/dev/null >&"$to" || break
			read -r index term <&"$from" || break
			echo "all ack/$index/$term/${line%"$pad"}"
			echo "$index $term ${line%"$pad"}" >>"$WORK/acknowledged.$i"
		done
		exec {to}>&-
		# shellcheck disable=SC2154 # set by coproc
		wait "$KQ_PID" 2>/dev/null
		sleep 0.2
	done >&"$marks"
}

# While node I leads: "lead/TERM/NODE", and "match/INDEX/TERM" for what it counts as durable on whom.
# The command shows each change at once.
watcher() # I
{
	while [ ! -e "$WORK/stop" ]; do
		ip netns exec "kq$1" kquorum status --watch -j 2>/dev/null
		sleep 0.2
	done | jq --unbuffered -r 'select(.role == "leader") | .term as $t | "all lead/\($t)/\(.node_id)",
		(.nodes[] | select((.match_index // 0) > 0) | "d\(.id) match/\(.match_index)/\($t)")' >&"$marks"
}

load_start()
{
	local i
	rm -f "$WORK/stop"
	load=()
	for i in 1 2 3; do
		appender $i &
		load+=($!)
		watcher $i 2>/dev/null &
		load+=($!)
	done
}

load_stop()
{
	local i
	touch "$WORK/stop"
	for i in 1 2 3; do watch_ends $i; done
	wait "${load[@]}"
}

watch_ends() # I
{
	local pid
	for pid in $(ip netns pids "kq$1"); do
		! grep -qz -- --watch "/proc/$pid/cmdline" 2>/dev/null || kill "$pid"
	done
}

acknowledged() { cat "$WORK"/acknowledged.? 2>/dev/null | wc -l; }

# more COUNT: so many more lines are acknowledged
more()
{
	local want=$(($(acknowledged) + $1))
	wait_for 60 have "$want"
}

have() { [ "$(acknowledged)" -ge "$1" ]; }

# --- the run ----------------------------------------------------------------------------

# A first life fills segments, so that the second writes over them.
first_life()
{
	local i
	bring_up /mnt "${INIT[@]}" && agree_in 60 || return 1
	for ((i = 0; i < 500; i++)); do echo "earlier.$i.$pad"; done | kq 1 append --wait 60s - >/dev/null || return 1
	wait_for 60 all_have_all && nodes_down 1 2 3
}

# From here on there is something to lose.
second_life()
{
	local i
	for i in 1 2 3; do
		init_node $i /mnt/n$i "${INIT[@]}" --cluster-id 78 --force &&
			"$TOOL" extents /mnt/n$i $i $DEVICE_SECTORS >"$WORK/n$i.extents" || return 1
	done
	echo "all life/78" >&"$marks"
	for i in 1 2 3; do start_node $i /mnt/n$i || return 1; done
	agree_in 60
}

# The leader is cut off with lines in its log that nobody else has; the others choose another.
branch_is_truncated()
{
	local old
	agree_in 60
	old=$leader
	cluster partition "n$old"
	becomes "a leader that is cut off is replaced" 60 replaced "$old"
	ok "the others go on" more 10
	cluster heal
	becomes "healed, all agree again" 60 agree
}

leadership_moves()
{
	local next
	agree_in 60
	next=$((leader % 3 + 1))
	ok "leadership is handed over" lead $next
	ok "and lines are acknowledged" more 10
}

node_restarts()
{
	local i
	agree_in 60
	i=$((leader % 3 + 1))
	node_down $i
	ok "without one of them lines are acknowledged" more 5
	ok "it starts again" start_node $i /mnt/n$i
	ok "and catches up" catches_up $i
}

# --- the module on what a loss of power leaves ------------------------------------------

# power_lost I POINT HOW: /mnt/lost$I is what n$I finds then; $found what recovery in user space says
power_lost()
{
	local image=$WORK/image.$1
	rm -f "$image"
	found=$("$TOOL" image "$WORK" "$1" "$2" "$3" "$image") || return 1
	mkdir -p "/mnt/lost$1"
	mount -o loop,errors=remount-ro "$image" "/mnt/lost$1"
}

lost_away() # I
{
	umount "/mnt/lost$1"
	rm -f "$WORK/image.$1"
}

started() { st_is "$1" '.state != "recovering" and .durable_index == .last_index'; }

# What the module says of itself, in the words of the tool. It has counted this start.
says()
{
	st "$1" '"term \(.term) vote \(.vote) start \(.incarnation[0:6]) last_index \(.last_index) torn_bytes \(.disk.torn_bytes) \(.state)"'
}

starts_at() # I POINT HOW
{
	local said want
	power_lost "$@" || return 1
	start_node "$1" "/mnt/lost$1" --no-daemon && wait_for 30 started "$1"
	said=$(says "$1")
	kq "$1" stop --force --wait 60s
	lost_away "$1"
	# shellcheck disable=SC2086
	set -- $found
	want="term $2 vote $4 start $(printf %06x $(($6 + 1))) last_index $8 torn_bytes ${10} running"
	[ "$said" = "$want" ] || {
		echo "said: $said"
		echo "want: $want"
		return 1
	}
}

sample() # COUNT of each node
{
	local i point how=whole failed=0 n=0
	for i in 1 2 3; do
		for point in $("$TOOL" points "$WORK" $i "$1"); do
			n=$((n + 1))
			starts_at $i "$point" $how || { echo "n$i at entry $point, $how" && failed=$((failed + 1)); }
			if [ $how = whole ]; then how=torn; else how=whole; fi
		done
	done
	echo "$failed of $n points failed"
	[ $failed = 0 ] && [ $n -ge $((3 * $1)) ]
}

module_starts()
{
	ok "the module starts at a sample of points and finds what the host's check finds" \
		sample "$(small 4 2)"
}

# All three lose their power when the line in the middle was acknowledged.
cluster_returns()
{
	local i mark index point lost
	sort -n "$WORK"/acknowledged.? >"$WORK/acknowledged"
	mark=$(sed -n "$(($(wc -l <"$WORK/acknowledged") / 2))s| |/|gp" "$WORK/acknowledged")
	index=${mark%%/*}
	for i in 1 2 3; do
		point=$("$TOOL" last "$WORK" $i "ack/$mark") && power_lost $i "$point" whole || return 1
		start_node $i "/mnt/lost$i" || return 1
	done
	becomes "after a loss of power of all three they agree" 60 agree
	becomes "and have what was acknowledged" 60 st_is "$leader" ".applied_index >= $index"
	lost=$(comm -23 <(awk -v last="$index" '$1 <= last' "$WORK/acknowledged" | sort) \
		<(log_lines "$leader" | sed 's/\. *x*$/./' | sort))
	is "$lost" "" "every line that was acknowledged before"
	nodes_down 1 2 3
	for i in 1 2 3; do lost_away $i; done
}

rm -f $LOGS/n?.*	# of another machine
logged_devices_make || exit
marks_start
ok "a first life fills segments" first_life &&
	ok "three nodes start a second one, each write of theirs is logged" second_life || finish
echo "# the load ($SECONDS s)"
delay $DELAY_MS
load_start
ok "lines are acknowledged" more 30
run_tests leadership_moves node_restarts branch_is_truncated
ok "lines are acknowledged in the end" more 20
load_stop
becomes "all nodes have the whole log" 60 all_have_all
marks_stop
report $? "each mark was made" "$(cat "$WORK/marks.err")"
nodes_down 1 2 3
delay 0
ok "the logs of all writes are taken" logs_take
modprobe loop
run_tests module_starts cluster_returns
cluster down >/dev/null
becomes "no object of the module is left" 30 no_objects
finish
