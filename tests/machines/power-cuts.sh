# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# Power cuts under load, and what must be in the logs afterwards. Needs lib.sh and a cluster.
#
# Each machine runs 'kquorum append -j' of lines that exist once ("NODE.RUN.NUMBER"). It says for each
# line when it is durable, and at which index and term; the answers are kept on this host as they
# come. There the line must be for ever.

# appender NODE: runs until the file "stop" is there
appender()
{
	local run=1
	while [ ! -e "$KQ_VM_CLUSTER/stop" ]; do
		# a number is never used again, nor are the answers to it lost
		while [ -e "$acks/$1.$run" ]; do run=$((run + 1)); done
		# shellcheck disable=SC2016
		vc exec -t 600 "$1" sh -c 'i=0
			while [ ! -e /run/kq-common/stop ]; do
				[ -e /run/kq-common/pause ] ||
					for burst in 1 2 3 4 5; do i=$((i + 1)); echo "$0.$i"; done
				sleep 0.4
			done | kquorum append -j -' "$1.$run" >"$acks/$1.$run" 2>>"$acks/errors"
		sleep 1
	done
}

appenders_start()
{
	acks=$KQ_VM_CLUSTER/acks
	mkdir -p "$acks"
	rm -f "$KQ_VM_CLUSTER/stop" "$KQ_VM_CLUSTER/common/stop"
	in_background appender
	appender_pids=("${pids[@]}")
}

appenders_stop()
{
	touch "$KQ_VM_CLUSTER/stop" "$KQ_VM_CLUSTER/common/stop"
	within 60 all_ended "${appender_pids[@]}" || kill "${appender_pids[@]}" 2>/dev/null
	wait "${appender_pids[@]}" 2>/dev/null
}

# acked: the answers that came through whole, "INDEX TERM LINE"
acked()
{
	local file
	for file in "$acks"/n*; do
		sed -n -E "s/^\{\"line\":([0-9]+),\"outcome\":\"committed\",\"index\":([0-9]+),\"term\":([0-9]+),.*\}$/\2 \3 $(
			basename "$file").\1/p" "$file"
	done
}
acked_count() { cat "$acks"/n* 2>/dev/null | grep -c '"committed"'; }
more_acked() { [ "$(acked_count)" -gt "$1" ]; }
work_goes_on() { within 120 more_acked "$(acked_count)"; }

# random_cuts N: N times a random machine at a random moment, two in three in the middle of a write
random_cuts()
{
	local i node how=() stuck=0
	for ((i = 1; i <= $1; i++)); do
		work_goes_on || { stuck=$((stuck + 1)); note "cut $i: nothing is acknowledged"; }
		sleep "$((RANDOM % 3)).$((RANDOM % 10))"
		node=n$((RANDOM % 3 + 1))
		how=()
		[ $((RANDOM % 3)) = 0 ] || how=(--in-write)
		note "cut $i: $(acked_count) acknowledged; $(vc power-cut --seed $((seed + i)) "${how[@]}" $node | tail -1)"
		sleep "$((RANDOM % 3)).$((RANDOM % 10))"
		vc boot $node || { stuck=$((stuck + 1)); note "$node does not boot"; }
	done
	check "$(truth [ $stuck = 0 ])" "the work goes on after each of $1 power cuts"
}

# torn_superblock NODE: as a cut may leave it, which has no power; a machine has to mend that by itself.
# The last of the superblock's 1024 bytes are its checksum, and are in another sector than the first.
torn_superblock()
{
	printf torn | dd of="$KQ_VM_CLUSTER/$1/disk.img" bs=1 seek=2044 conv=notrunc status=none
}

# cut_all now|in-write|hang: all machines lose their power at once, and n1 its superblock; in-write:
# each at its next flush; hang: all their disks stop to answer, then lines are written for a moment,
# none of which may be acknowledged
cut_all()
{
	local node how=()
	within 120 more_acked $(($(acked_count) + 10)) || note "nothing is acknowledged"
	[ "$1" != in-write ] || how=(--in-write)
	if [ "$1" = hang ]; then
		# were the disks stopped one by one under load, the last would keep what the others lie about
		touch "$KQ_VM_CLUSTER/common/pause"
		sleep 2
		for node in n1 n2 n3; do vc disk $node hang >/dev/null; done
		rm "$KQ_VM_CLUSTER/common/pause"
		sleep 3
	fi
	note "all three are cut, $(acked_count) acknowledged"
	vc power-cut --seed $((seed + 100)) "${how[@]}" n1 n2 n3 | sed 's/^/# /'
	torn_superblock n1
	vc boot n1 n2 n3 || { note "they do not boot"; return 1; }
}

# log_of NODE TO: its log up to an index, as "INDEX TERM TYPE COMMITTED EFFECT PAYLOAD-IN-HEX [TEXT]"
log_of()
{
	vc exec -t 200 "$1" kquorum log -j --to "$2" | sed -n -E \
		's/^\{"index":([0-9]+),"term":([0-9]+),"type":"([^"]*)","committed":(true|false),.*"effect":(true|false|null),.*"payload_hex":"([0-9a-f]*)"(,"text":"([^"]*)")?.*/\1 \2 \3 \4 \5 -\6 \8/p'
}

has_committed() { [ "$(field "$1" commit_index)" -ge "$2" ] 2>/dev/null; }

# what_is_wrong: reads all logs, prints what they should not be like; nothing: all is well
what_is_wrong()
{
	local node logs=$KQ_VM_CLUSTER/logs to
	mkdir -p "$logs"
	# sessions end and begin meanwhile: the log grows while it is read
	to=$(field n1 commit_index)
	for node in n2 n3; do
		within 60 has_committed $node "${to:=1}" || echo "$node has not committed $to"
	done
	for node in n1 n2 n3; do
		log_of $node "$to" >"$logs/$node"
		[ -s "$logs/$node" ] || echo "$node shows no log"
		awk '$4 != "true" { print FILENAME ": not committed:", $0; exit }' "$logs/$node"
		# every index once, without a gap
		awk 'NR > 1 && $1 != last + 1 { print FILENAME ": after", last, "comes", $1; exit }
			{ last = $1 }' "$logs/$node"
	done
	cmp "$logs/n1" "$logs/n2"
	cmp "$logs/n1" "$logs/n3"
	acked >"$logs/acked"
	[ -s "$logs/acked" ] || echo "nothing was acknowledged: this shows nothing"
	# an answer names index, term and text
	awk 'FILENAME == ARGV[1] { at[$1] = $5 == "true" ? $2 " " $7 : "no effect of " $7; next }
		at[$1] != $2 " " $3 { n++; if (n <= 5) print "acknowledged and lost:", $0, "- there is:", at[$1] }
		END { if (n) print n, "acknowledged lines are lost" }' "$logs/n1" "$logs/acked"
	# a line that was sent again may be there twice, but counts once
	awk '$3 == "append" && $5 == "true" && seen[$7]++ { print "twice in effect:", $7 }' "$logs/n1"
}

# logs_are_right NAME: one check of all that was acknowledged
logs_are_right()
{
	local wrong
	appenders_stop
	leader=$(vc leader 90) || note "no leader"
	check "$(truth within 120 same_applied n1 n2 n3)" "all three machines apply the same entries"
	wrong=$(what_is_wrong 2>&1)
	[ -z "$wrong" ] || sed 's/^/# /' <<<"$wrong"
	check "$(truth [ -z "$wrong" ])" "$1"
	note "$(wc -l <"$KQ_VM_CLUSTER/logs/acked") acknowledged, $(wc -l <"$KQ_VM_CLUSTER/logs/n1") entries"
}
