# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# A node alone: what the end of its log may look like. Sourced by disk.sh.

DIR1=/mnt/alone

alone_up()
{
	cluster up -n 1 --bare >/dev/null
	mkdir -p $DIR1
	mount /dev/mapper/d1 $DIR1 2>/dev/null
	ok "a node alone starts" eval "init_node 1 $DIR1/a >/dev/null && start_node 1 $DIR1/a"
	becomes "and leads" 40 st_is 1 '.role == "leader" and .session_left_ms > 0'
}

texts() { kq 1 log -j | jq -r 'select(.type == "append") | .text'; }

torn_last_record()
{
	local file end i
	for i in 1 2 3; do kq 1 append "kept $i" >/dev/null; done
	kq 1 append "$(head -c 3000 /dev/zero | tr '\0' t)" >/dev/null
	file=$(printf '%s/segment-%04d' $DIR1/a "$(st 1 .disk.segment)")
	node_down 1
	end=$(last_changed "$file" /dev/zero)
	dd if=/dev/zero of="$file" bs=512 seek=$((end / 512 - 7)) count=7 conv=notrunc status=none
	ok "with a torn last record it starts" start_node 1 $DIR1/a
	becomes "and leads" 60 st_is 1 '.role == "leader" and .session_left_ms > 0'
	ok "status says what was cut off" st_is 1 '.disk.torn_bytes > 0 and (.why | test("cut off"))'
	like "$(texts | head -n 3 | xargs)" '^kept 1 kept 2 kept 3$' "the records before it are there"
}

# last_changed FILE OLD: the end of the last block that differs from OLD
last_changed()
{
	perl -e 'my $end = 0;
		open my $f, "<:raw", $ARGV[0] or die; open my $g, "<:raw", $ARGV[1] or die;
		while (read $f, my $a, 4096) { read $g, my $b, 4096; $end = tell $f if $a ne $b; }
		print $end' "$1" "$2"
}

stale_records_are_not_replayed()
{
	local i end old=$WORK/old
	for ((i = 0; i < $(small 60 30); i++)); do echo "old life $i"; done | kq 1 append - >/dev/null
	node_down 1
	cp -r $DIR1/a "$old"
	run kq 1 init --dir $DIR1/a --name e2e --node n1 --listen 10.77.0.1 --cluster-id 78 \
		--segment-size 256K --rtt-scale 4 --force
	is "$rc" 2 "a cluster of one gets an id of its own for a new life"
	run kq 1 init --dir $DIR1/a --name e2e --node n1 --listen 10.77.0.1 \
		--segment-size 256K --rtt-scale 4 --force
	is "$rc" 0 "which it gets"
	ok "its segments are full of records of the earlier life" grep -q 'old life 20' $DIR1/a/segment-0000
	ok "the new node starts" start_node 1 $DIR1/a
	becomes "and leads" 40 st_is 1 '.role == "leader" and .session_left_ms > 0'
	kq 1 append "new life" >/dev/null
	is "$(texts | xargs)" "new life" "nothing of the earlier life is in its log"
	node_down 1
	# half of the last write did not reach the disk: what was there before is there
	end=$(last_changed $DIR1/a/segment-0000 "$old/segment-0000")
	dd if="$old/segment-0000" of=$DIR1/a/segment-0000 bs=512 skip=$((end / 512 - 4)) \
		seek=$((end / 512 - 4)) count=4 conv=notrunc status=none
	ok "a last record torn into old ones is no obstacle" start_node 1 $DIR1/a
	becomes "and leads" 60 st_is 1 '.role == "leader" and .session_left_ms > 0'
	is "$(texts | grep -v 'new life')" "" "and nothing old is replayed"
}

# What an administrator's SysRq-U and a failing device do: all block devices read-only at once.
read_only_file_system()
{
	ok "the node leads" wait_for 60 st_is 1 '.role == "leader" and .session_left_ms > 0'
	run mount -o remount,ro $DIR1
	like "$out" 'busy' "its file system cannot be remounted read-only meanwhile"
	# Its log file stands there too, and ext4 of 6.12 warns of any write to a file system that
	# was made read-only behind its back. The node needs no daemon.
	kill_daemon 1
	echo u >/proc/sysrq-trigger
	wait_for 20 grep -q " $DIR1 ext4 ro" /proc/mounts
	run kq 1 append --wait 20s "read-only"
	ok "forced to be read-only, nothing is acknowledged" [ "$rc" != 0 ]
	becomes "status says what is wrong" 20 st_is 1 '.state == "failed" and (.why | test("file system is read-only"))'
	node_down 1
	mount -o remount,rw $DIR1
	ok "writable again, it starts" start_node 1 $DIR1/a
	becomes "and leads" 60 st_is 1 '.role == "leader" and .session_left_ms > 0'
}

# What suspend and hibernation do first: all tasks and the module's queues stand still for 5 s.
frozen_machine()
{
	ok "the node leads" wait_for 60 st_is 1 '.role == "leader" and .session_left_ms > 0'
	echo freezer >/sys/power/pm_test
	ok "the machine freezes with a node in it" eval "echo freeze >/sys/power/state"
	echo none >/sys/power/pm_test
	run kq 1 append --wait 60s "thawed"
	is "$rc" 0 "and goes on when it thaws"
}
