# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Segment files that are removed, cut or damaged; limits of callers; a full log. Sourced by disk.sh.

file_size_limit()
{
	# shellcheck disable=SC2016
	run on 1 bash -c 'ulimit -f 0; kquorum lock -w 60 small -- sh -c "exit 3"; echo $?'
	is "$out" 3 "a caller with 'ulimit -f 0' locks"
	run on 1 bash -c "ulimit -f 0; kquorum append tiny"
	is "$rc" 0 "and appends"
	run on 1 bash -c "ulimit -f 0; kquorum init --dir $WORK/tiny --name tiny --node n1 --listen 10.77.0.1"
	is "$rc" 1 "but cannot make a node"
	like "$out" 'too large' "and is told why"
	like "$out" 'raise ulimit -f' "and what to do"
}

STATE=/mnt
segment_now() { printf "$STATE/n%d/segment-%04d" "$1" "$(st "$1" .disk.segment)"; }

removed_segment()
{
	local file
	appenders_pause		# or the log might move on to the next segment meanwhile
	file=$(segment_now 3)
	cp "$file" "$WORK/removed"
	rm "$file"
	appenders_go
	failed_as 3 'segment file was removed'
	node_down 3
	run start_node 3 /mnt/n3
	is "$rc" 1 "without the file it does not start"
	like "$out" "${file##*/}" "and names the file"
	cp "$WORK/removed" "$file"
	back 3
}

cut_segment()
{
	local file
	appenders_pause
	file=$(segment_now 3)
	cp "$file" "$WORK/cut"
	truncate -s 4096 "$file"
	appenders_go
	failed_as 3 'segment file was cut'
	node_down 3
	run start_node 3 /mnt/n3
	is "$rc" 1 "with a file that is too short it does not start"
	like "$out" "${file##*/}" "and names the file"
	cp "$WORK/cut" "$file"
	back 3
}

# Copies n3's $file, in which the log ends at $match; then n3 acknowledges more.
older_copy()
{
	appenders_pause || return
	file=$(segment_now 3)
	cp "$file" "$WORK/older"
	match=$(st 3 .last_index)
	appenders_go
	wait_for 60 st_is 1 ".nodes[] | select(.node == \"n3\") | .match_index > $match"
}

# What a node acknowledged is gone from its disk, and its leader knows: a restored image, a disk that lied.
# It has no way back into its cluster, so this one is made for it.
older_files_are_told()
{
	local file match try
	STATE=$WORK/cluster
	mkdir -p "$STATE"
	ok "three nodes start" bring_up "$STATE" --segment-size 1M
	becomes "and elect a leader" 60 agree_in 1
	rm -f "$WORK/stop"
	appenders_start
	older_files
	appenders_stop
	nodes_down 1 2 3
	cluster down >/dev/null
}

older_files()
{
	ok "n1 leads" lead 1
	for try in 1 2 3; do
		older_copy
		report $? "n3 acknowledges more than a copy of its log has" || return
		# else the log went on into another segment
		[ "$(segment_now 3)" != "$file" ] || break
	done
	is "$(segment_now 3)" "$file" "in the same segment" || return
	node_down 3
	cp "$file" "$WORK/newest"
	cp "$WORK/older" "$file"
	start_node 3 "$STATE/n3" >/dev/null 2>&1
	becomes "with files that are older it does not serve" 40 st_is 3 '.state == "failed"'
	like "$(st 3 .why)" "acknowledged log entries are gone: up to [0-9]+, the log ends at $match" "status says what is gone"
	like "$(st 3 .why)" 'leave it down' "and what to do"
	run kq 3 lock -w 1 older -- true
	ok "it grants nothing" [ "$rc" != 0 ]
	granting 1 older
	# in that start it may have voted: the newest files know as little of it as the older ones of more
	node_down 3
	cp "$WORK/newest" "$file"
	start_node 3 "$STATE/n3" >/dev/null 2>&1
	becomes "with the newest files it is refused" 40 \
		st_is 3 '.why | test("n1 at .* is not connected: it met start .* of this node")'
	granting 1 newest
}

