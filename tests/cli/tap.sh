# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034,SC2001
# TAP for the scripts here: source it, then `is`, `like`, `pass_if`; `finish` prints the plan.
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
KQUORUM=$PWD/${BUILD:-build}/bin/kquorum
TMP=$(mktemp -d "${TMPDIR:-/tmp}/kquorum-cli.XXXXXX")
trap 'rm -rf "$TMP"' EXIT
tests=0
failed=0

report()
{
	tests=$((tests + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $tests - $2"
	else
		failed=$((failed + 1))
		echo "not ok $tests - $2"
		[ -z "${3-}" ] || sed 's/^/# /' <<<"$3"
	fi
}

# is GOT WANTED NAME
is()
{
	[ "$1" = "$2" ]
	report $? "$3" "got: $1
wanted: $2"
}

# like TEXT EXTENDED-REGEX NAME
like()
{
	grep -qE -- "$2" <<<"$1"
	report $? "$3" "got: $1
wanted: $2"
}

# run COMMAND...: its output into $out, its exit status into $rc
run()
{
	out=$("$@" 2>&1 </dev/null)
	rc=$?
}

finish()
{
	echo "1..$tests"
	[ "$failed" -eq 0 ]
	exit
}
