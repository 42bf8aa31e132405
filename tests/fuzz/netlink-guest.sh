#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# In User Mode Linux: loads the module, sends it commands with one of the programs here, and
# unloads it. usage: tests/fuzz/netlink-guest.sh netlink COMMANDS SEED | failnth
set -u
cd "$(dirname "$(realpath "$0")")/../.." || exit 1
mount -t tmpfs none /mnt
mkdir /mnt/n
for i in 0 1 2 3; do
	head -c 262144 /dev/zero >"/mnt/n/segment-000$i"
done
mount -t debugfs none /sys/kernel/debug 2>/dev/null
echo N >/sys/kernel/debug/failslab/ignore-gfp-wait
# Each failure on purpose would tell where it was.
echo 0 >/sys/kernel/debug/failslab/verbose
ip link set lo up
insmod build/uml/plain/kquorum.ko || exit 1
status=0
build/fuzz/"$@" /mnt/n || status=$?
build/bin/kquorum stop --force >/dev/null 2>&1
for _ in $(seq 100); do
	rmmod kquorum 2>/dev/null && break
	sleep 0.1
done
[ ! -e /sys/module/kquorum ] || { echo "the module cannot be unloaded"; exit 1; }
exit $status