# The newest batch of all: whom the node voted for is not known.
damaged_log_is_told()
{
	local at file segment where text
	segment=$(printf 'segment-%04u' "$(st 3 .disk.segment)") file=/mnt/n3/$segment
	node_down 3
	at=$(grep -abo KQBAT1 "$file" | tail -n 1 | cut -d : -f 1)
	flip "$file" $((at + 200))
	run start_node 3 /mnt/n3
	is "$rc" 1 "start fails for a node with a byte changed in the newest batch header of its log"
	like "$out" "damaged in $segment at byte" "and says where"
	becomes "the node is damaged" 30 st_is 3 '.state == "damaged" and .disk.state == "damaged"'
	is "$(printf 'segment-%04u' "$(st 3 .disk.segment)")" "$segment" "status names the segment"
	where=$(st 3 .disk.offset_bytes)
	is "$where" "$at" "and where in it"
	text=$(st 3 .why)
	like "$text" "$segment at byte $where" "in words too"
	like "$text" 'does not lead or serve.*others go on' "and what follows from it"
	like "$(tr '\n' ' ' <<<"$text")" 'keep a copy.*bring the files back, or leave it down .kquorum stop' "and what to do"
	ok "the kernel log names it too" eval "dmesg | grep 'n3: does not serve: damage in $segment at byte $where:'"
	run kq 3 lock -w 1 damaged -- true
	ok "it grants nothing" [ "$rc" != 0 ]
	becomes "the others have a leader" 60 replaced 3
	granting "$leader" damaged
	run kq "$leader" transfer n3 --wait 8s
	ok "and it cannot be made the leader" [ "$rc" != 0 ]
	becomes "the others have a leader" 60 replaced 3
	node_down 3
	flip "$file" $((at + 200))
	back 3
}

# Where there is no room for a snapshot the log fills up.
log_full()
{
	local line i term old begun waits
	for i in 1 2 3; do
		dd if=/dev/zero of=/mnt/n$i/filler bs=4k status=none 2>/dev/null
	done
	ok "n1 leads" lead 1
	line=$(head -c 40000 /dev/zero | tr '\0' x)
	i=0
	until st_is 1 '.disk.state != "ok"'; do
		kq 1 append "$line" "$line" "$line" >/dev/null || break
		i=$((i + 1))
		[ $i -lt 200 ] || break
	done
	like "$(st 1 .why)" 'the log is 7[5-9]% full' "status announces in time that the log fills up"
	for ((; i < 400; i++)); do
		run kq 1 append "$line"
		[ $rc = 0 ] || break
	done
	is "$rc" 1 "when it is full an entry is refused"
	like "$out" 'log is full' "and the refusal says so"
	begun=$SECONDS
	run kq 1 append --wait 3s "$line"
	is "$rc" 1 "who says how long to wait is refused in the end"
	like "$out" 'log is full, and no room came in time' "with the reason"
	ok "and has waited" [ $((SECONDS - begun)) -ge 2 ]
	run kq 2 lock -w 10 full -- true
	like "$(st 1 .why)" 'log is full' "status says so"
	ok "the leader still leads" st_is 1 '.role == "leader" and .quorum'
	agree_in 60
	old=$leader
	term=$(st "$old" .term)
	kq "$old" transfer --wait 40s >/dev/null 2>&1
	becomes "leadership can still be handed over" 60 led_above "$term"
	old=$leader
	term=$(st "$old" .term)
	node_down "$old"
	# shellcheck disable=SC2046
	becomes "and a leader that is gone is replaced" 90 led_above "$term" $(others "$old")
	kq "$leader" append --wait 200s "$line" >/dev/null &
	waits=$!
	rm /mnt/n[123]/filler
	becomes "with room for snapshots again there is room in the log" 120 \
		st_is "$leader" '.disk.state == "ok" and .why == ""'
	rc=0
	wait $waits || rc=$?
	is "$rc" 0 "and an entry that waited for it is appended"
	granting "$leader" room
}

# led_above TERM [I]...: these nodes agree on the leader of a later term
led_above()
{
	local term=$1
	shift
	agree "$@" && [ "$(st "$leader" .term)" -gt "$term" ]
}
