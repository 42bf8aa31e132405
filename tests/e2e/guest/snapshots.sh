# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What the tests of snapshots share: load, looking at files, logs and locks. Sourced by snapshot.sh.

DIR=/mnt
# So long that a thousand make a log's size, and so short that 64 at once leave time for a snapshot
LINE=$(head -c 8000 /dev/zero | tr '\0' x)

# mount_small: n3's directory on a small file system of its own, in memory
mount_small()
{
	modprobe loop
	mkdir -p $DIR/n3
	loop_disk 32 $DIR/n3 && chmod 700 $DIR/n3
}

# --- load -------------------------------------------------------------------------------

# n2, which always runs, takes locks and appends lines.
load()
{
	local i=0
	while [ -e "$WORK/load" ]; do
		i=$((i + 1))
		run kq 2 lock -w 100 load -- true
		[ "$rc" = 0 ] || echo "lock $i: $rc: $out" >>"$WORK/load.failed"
		run kq 2 append --wait 100s "line $i"
		if [ "$rc" = 0 ]; then echo "$out line $i" >>"$WORK/acknowledged"; else
			echo "append $i: $rc: $out" >>"$WORK/load.failed"; fi
		sleep 0.2
	done
}
load_begin() { : >"$WORK/load"; : >"$WORK/load.failed"; : >"$WORK/acknowledged"; load & load_pid=$!; }
load_end() { rm "$WORK/load"; wait $load_pid; }

# append_file I FILE: its lines, on node I
append_file() { kq "$1" append --wait 60s - <"$2" >"$WORK/appended"; }

# bulk I MIB: that much is appended on node I; no faster than n1 and n2 save snapshots, for a log that
# small is full in a moment
bulk()
{
	local mib
	: >"$WORK/bulk.appended"
	yes "$LINE" | head -n 132 >"$WORK/bulk"
	for ((mib = 0; mib < $2; mib++)); do
		append_file "$1" "$WORK/bulk" || return
		cat "$WORK/appended" >>"$WORK/bulk.appended"
		wait_for 30 st_is 1 '.disk.state != "low"' && wait_for 30 st_is 2 '.disk.state != "low"' || return
	done
	[ "$(wc -l <"$WORK/bulk.appended")" = $(($2 * 132)) ]
}

# beyond: so much that a node which is away has to get a snapshot (KQ_KEEP_BYTES in kmod/core/kq_core.h)
beyond() { bulk 2 12; }

# --- the log ----------------------------------------------------------------------------

# reader_begin I: follows node I's log from now on
reader_begin()
{
	kq_forever "$1" log -f -j --from "$(($(st "$1" .last_index) + 1))" >"$WORK/read" &
	reader_pid=$!
	read_from=$(wc -l <"$WORK/acknowledged")
}
reader_end() { sleep 3; kill $reader_pid; wait $reader_pid 2>/dev/null; }
kq_forever() { exec ip netns exec "kq$1" kquorum "${@:2}"; }

# missed: what was acknowledged since reader_begin and is not in what it read
missed()
{
	jq -r 'select(.type == "append") | "\(.index) \(.term) \(.text)"' <"$WORK/read" | sort >"$WORK/read.lines"
	awk '{ print $1, $2 }' "$WORK/read.lines" | sort >"$WORK/read.numbers"
	# the first may have come before the reader, the last ones after
	tail -n +$((read_from + 3)) "$WORK/acknowledged" | head -n -20 | sort | comm -23 - "$WORK/read.lines"
	sort "$WORK/bulk.appended" | comm -23 - "$WORK/read.numbers"
}

# entries I FROM TO: of node I's log, one a line, without what is not known at once
entries() { kq "$1" log -j --from "$2" --to "$3" | jq -r '"\(.index) \(.term) \(.type) \(.bytes)"'; }
first_index() { kq "$1" log -j --to $(($(st "$1" .last_index))) | head -n 1 | jq .index; }

# same_entries I: what was noted is there as far as the log still goes back, and nothing is missing behind it
same_entries()
{
	entries "$1" 1 "$(st "$1" .last_index)" >"$WORK/entries.after"
	awk 'NR == FNR { was[$1] = $0; next } FNR == 1 { next_index = $1 }
		$1 != next_index++ { print "a gap before", $0 }
		$1 in was { both++; if (was[$1] != $0) print was[$1], "became", $0 }
		END { if (!both) print "nothing in common" }' "$WORK/entries.before" "$WORK/entries.after"
}

# --- locks ------------------------------------------------------------------------------

# hold_begin NAME COUNT: n2 holds so many locks, and n1 waits for the first of them
hold_begin()
{
	mkfifo "$WORK/hold"
	on 2 build/e2e/holders "$1" "$2" <"$WORK/hold" >"$WORK/held" 2>&1 &
	hold_pid=$!
	exec {hold_fd}>"$WORK/hold"
	becomes "$2 locks are held" 300 grep -q "^held $2 " "$WORK/held"
	# What it had open too would not end for n2.
	on 1 build/e2e/holders "$1" 1 </dev/null >"$WORK/queued" 2>&1 {hold_fd}>&- &
	queue_pid=$!
	becomes "and n1 waits for the first" 60 one_waits
}

