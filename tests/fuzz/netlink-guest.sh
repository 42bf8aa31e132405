#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# In User Mode Linux: loads the module, fuzzes its netlink commands, and leaves nothing.
# usage: tests/fuzz/netlink-guest.sh COMMANDS SEED
set -eu
cd "$(dirname "$(realpath "$0")")/../.."
mount -t tmpfs none /mnt
mkdir /mnt/n
for i in 0 1 2 3; do
	head -c 262144 /dev/zero >"/mnt/n/segment-000$i"
done
insmod build/uml/plain/kquorum.ko
build/fuzz/netlink "$1" "$2" /mnt/n
# What is left of a node goes with its namespace, or here by name.
build/bin/kquorum stop --force >/dev/null 2>&1 || true
for _ in $(seq 100); do
	rmmod kquorum 2>/dev/null && break
	sleep 0.1
done
[ ! -e /sys/module/kquorum ] || { cat /sys/module/kquorum/refcnt; echo "the module cannot be unloaded"; exit 1; }
