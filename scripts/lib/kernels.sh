# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# Kernels for test machines: found, unpacked from their package, and given an initramfs.
#
# build/kernels/RELEASE/boot/vmlinuz-RELEASE and .../lib/modules/RELEASE come from the Debian
# package without installing it: no root, no boot loader, no initramfs of the host touched.

KQ_KERNELS=$KQ_BUILD/kernels

# Not wanted in a test machine, and two thirds of the package.
KQ_KERNEL_EXCLUDE=(
	'*/kernel/sound' '*/kernel/drivers/gpu' '*/kernel/drivers/media' '*/kernel/drivers/infiniband'
	'*/kernel/drivers/net/wireless' '*/kernel/drivers/net/ethernet' '*/kernel/drivers/staging'
	'*/kernel/drivers/scsi' '*/kernel/drivers/usb' '*/kernel/drivers/iio' '*/kernel/drivers/hid'
	'*/kernel/drivers/input' '*/kernel/drivers/hwmon' '*/kernel/drivers/comedi'
	'*/kernel/drivers/mfd' '*/kernel/drivers/power' '*/kernel/drivers/video'
	'*/kernel/drivers/platform' '*/kernel/drivers/bluetooth' '*/kernel/net/bluetooth'
	'*/kernel/net/wireless' '*/kernel/net/mac80211'
)

# headers_releases SERIES: releases of that series whose headers are installed, newest first
headers_releases()
{
	local d
	for d in /lib/modules/"$1".*/build; do
		if [ -e "$d/Makefile" ]; then basename "$(dirname "$d")"; fi
	done | sort -rV
}

