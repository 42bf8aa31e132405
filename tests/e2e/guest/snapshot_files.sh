# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Snapshot files that are damaged or gone, and no room for another. Sourced by snapshot.sh.

# damaged HOW REGEX: n3's snapshot has been changed by function HOW; what it says of it is like REGEX
damaged()
{
	local file index
	node_down 3
	log_reset
	file=$DIR/n3/$(snapshots 3)
	index=$(snap_index 3)
	"$1" "$file"
	run kq 3 start --dir $DIR/n3 --no-daemon
	is "$rc" 1 "$1: it does not start as if it were whole"
	like "$(tr -s '\n ' ' ' <<<"$out")" "that of index $index: $2" "it says what is wrong"
	like "$(tr '\n' ' ' <<<"$out")" "leader's kquorumd sends it +another" "and what becomes of it"
	ok "it is damaged" st_is 3 '.state == "damaged"'
	run kq 3 lock -w 1 damaged -- true
	ok "and grants nothing" [ "$rc" != 0 ]
	run start_node 3 $DIR/n3
	arrives 3
	ok "it runs again" st_is 3 '.state == "running" and .why == ""'
}

one_byte_changed() { flip "$1" $(($(stat -c %s "$1") / 2)); }
cut_off() { truncate -s -1000 "$1"; }
removed() { rm "$1"; }

# not_taken WHERE REGEX: n3's snapshot was changed at WHERE; its module says so, and goes without
not_taken()
{
	run kq 3 start --dir $DIR/n3 --no-daemon
	is "$rc" 1 "changed $1: it does not start as if it were whole"
	like "$(tr -s '\n ' ' ' <<<"$out")" "$2" "it says what is wrong"
	ok "it is damaged" st_is 3 '.state == "damaged"'
	node_down 3
}

# One byte in each region of the file in turn, and put right again; then one that is of a newer version.
snapshots_that_are_refused()
{
	local file size head region where
	ok "n1 leads" lead 1
	ok "n3 has a snapshot" has_snapshot 3
	node_down 3
	file=$DIR/n3/$(snapshots 3)
	size=$(stat -c %s "$file")
	head=$(($(xxd -p -s 10 -l 1 "$file" | sed 's/^/0x/')))
	for region in "its magic:0" "its version:8" "its length:10" "its checksum:12" "whose it is:16" \
		"its index:32" "its sums:64" "its reserved part:$((head - 1))" "a frame's number:$head" \
		"a frame's length:$((head + 8))" "a frame's checksum:$((head + 20))" \
		"the configuration:$((head + 60))" "the middle:$((size / 2))" "the end's frame:$((size - 20))" \
		"the last byte:$((size - 1))"; do
		where=${region##*:}
		flip "$file" "$where"
		not_taken "in ${region%:*} (byte $where)" "that of index [0-9]+: "
		flip "$file" "$where"
	done
	cp "$file" "$WORK/of.this.version"
	ok "its version is changed, checksum and all" perl tests/e2e/guest/newer.pl "$file"
	not_taken "to a newer version" "of format version 9, this is read up to [0-9]+: use a newer kquorum"
	cp "$WORK/of.this.version" "$file"
	ok "with its own it starts" start_node 3 $DIR/n3
	becomes "it runs again" 60 st_is 3 '.state == "running" and .quorum and .why == ""'
}

damaged_snapshots()
{
	ok "n1 leads" lead 1
	ok "n3 has a snapshot" has_snapshot 3
	damaged one_byte_changed '.*byte [0-9]+'
	damaged cut_off 'its file has [0-9]+ bytes, not [0-9]+'
	damaged removed 'its file is missing'
}

no_room_to_save()
{
	local n
	ok "n1 leads" lead 1
	ok "n3 has a snapshot" has_snapshot 3
	n=$(snap_index 3)
	dd if=/dev/zero of=$DIR/n3/filler bs=4k status=none 2>/dev/null
	on 3 kill -USR1 "$(daemon_pid 3)"
	becomes "without room for a snapshot a node says so" 30 st_is 3 '.why | test("no snapshot: No space left on device")'
	like "$(st 3 .why)" "make room on $DIR/n3" "and what to do"
	run kq 3 lock -w 60 full -- true
	is "$rc" 0 "it goes on"
	ok "much is appended" bulk 2 12
	becomes "its log fills up" 60 st_is 3 '.disk.state == "full"'
	is "$(snapshots 3 | wc -l) $(snap_index 3)" "1 $n" "it has the snapshot that it had"
	run kq 2 lock -w 60 full -- true
	is "$rc" 0 "the others go on"
	leave_behind 3 "$(st 3 .last_index)"
	rm $DIR/n3/filler
	becomes "with room again it saves" 120 newer 3 "$n"
	becomes "it has everything" 120 caught_up 3
	becomes "and says nothing any more" 60 st_is 3 '.disk.state == "ok" and .why == ""'
	becomes "nothing else is left of it" 60 one_snapshot 3
	becomes "the locks are those that the others know of" 30 same_locks 3
}
