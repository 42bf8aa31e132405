#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# TAP: each former finding, planted again (findings.tsv), is found by the input that is kept for it.
# --renew SECONDS: where it is not, because formats have changed since, libFuzzer looks for another
# input, for so long, and that is kept instead.
cd "$(dirname "$0")/../.." || exit 1
renew=""
[ "${1-}" != --renew ] || renew=${2:?--renew needs seconds}
out=$(mktemp) || exit 1
trap 'rm -f "$out"' EXIT

# plant TARGET NAME SOURCE SED: sets dir, where the changed source is
plant()
{
	dir=build/planted/$1-$2
	rm -rf "$dir"
	mkdir -p "$dir/$(dirname "$3")" "$dir/inputs"
	sed "$4" "$3" >"$dir/$3"
	! cmp -s "$3" "$dir/$3" || { echo "the script changes nothing in $3" >"$out"; return 1; }
	make -s PLANT="$dir" PLANT_TARGET="$1" "$dir/replay" >"$out" 2>&1
}

# finds TARGET NAME: with the bug the input ends badly: an assertion, a sanitizer, or no end
finds()
{
	local rc=0
	# braces, for the shell itself would tell of the abort
	{ timeout 20 "$dir/replay" "tests/fuzz/findings/$1/$2" >"$out" 2>&1; } 2>/dev/null || rc=$?
	[ $rc != 0 ] || echo "the input runs clean" >"$out"
	[ $rc != 0 ]
}

# look_for TARGET NAME: libFuzzer begins with the corpus
look_for()
{
	local found input=tests/fuzz/findings/$1/$2
	make -s PLANT="$dir" PLANT_TARGET="$1" "$dir/fuzz" >"$out" 2>&1 || return
	# only what is sound without the bug shows the bug
	"$dir/fuzz" -max_total_time="$renew" -timeout=10 -max_len=4096 -use_value_profile=1 \
		-artifact_prefix="$dir/" "$dir/inputs" "tests/fuzz/corpus/$1" "tests/fuzz/findings/$1" >"$out" 2>&1
	for found in "$dir"/crash-* "$dir"/timeout-*; do
		[ -e "$found" ] && timeout 20 "build/fuzz/$1-replay" "$found" >/dev/null 2>&1 || continue
		cp "$found" "$input"
		finds "$1" "$2"
		return
	done
	return 1
}

make -s -j2 fuzz-replay >"$out" 2>&1 || {
	sed 's/^/# /' "$out"
	echo "Bail out! the fuzz targets do not build"
	exit 1
}
n=0 failed=0
while IFS=$'\t' read -r target name source script; do
	case $target in '#'*) continue ;; esac
	n=$((n + 1))
	if plant "$target" "$name" "$source" "$script" &&
		{ finds "$target" "$name" || { [ -n "$renew" ] && look_for "$target" "$name"; }; }; then
		echo "ok $n - $target: $name is found where it is planted"
	else
		failed=1
		echo "not ok $n - $target: $name is found where it is planted"
		tail -n 20 "$out" | sed 's/^/# /'
	fi
done <tests/fuzz/findings.tsv
for input in tests/fuzz/findings/*/*; do
	target=$(basename "$(dirname "$input")")
	grep -qP "^$target\t$(basename "$input")\t" tests/fuzz/findings.tsv && continue
	n=$((n + 1)) failed=1
	echo "not ok $n - $input is in tests/fuzz/findings.tsv"
done
echo "1..$n"
exit $failed
