#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# scripts/setup on a machine that has nothing yet: no kernel headers, an archive without a package.
set -u
cd "$(dirname "$0")/../.." || exit 1

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
# As on a fresh Debian: what the archive lacks is an error of apt-cache, not an empty answer.
cat >"$dir/apt-cache" <<'END'
#!/bin/sh
case $2 in
linux-image-amd64) echo "  Depends: linux-image-6.1.0-1-amd64" ;;
*) echo "E: No packages found" >&2; exit 100 ;;
esac
END
chmod 755 "$dir/apt-cache"
mkdir "$dir/modules" "$dir/none"

# setup_list MODULES: what it says with that directory in place of the installed headers
setup_list()
{
	local own=(-m)
	[ "$(id -u)" = 0 ] || own=(-rm)
	mkdir -p build/kernels
	unshare "${own[@]}" sh -c 'mount --bind "$1" /lib/modules && mount --bind "$2/none" build/kernels &&
		PATH=$2:$PATH exec scripts/setup --list --for build --for vm' sh "$1" "$dir"
}

n=0 failed=0
check()
{
	local what=$1
	shift
	n=$((n + 1))
	if "$@"; then echo "ok $n - $what"; else
		echo "not ok $n - $what"
		tail -n 3 "$dir/out" | sed 's/^/# /'
		failed=1
	fi
}

setup_list "$dir/modules" >"$dir/out" 2>&1
check "setup goes on where no kernel headers are installed" [ $? = 0 ]
check "and names the kernel that the archive has" \
	grep -q 'kernel 6.1.0-1-amd64: MISSING' "$dir/out"
check "and says which series the archive lacks" grep -q '6\.12: not in the archive' "$dir/out"

mkdir -p "$dir/modules/6.12.9-amd64/build"
touch "$dir/modules/6.12.9-amd64/build/Makefile"
setup_list "$dir/modules" >"$dir/out" 2>&1
check "headers that are installed decide which kernel is needed" \
	grep -q 'kernel 6.12.9-amd64: MISSING' "$dir/out"

echo "1..$n"
exit $failed
