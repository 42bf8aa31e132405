# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# One machine of scripts/vm-cluster: its disk server, its QEMU, its sockets. All state is in files
# below CLUSTER_DIR, so that each call of the script finds what the one before has started:
#
#   config            what "up" was told (shell variables)
#   netd.pid net.*    the network
#   common/           directory that all machines see as /run/kq-common
#   shared.*          the disk that all share, if there is one, its server, the journal of its writes
#   nI/disk.img       what is durable    nI/disk.nbd disk.ctl diskd.pid   the disk server
#   nI/qemu.pid qmp exec.* console.log   the machine    nI/shared   its /run/kq-shared
#   nI/state          frozen, or nothing

# pid_alive FILE NAME: the process whose number is in FILE runs and is a NAME
pid_alive()
{
	local pid status
	[ -s "$1" ] || return 1
	pid=$(<"$1")
	status=$(cat "/proc/$pid/status" 2>/dev/null) || return 1
	[[ $status != *State:$'\t'Z* ]] || return 1
	[[ $(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null) = *"$2"* ]]
}

# pid_kill FILE NAME SIGNAL: kill it and wait until it is gone
pid_kill()
{
	local i
	pid_alive "$1" "$2" || { rm -f "$1"; return 0; }
	kill "-$3" "$(<"$1")" 2>/dev/null || true
	for ((i = 0; i < 500; i++)); do
		pid_alive "$1" "$2" || break
		sleep 0.01
	done
	! pid_alive "$1" "$2" || die "process $(<"$1") ($2) does not end"
	rm -f "$1"
}

# spawn PIDFILE LOG CMD...: start a process that stays when the script ends
spawn()
{
	local pidfile=$1 log=$2
	shift 2
	setsid "$@" </dev/null >>"$log" 2>&1 &
	echo $! >"$pidfile"
	disown
}

# wait_socket FILE PIDFILE NAME LOG
wait_socket()
{
	local i
	for ((i = 0; i < 200; i++)); do
		[ ! -S "$1" ] || return 0
		# in its first moments it still bears the name of this script
		[ $i -lt 20 ] || pid_alive "$2" "$3" || break
		sleep 0.05
	done
	[ -S "$1" ] && return 0
	cat "$4" >&2 || true
	die "$3 does not start (see above)"
}

