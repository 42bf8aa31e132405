# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Devices and file systems that fail while the cluster runs. Sourced by disk.sh.

# granting I LOCK: node I grants
granting()
{
	run kq "$1" lock -w 60 "$2" -- true
	is "$rc" 0 "the others go on granting"
}

# back I: after whatever it was, node I is stopped, started, and catches up
back()
{
	node_down "$1"
	ok "n$1 starts again" start_node "$1" "/mnt/n$1"
	ok "and catches up" catches_up "$1"
}

# An unwritable node: what its status must say, and that the cluster goes on. The others call it
# faulty; or down, when it fails at its first write: without its incarnation on disk it greets nobody.
failed_as() # I TEXT [STATE]
{
	local state=${3:-faulty}
	becomes "status of n$1 says what is wrong" 40 st_is "$1" ".state == \"failed\" and .disk.state == \"failed\" and (.why | test(\"$2\"))"
	ok "so does the kernel log" eval "dmesg | grep -qE 'n$1: does not serve: .*log write failed: segment [0-9]+'"
	becomes "the others have a leader" 60 replaced "$1"
	becomes "whose status calls n$1 $state" 40 st_is "$leader" ".nodes[] | select(.node == \"n$1\") | .state | test(\"^($state)\$\")"
	granting "$leader" "after-$1"
}

hanging_leader_is_replaced()
{
	ok "n1 leads" lead 1
	dmsetup suspend --nolockfs --noflush d1
	becomes "a leader whose device hangs is replaced" 60 replaced 1
	ok "its status says that the disk is slow" st_is 1 '.disk.state == "slow" and (.why | test("disk is slow"))'
	granting "$leader" hang
	dmsetup resume --noudevsync d1
	ok "when the device answers again it catches up" catches_up 1
	ok "and is well" st_is 1 '.disk.state == "ok" and .state == "running"'
}

failing_leader_is_replaced()
{
	ok "n1 leads" lead 1
	device 1 "$(table_error 1)"
	failed_as 1 'Input/output error in segment-[0-9]+ at byte'
	node_down 1
	ok "its file system can be unmounted" umount /mnt/n1
	device 1 "$(table_linear 1)"
	e2fsck -fy /dev/mapper/d1 >/dev/null 2>&1
	mount /dev/mapper/d1 /mnt/n1
	back 1
}

slow_disk_is_waited_for()
{
	local term
	ok "n1 leads" lead 1
	term=$(st 1 .term)
	device 2 "$(table_delay 2 400)"
	kq 1 append slow >/dev/null
	becomes "status shows how slow a disk is" 40 st_is 2 '.disk.write_us > 400000'
	ok "a slow follower is no reason for an election" st_is 1 ".role == \"leader\" and .term == $term"
	device 2 "$(table_linear 2)"
}

frozen_file_system()
{
	ok "n2 leads" lead 2
	fsfreeze --freeze /mnt/n2
	becomes "a leader whose file system is frozen is replaced" 60 replaced 2
	ok "its status says that the disk is slow" st_is 2 '.disk.state == "slow"'
	granting "$leader" freeze
	fsfreeze --unfreeze /mnt/n2
	ok "thawed, it catches up" catches_up 2
}

# sparse I: the segments of the node, which is down, get holes where they are zero
sparse()
{
	local f
	for f in /mnt/n"$1"/segment-*; do fallocate --dig-holes "$f"; done
}

full_file_system()
{
	node_down 3
	sparse 3
	dd if=/dev/zero of=/mnt/n3/filler bs=64k >/dev/null 2>&1
	dd if=/dev/zero of=/mnt/n3/filler2 bs=1k >/dev/null 2>&1
	start_node 3 /mnt/n3 >/dev/null 2>&1
	failed_as 3 'No space left on device in segment-[0-9]+ at byte' 'faulty|down'
	node_down 3
	rm /mnt/n3/filler /mnt/n3/filler2
	back 3
}

# A loop device on a sparse file of a file system without room: the file system above it sees EIO.
full_thin_device()
{
	local small=/run/small loop
	node_down 3
	mkdir -p $small /mnt/thin
	mount -t tmpfs -o size=24m small $small
	truncate -s 32M $small/image
	modprobe loop
	loop=$(losetup --find --show $small/image)
	mke2fs -q -F -t ext4 -m 0 -E lazy_itable_init=0 -O ^has_journal "$loop"
	mount "$loop" /mnt/thin
	cp -a /mnt/n3 /mnt/thin/
	umount /mnt/thin
	fallocate --dig-holes $small/image
	dd if=/dev/zero of=$small/filler bs=4k >/dev/null 2>&1
	mount "$loop" /mnt/thin
	start_node 3 /mnt/thin/n3 >/dev/null 2>&1
	failed_as 3 'Input/output error|No space left on device' 'faulty|down'
	node_down 3
	# the others may have met it there: the files it left would be older ones
	cp -a --sparse=never /mnt/thin/n3 /mnt/
	umount /mnt/thin
	losetup -d "$loop"
	umount $small
	back 3
}
