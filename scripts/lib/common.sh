# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# What all scripts share: where things are, how to fail, how to build the small C tools.

set -euo pipefail

KQ_SCRIPTS=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
KQ_ROOT=$(dirname "$KQ_SCRIPTS")
KQ_BUILD=$KQ_ROOT/build
KQ_LIB=$KQ_SCRIPTS/lib
KQ_TOOLS=$KQ_BUILD/vmtools
# Debian keeps mke2fs, depmod and modprobe out of a user's PATH
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

kq_self=${0##*/}

# die MESSAGE...: say what happened and what to do, exit 1
die()
{
	echo "$kq_self: $*" >&2
	exit 1
}

# die_usage MESSAGE...: the command line is wrong, exit 2
die_usage()
{
	echo "$kq_self: $*" >&2
	echo "Try '$kq_self --help'." >&2
	exit 2
}

note()
{
	echo "$kq_self: $*" >&2
}

# need PROGRAM PACKAGE: fail with the package to install when the program is missing
need()
{
	command -v "$1" >/dev/null 2>&1 ||
		die "$1 is missing (Debian package $2). Run scripts/setup."
}

# is_number STRING
is_number()
{
	[[ $1 =~ ^[0-9]+$ ]]
}

# Build kq-agent, kq-exec, kq-say, kq-diskd, kq-netd, kq-tsc into build/vmtools when they are out of date:
# kq-X from X.c and X-*.c. Several runs may start at once: one builds, the others wait.
build_tools()
{
	local src part out
	mkdir -p "$KQ_TOOLS"
	(
		flock 9
		for src in "$KQ_LIB"/vmtools/*.c; do
			case ${src##*/} in *-*) continue ;; esac
			out=$KQ_TOOLS/kq-$(basename "$src" .c)
			if [ -x "$out" ] && [ -z "$(find "${src%.c}"*.c "$KQ_LIB"/vmtools/*.h -newer "$out")" ]; then
				continue
			fi
			need "${CC:-gcc}" build-essential
			set -- "$src"
			for part in "${1%.c}"-*.c; do
				[ ! -f "$part" ] || set -- "$@" "$part"
			done
			"${CC:-gcc}" -Wall -Wextra -O2 -g -D_GNU_SOURCE -o "$out.tmp" "$@" ||
				die "cannot build $out"
			mv "$out.tmp" "$out"
		done
	) 9>"$KQ_TOOLS/.lock"
}

# guest_path: PATH for commands in a test machine: what was built here comes first
guest_path()
{
	echo "$KQ_BUILD/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
}