# node_index NAME: 1 for n1 or 1; fails when there is no such machine
node_index()
{
	local i=${1#n}
	is_number "$i" && [ "$i" -ge 1 ] && [ "$i" -le "$NODES" ] ||
		die_usage "no machine '$1' (there are n1 to n$NODES)"
	echo "$i"
}

# node_state I: off, running, stalled, frozen
node_state()
{
	local d=$CLUSTER_DIR/n$1
	if ! pid_alive "$d/qemu.pid" qemu-system; then
		echo off
	elif [[ $(<"/proc/$(<"$d/qemu.pid")/status") = *State:$'\t'T* ]]; then
		echo stalled
	elif [ -s "$d/state" ]; then
		cat "$d/state"
	else
		echo running
	fi
}

network_start()
{
	pid_alive "$CLUSTER_DIR/netd.pid" kq-netd && return 0
	spawn "$CLUSTER_DIR/netd.pid" "$CLUSTER_DIR/netd.log" "$KQ_TOOLS/kq-netd" "$CLUSTER_DIR" "$NODES"
	wait_socket "$CLUSTER_DIR/net.ctl" "$CLUSTER_DIR/netd.pid" kq-netd "$CLUSTER_DIR/netd.log"
}

# disk_create I: an ext4 file system in a file; needs no root
disk_create()
{
	local image=$CLUSTER_DIR/n$1/disk.img
	rm -f "$image"
	truncate -s "$DISK_SIZE" "$image" || die_usage "--disk $DISK_SIZE: not a size"
	# all of it is written now: lazy initialisation would run beside the test
	mke2fs -q -t ext4 -E lazy_itable_init=0,lazy_journal_init=0,root_owner=0:0 -L kq-n"$1" "$image"
}

disk_start()
{
	local d=$CLUSTER_DIR/n$1 lie=()
	pid_alive "$d/diskd.pid" kq-diskd && return 0
	[ "$LIE_MS" = 0 ] || lie=(--lie "$LIE_MS")
	rm -f "$d/disk.nbd" "$d/disk.ctl"
	(cd "$d" && spawn diskd.pid diskd.log "$KQ_TOOLS/kq-diskd" "${lie[@]}" disk.img disk.nbd disk.ctl)
	wait_socket "$d/disk.ctl" "$d/diskd.pid" kq-diskd "$d/diskd.log"
}

# shared_disk_create: of zeros, if there is to be one; its server stays until the end
shared_disk_create()
{
	[ -n "$SHARED_DISK" ] || return 0
	(
		cd "$CLUSTER_DIR"
		truncate -s "$SHARED_DISK" shared.img || die_usage "--shared-disk $SHARED_DISK: not a size"
		spawn shared.pid shared.log "$KQ_TOOLS/kq-diskd" --journal shared.journal shared.img shared.nbd shared.ctl
	)
	wait_socket "$CLUSTER_DIR/shared.ctl" "$CLUSTER_DIR/shared.pid" kq-diskd "$CLUSTER_DIR/shared.log"
}

# machine_start I: disk server and QEMU; does not wait for the guest
machine_start()
{
	local i=$1 d=$CLUSTER_DIR/n$1
	mkdir -p "$d/shared" "$CLUSTER_DIR/common"
	rm -f "$d"/exec.* "$d/state" "$d/qmp"
	disk_start "$i"
	vm_config "$d/shared" KQ_HOSTNAME "n$i" KQ_ADDRESS "10.77.0.$i/24" KQ_DATA_DEV /dev/vda \
		KQ_DATA_DIR /var/lib/kquorum KQ_COMMON yes
	# On a busy host a guest misjudges the rate of its TSC, by a factor of four in one case: its
	# leases then run at another speed than everybody else's. The HPET's rate is known.
	VM_APPEND="clocksource=hpet"
	vm_qemu_args "$CPUS" "$MEM" console.log shared
	# cache=writeback: the guest sees a volatile write cache and sends flushes, which go to
	# kq-diskd; QEMU itself keeps nothing back
	QEMU_ARGS+=(
		-name "kquorum-n$i" -qmp unix:qmp,server=on,wait=off
		-blockdev driver=nbd,node-name=disk0,server.type=unix,server.path=disk.nbd,cache.direct=off
		-device virtio-blk-pci,drive=disk0,write-cache=on
		-netdev "stream,id=net0,server=off,addr.type=unix,addr.path=../net.$i"
		-device "virtio-net-pci,netdev=net0,mac=52:54:00:77:00:$(printf %02x "$i"),romfile="
		-fsdev local,id=common,path=../common,security_model=none,multidevs=remap
		-device virtio-9p-pci,fsdev=common,mount_tag=kqcommon
	)
	[ -z "$SHARED_DISK" ] || QEMU_ARGS+=(
		-blockdev driver=nbd,node-name=shared,server.type=unix,server.path=../shared.nbd,cache.direct=off
		-device virtio-blk-pci,drive=shared,write-cache=on,share-rw=on
	)
	(cd "$d" && spawn qemu.pid qemu.log qemu-system-x86_64 "${QEMU_ARGS[@]}")
	wait_socket "$d/exec.0" "$d/qemu.pid" qemu-system "$d/qemu.log"
}

# machine_exec I [kq-exec options] -- CMD...
machine_exec()
{
	local d=$CLUSTER_DIR/n$1
	shift
	local opts=()
	while [ "$1" != -- ]; do
		opts+=("$1")
		shift
	done
	"$KQ_TOOLS/kq-exec" -C "$KQ_ROOT" -e "PATH=$(guest_path)" "${opts[@]}" "$d" "$@"
}

# machine_wait I: until it answers
machine_wait()
{
	if ! machine_exec "$1" -w "$BOOT_LIMIT_S" -- true; then
		console_show "$CLUSTER_DIR/n$1/console.log"
		die "n$1 did not boot within $BOOT_LIMIT_S s"
	fi
}

# machine_kill I: QEMU dies at once; nothing is flushed
machine_kill()
{
	pid_kill "$CLUSTER_DIR/n$1/qemu.pid" qemu-system KILL
	rm -f "$CLUSTER_DIR/n$1/state"
}

machine_monitor()
{
	"$KQ_TOOLS/kq-say" "$CLUSTER_DIR/n$1/qmp" '{"execute":"qmp_capabilities"}' "$2"
}

disk_say()
{
	"$KQ_TOOLS/kq-say" "$CLUSTER_DIR/n$1/disk.ctl" "$2" | sed "s/^ok/n$1: disk:/"
}