# kernel_unpack RELEASE: fetch linux-image-RELEASE and unpack it; does nothing the second time
kernel_unpack()
{
	local release=$1 tmp deb
	[ -d "$KQ_KERNELS/$release/lib/modules/$release" ] && return 0
	need dpkg-deb dpkg
	need depmod kmod
	mkdir -p "$KQ_KERNELS"
	(
		flock 9
		[ -d "$KQ_KERNELS/$release/lib/modules/$release" ] && exit 0
		tmp=$(mktemp -d "$KQ_KERNELS/.unpack.XXXXXX")
		trap 'rm -rf "$tmp"' EXIT
		chmod 755 "$tmp"
		note "fetching the package linux-image-$release"
		(cd "$tmp" && apt-get -q -q download "linux-image-$release" 2>"$tmp/log") || {
			cat "$tmp/log" >&2
			die "cannot download linux-image-$release." \
			    "Newer headers may be out: run 'apt-get update', then scripts/setup."
		}
		deb=$(echo "$tmp"/*.deb)
		dpkg-deb --fsys-tarfile "$deb" | tar -C "$tmp" -xf - --no-same-owner \
			"${KQ_KERNEL_EXCLUDE[@]/#/--exclude=}"
		rm -f "$deb" "$tmp/log"
		# Debian 13 and later keep modules in /usr/lib
		[ -d "$tmp/lib/modules" ] || { mkdir -p "$tmp/lib" && mv "$tmp/usr/lib/modules" "$tmp/lib/"; }
		rm -rf "${tmp:?}/usr"
		depmod -b "$tmp" "$release"
		rm -rf "${KQ_KERNELS:?}/$release"
		mv "$tmp" "$KQ_KERNELS/$release"
	) 9>"$KQ_KERNELS/.lock"
}

# bzimage_release FILE: the release that a bzImage was built as (its header says where it stands)
bzimage_release()
{
	local offset
	offset=$(od -An -tu2 -j 526 -N 2 "$1" | tr -d ' ')
	dd if="$1" bs=1 skip=$((offset + 512)) count=64 2>/dev/null | tr '\0' '\n' | head -n 1 | cut -d' ' -f1
}

# kernel_find NAME: sets KERNEL_RELEASE, KERNEL_IMAGE, KERNEL_MODULES (the directory
# .../lib/modules/RELEASE). NAME: 6.1, 6.12, a release, a kernel image, or a directory laid out
# like build/kernels/RELEASE. Unpacked kernels first, then what is installed on this machine.
kernel_find()
{
	local name=$1 d
	if [ -f "$name" ]; then
		KERNEL_IMAGE=$(realpath "$name")
		KERNEL_RELEASE=$(bzimage_release "$name")
		KERNEL_MODULES=$(dirname "$KERNEL_IMAGE")/../lib/modules/$KERNEL_RELEASE
		[ -d "$KERNEL_MODULES" ] || KERNEL_MODULES=/lib/modules/$KERNEL_RELEASE
	elif [ -d "$name" ]; then
		KERNEL_IMAGE=$(realpath "$name"/boot/vmlinuz-* | head -n 1)
		KERNEL_RELEASE=${KERNEL_IMAGE##*/vmlinuz-}
		KERNEL_MODULES=$(realpath "$name")/lib/modules/$KERNEL_RELEASE
	else
		KERNEL_RELEASE=
		for d in $(printf '%s\n' "$KQ_KERNELS"/*/boot/vmlinuz-* /boot/vmlinuz-* | sort -rV); do
			[ -r "$d" ] || continue
			KERNEL_RELEASE=${d##*/vmlinuz-}
			case $KERNEL_RELEASE in
			"$name" | "$name".*) ;;
			*) KERNEL_RELEASE=; continue ;;
			esac
			KERNEL_IMAGE=$d
			KERNEL_MODULES=${d%/boot/*}/lib/modules/$KERNEL_RELEASE
			[ -d "$KERNEL_MODULES" ] && break
			KERNEL_RELEASE=
		done
		[ -n "$KERNEL_RELEASE" ] || die "no kernel $name here." \
			"Run 'scripts/setup --for vm' (unpacks Debian's kernels into build/kernels)."
	fi
	[ -f "$KERNEL_MODULES/modules.dep" ] ||
		die "no modules for kernel $KERNEL_RELEASE in $KERNEL_MODULES"
}

# The modules that /init of the test machine loads, in groups.
KQ_INIT_MODULES='boot: virtio_pci virtio_blk 9pnet_virtio 9p overlay virtio_console
net: virtio_net
ext4: ext4'

# le_number FILE OFFSET BYTES: a number in there
le_number() { od -An -t"u$3" -j "$2" -N "$3" "$1" | tr -d ' '; }

# kernel_bare: sets KERNEL_BOOT: KERNEL_IMAGE without its compression, which an emulated processor
# takes longer to undo than to boot the rest. QEMU starts such a kernel when that can be entered in
# PVH mode; else, or without the program that unpacks it, it is the image itself.
# Format: Documentation/arch/x86/boot.rst
kernel_bare()
{
	KERNEL_BOOT=$KQ_KERNELS/vmlinux-$KERNEL_RELEASE
	if [ "$KERNEL_BOOT" -nt "$KERNEL_IMAGE" ]; then
		[ -s "$KERNEL_BOOT" ] || KERNEL_BOOT=$KERNEL_IMAGE
		return 0
	fi
	local image=$KERNEL_IMAGE start length unpack
	start=$((($(le_number "$image" 497 1) + 1) * 512 + $(le_number "$image" 584 4)))
	length=$(le_number "$image" 588 4)
	case $(od -An -tx1 -j "$start" -N 4 "$image" | tr -d ' ') in
	fd377a58) unpack=xz ;;
	28b52ffd) unpack=zstd ;;
	*) unpack=false ;;
	esac
	(
		flock 9
		# behind it stands its size, in 4 bytes
		head -c $((start + length - 4)) "$image" | tail -c +$((start + 1)) |
			$unpack -dc >"$KERNEL_BOOT.new" 2>/dev/null || : >"$KERNEL_BOOT.new"
		[[ $(readelf -n "$KERNEL_BOOT.new" 2>/dev/null) = *0x00000012* ]] || : >"$KERNEL_BOOT.new"
		mv "$KERNEL_BOOT.new" "$KERNEL_BOOT"
	) 9>"$KQ_KERNELS/.lock"
	[ -s "$KERNEL_BOOT" ] || KERNEL_BOOT=$KERNEL_IMAGE
}

# initramfs_build: makes (or reuses) the initramfs of KERNEL_RELEASE; sets KERNEL_INITRD, KERNEL_BOOT
initramfs_build()
{
	kernel_bare
	KERNEL_INITRD=$KQ_KERNELS/initramfs-$KERNEL_RELEASE.cpio
	local init=$KQ_LIB/guest-init busybox
	if [ "$KERNEL_INITRD" -nt "$init" ] && [ "$KERNEL_INITRD" -nt "$KQ_LIB/kernels.sh" ] &&
	   [ "$KERNEL_INITRD" -nt "$KERNEL_MODULES/modules.dep" ]; then
		return 0
	fi
	need cpio cpio
	need modprobe kmod
	need busybox busybox-static
	busybox=$(command -v busybox)
	mkdir -p "$KQ_KERNELS"
	(
		flock 9
		tmp=$(mktemp -d "$KQ_KERNELS/.initramfs.XXXXXX")
		trap 'rm -rf "$tmp"' EXIT
		mkdir -p "$tmp"/r/{bin,dev,proc,sys,mods,ro,rw,root,shared}
		cp "$busybox" "$tmp/r/bin/busybox"
		cp "$init" "$tmp/r/init"
		chmod 755 "$tmp/r/init" "$tmp/r/bin/busybox"
		initramfs_modules "$tmp/r/mods"
		(cd "$tmp/r" && find . | cpio -o -H newc -R 0:0 --quiet) >"$tmp/cpio"
		mv "$tmp/cpio" "$KERNEL_INITRD"
	) 9>"$KQ_KERNELS/.lock"
}

# initramfs_modules DIR: copies modules there, unpacked, with a list per group in load order
initramfs_modules()
{
	local dir=$1 group names name verb path file
	while IFS=: read -r group names; do
		for name in $names; do
			modprobe -S "$KERNEL_RELEASE" -d "${KERNEL_MODULES%/lib/modules/*}/" \
				--show-depends "$name" 2>/dev/null |
			while read -r verb path _; do
				[ "$verb" = insmod ] || continue
				file=$(basename "$path")
				case $path in
				*.xz) file=${file%.xz}; xz -dc "$path" >"$dir/$file" ;;
				*.zst) file=${file%.zst}; zstd -qdc "$path" >"$dir/$file" ;;
				*.gz) file=${file%.gz}; gzip -dc "$path" >"$dir/$file" ;;
				*) cp "$path" "$dir/$file" ;;
				esac
				echo "$file"
			done
		done | awk '!seen[$0]++' >"$dir/$group.list"
	done <<<"$KQ_INIT_MODULES"
}