one_waits() { kq 2 resource list -j | jq -e '[.[] | select(.resource | startswith("kept")) | .queue[]] | length == 1'; }

hold_end()
{
	local n
	n=$(awk 'NR == 1 { print $2 }' "$WORK/held")
	echo >&"$hold_fd"
	exec {hold_fd}>&-
	wait $hold_pid
	is "$(awk 'NR == 2 { print $2 }' "$WORK/held")" "$n" "all locks that n2 held are held to the end"
	kill $queue_pid 2>/dev/null
	wait $queue_pid 2>/dev/null
	rm "$WORK/hold"
}

# held_locks I: who holds and who waits for what, as node I knows it, into $WORK/locks.I
held_locks()
{
	kq "$1" resource list -j | jq -c '.[] | select(.resource | startswith("kept")) |
		[.resource, .token, ((.holder, .queue[]) | [.node_id, .session, .owner, .index, .token])]' |
		sort >"$WORK/locks.$1"
}

# same_locks I: as node 2 knows it, who has lost none; who waits may change between two looks
same_locks()
{
	held_locks "$1"
	held_locks 2
	cmp -s "$WORK/locks.$1" "$WORK/locks.2" &&
		[ "$(wc -l <"$WORK/locks.2")" = "$(awk 'NR == 1 { print $2 }' "$WORK/held")" ]
}

# token_of I: of a lock that is taken there now
token_of() { kq "$1" lock -w 60 token -- printenv KQUORUM_TOKEN; }

# --- files ------------------------------------------------------------------------------

# snapshots I: the names of its finished ones
snapshots() { (cd "$DIR/n$1" && ls snapshot-*.kqs 2>/dev/null); }
# unfinished I
unfinished() { (cd "$DIR/n$1" && ls snapshot-*.new snapshot-*.part 2>/dev/null); }
# snap_index I: of its newest one
snap_index()
{
	local name
	name=$(snapshots "$1" | tail -n 1)
	name=${name#snapshot-}
	name=${name%%-*}
	echo $((10#${name:-0}))
}
# has_snapshot I: it has one, or saves one now
has_snapshot()
{
	[ "$(snap_index "$1")" = 0 ] || return 0
	on "$1" kill -USR1 "$(daemon_pid "$1")"
	wait_for 60 newer "$1" 0 && wait_for 30 one_snapshot "$1"
}
newer() { [ "$(snap_index "$1")" -gt "$2" ]; }
one_snapshot() { [ "$(snapshots "$1" | wc -l)" = 1 ] && [ -z "$(unfinished "$1")" ]; }

# watch_begin: how full the logs are and how many files of snapshots there are, until watch_end
watch_begin()
{
	: >"$WORK/watch"
	: >"$WORK/usage"
	: >"$WORK/files"
	(
		while [ -e "$WORK/watch" ]; do
			for i in 1 2 3; do
				st $i "\"$i \(.disk.used_bytes * 16 / .disk.capacity_bytes | floor) \(.disk.state)\""
				(cd $DIR/n$i && set -- snapshot-* && echo $# >&3)
			done
			sleep 0.1
		done >>"$WORK/usage" 3>>"$WORK/files"
	) &
	watch_pid=$!
}

# watch_end: says how often each node's log was seen so full, and what its state was called then
watch_end()
{
	rm "$WORK/watch"
	wait $watch_pid
	sort -k 1,1 -k 2,2n -k 3 "$WORK/usage" | uniq -c |
		awk '{ printf "# n%d: %2d/16 of its log in use, %s: %d times\n", $2, $3, $4, $1 }'
	cut -d' ' -f3 "$WORK/usage" >"$WORK/states"
}

# log_says I REGEX, told I: what node I's daemon has logged; since told_reset
log_says() { tail -n "+${told[$1]:-1}" "$DIR/n$1/kquorumd.log" | grep -qE -- "$2"; }
log_reset() { local i; for i in 1 2 3; do told[i]=$(($(wc -l <$DIR/n$i/kquorumd.log) + 1)); done; }
told=()

# show_daemons: what they said last
show_daemons()
{
	local i
	for i in 1 2 3; do
		echo "--- kquorumd of n$i, looked at from line ${told[$i]:-1} on"
		tail -n 12 "$DIR/n$i/kquorumd.log"
		ls -l "$DIR/n$i"/snapshot-*
	done 2>&1 | sed 's/^/# /'
}

# setting I NAME VALUE: of [snapshot] in its kquorum.conf
setting()
{
	local pid
	sed -i "/^.snapshot/,/^.scrub/s/^$2 = .*/$2 = $3/" "$DIR/n$1/kquorum.conf"
	pid=$(daemon_pid "$1")
	[ -z "$pid" ] || kill -HUP "$pid"
}
