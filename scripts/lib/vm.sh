# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# Booting one test machine: accelerator, kernel module, QEMU's command line.

# Sockets of a machine for kq-exec: as many commands can run in it at once.
KQ_EXEC_PORTS=12

# qemu_accel: sets QEMU_ACCEL. KVM only where a probe has shown that it boots this kernel: the
# device may be there and not work. The answer is kept in build/kernels/accel.
qemu_accel()
{
	local cache=$KQ_KERNELS/accel answer=${KQ_ACCEL:-} log
	if [ -z "$answer" ] && [ -f "$cache" ]; then
		answer=$(cat "$cache")
	fi
	if [ -z "$answer" ]; then
		answer=tcg
		if [ -r /dev/kvm ] && [ -w /dev/kvm ]; then
			log=$(mktemp)
			note "trying KVM (once, at most 15 s)"
			# in a shell of its own, for the shell says so when a program is aborted
			(timeout -k 1 15 qemu-system-x86_64 -enable-kvm -cpu host -m 256 -nodefaults \
				-no-reboot -display none -serial "file:$log" -kernel "$KERNEL_BOOT" \
				-initrd "$KERNEL_INITRD" </dev/null \
				-append "console=ttyS0 panic=-1 kq.probe" || true) >/dev/null 2>&1
			grep -q "kq-init: probe ok" "$log" && answer=kvm
			rm -f "$log"
		fi
		echo "$answer" >"$cache"
	fi
	# In an emulator 'rep movsb' goes byte by byte: ten times slower than what kernels do without ERMS.
	case $answer in
	kvm) QEMU_ACCEL=(-accel kvm -cpu host) ;;
	tcg) QEMU_ACCEL=(-accel tcg,thread=multi -cpu max,-erms,-fsrm) ;;
	*) die "KQ_ACCEL: '$answer' is neither kvm nor tcg" ;;
	esac
}

# vm_module yes|no|FILE: sets VM_MODULE and VM_MODULE_DEPENDS for KERNEL_RELEASE
vm_module()
{
	VM_MODULE="" VM_MODULE_DEPENDS=""
	[ "$1" = no ] && return 0
	VM_MODULE=$KQ_BUILD/kmod/$KERNEL_RELEASE/kquorum.ko
	[ "$1" = yes ] || VM_MODULE=$(realpath "$1")
	[ -f "$VM_MODULE" ] || die "$VM_MODULE is not built." \
		"Run 'make module KERNEL=$KERNEL_RELEASE', or give --no-module."
	VM_MODULE_DEPENDS=$(modinfo -F depends "$VM_MODULE" | tr ',' ' ')
}

# vm_config SHARED [NAME VALUE]...: what guest-init reads. Names: KQ_HOSTNAME, KQ_ADDRESS (of eth0),
# KQ_DATA_DEV and KQ_DATA_DIR (ext4 to be mounted), KQ_COMMON (yes: mount /run/kq-common).
vm_config()
{
	mkdir -p "$1/.kq"
	local file=$1/.kq/config
	shift
	printf "%s=%q\n" KQ_ROOT "$KQ_ROOT" KQ_RELEASE "$KERNEL_RELEASE" \
		KQ_MODULES "$(realpath "$KERNEL_MODULES")" KQ_MODULE "$VM_MODULE" \
		KQ_MODULE_DEPENDS "$VM_MODULE_DEPENDS" "$@" >"$file"
}

# vm_qemu_args CPUS MEM_MB CONSOLE SHARED: sets QEMU_ARGS; VM_APPEND: more for the kernel's command
# line. Sockets get relative names (their path
# may have 107 bytes only), so QEMU must be started in the machine's directory.
vm_qemu_args()
{
	local i clock=''
	# the emulated machine has the host's counter: it need not measure it, for it cannot on a busy host
	case "${QEMU_ACCEL[*]}" in
	*tcg*) clock=$("$KQ_TOOLS/kq-tsc") && clock=" tsc_early_khz=$clock" || clock='' ;;
	esac
	QEMU_ARGS=(
		"${QEMU_ACCEL[@]}" -smp "$1" -m "$2" -nodefaults -no-user-config -no-reboot
		-display none -chardev "file,id=console,path=$3,append=on" -serial chardev:console -kernel "$KERNEL_BOOT" -initrd "$KERNEL_INITRD"
		-append "console=ttyS0 loglevel=5 panic=-1 net.ifnames=0 tsc=reliable no_timer_check mitigations=off${VM_APPEND:+ $VM_APPEND}$clock"
		-fsdev "local,id=root,path=/,security_model=none,readonly=on,multidevs=remap"
		-device virtio-9p-pci,fsdev=root,mount_tag=kqroot
		-fsdev "local,id=shared,path=$4,security_model=none,multidevs=remap"
		-device virtio-9p-pci,fsdev=shared,mount_tag=kqshared
		-device virtio-serial-pci,max_ports=31
	)
	for ((i = 0; i < KQ_EXEC_PORTS; i++)); do
		QEMU_ARGS+=(-chardev "socket,id=exec$i,path=exec.$i,server=on,wait=off"
			-device "virtserialport,chardev=exec$i,name=kq.exec.$i")
	done
}

# console_show FILE: the end of a console log, on stderr
console_show()
{
	echo "--- end of $1:" >&2
	tail -n 40 "$1" 2>/dev/null | tr -d '\r' >&2 || true
	echo "---" >&2
}
