#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# TAP: every input that is kept in the corpora runs clean; and all former findings.
cd "$(dirname "$0")/../.." || exit 1
targets=(wire peer wal hello config)
echo "1..${#targets[@]}"
out=$(mktemp) || exit 1
trap 'rm -f "$out"' EXIT
make -s -j2 fuzz-replay >"$out" 2>&1 || {
	sed 's/^/# /' "$out"
	echo "Bail out! the fuzz targets do not build"
	exit 1
}
n=0 failed=0
for t in "${targets[@]}"; do
	n=$((n + 1))
	mapfile -t files < <(find tests/fuzz/corpus/"$t" tests/fuzz/findings/"$t" -type f 2>/dev/null)
	if [ ${#files[@]} -gt 0 ] && timeout 300 "build/fuzz/$t-replay" "${files[@]}" >"$out" 2>&1; then
		echo "ok $n - $t: ${#files[@]} inputs run clean"
	else
		failed=1
		echo "not ok $n - $t: ${#files[@]} inputs run clean"
		tail -n 30 "$out" | sed 's/^/# /'
	fi
done
exit $failed
