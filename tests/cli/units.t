#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The examples of systemd units: what they start is what this kquorum takes, and systemd takes them.
. "$(dirname "$0")/tap.sh"
units=userspace/daemon/examples

# words LINE: as systemd splits it, into $words; specifiers stand for 1, and $$ for $
words()
{
	local line=${1//%i/1}

	mapfile -t words < <(xargs -n1 printf '%s\n' <<<"${line//\$\$/\$}")
}

# starts UNIT: its command lines
starts() { sed -n 's/^Exec[A-Za-z]*=//p' "$1"; }

for unit in "$units"/*.service; do
	name=$(basename "$unit")
	mapfile -t lines < <(starts "$unit")
	[ ${#lines[@]} -gt 0 ]; report $? "$name starts something"
	for line in "${lines[@]}"; do
		words "$line"
		is "${words[0]} ${words[1]}" "/usr/sbin/kquorum lock" "$name: it is kquorum lock"
		for ((at = 0; at < ${#words[@]}; at++)); do
			[ "${words[at]}" != -- ] || break
		done
		[ $((at + 1)) -lt ${#words[@]} ]; report $? "$name: a command stands behind --"
		# With a module it would be done.
		if [ -e /sys/module/kquorum ]; then
			report 0 "$name: not tried # SKIP the module is loaded"
			continue
		fi
		run "$KQUORUM" "${words[@]:1}"
		is "$rc" 1 "$name: its options are right"
		like "$out" 'modprobe kquorum' "$name: only the module is missing"
	done
	for what in Requires=kquorum-node.service After=kquorum-node.service Documentation=man:kquorum; do
		grep -q "^$what" "$unit"; report $? "$name has $what"
	done
	grep -qF "\`$name\`" "$units/README.md"; report $? "the README has $name"
done

if command -v systemd-analyze >/dev/null; then
	mkdir -p "$TMP/units" "$TMP/sbin"
	cp "$units"/*.{service,timer} userspace/daemon/*.service "$TMP/units/"
	# What they start is not installed here.
	for program in db-primary gpu-worker nightly kquorumd; do
		printf '#!/bin/sh\n' >"$TMP/sbin/$program"
		chmod 755 "$TMP/sbin/$program"
	done
	cp "$KQUORUM" "$TMP/sbin/kquorum"
	sed -Ei "s#/usr/(local/)?s?bin/#$TMP/sbin/#g" "$TMP"/units/*
	for unit in "$units"/*.{service,timer}; do
		name=$(basename "$unit")
		out=$(SYSTEMD_UNIT_PATH=$TMP/units: systemd-analyze verify --man=no "$TMP/units/${name/@./@1.}" 2>&1)
		is "$? $(grep -F "$TMP" <<<"$out")" "0 " "systemd takes $name"
	done
else
	report 0 "systemd-analyze # SKIP it is not there"
fi

run make -s install-units DESTDIR="$TMP/root" PREFIX=/opt
for unit in "$units"/*.{service,timer}; do
	grep -q . "$TMP/root/opt/share/doc/kquorum/examples/$(basename "$unit")"
	report $? "$(basename "$unit") is installed, as an example" "$out"
done
is "$(grep -l '/usr/sbin' "$TMP"/root/opt/share/doc/kquorum/examples/*)" "" "they start what was installed with them"
[ -e "$TMP/root/opt/share/doc/kquorum/examples/README.md" ]; report $? "with what is to be known"
is "$(cd "$TMP/root/usr/lib/systemd/system" && echo *)" "kquorum-node.service kquorumd.service" "and nothing more as a unit"
finish
