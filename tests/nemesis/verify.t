#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The judge of histories finds each kind of lie, and accuses nobody without need.
cd "$(dirname "$0")/../.." || exit 1
make -s build/nemesis/verify >&2 || { echo "Bail out! verify does not build"; exit 1; }
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
n=0 failed=0

# The log that most of these end with; index 3 is a lock's entry, 4 had no effect.
log='1 1 32 1 a/1
2 1 32 1 b/1
3 1 16 1 -
4 2 32 0 a/1
5 2 32 1 a/2
end'
good='a 100 200 append - ok a/1 1 1
b 150 250 append - ok b/1 2 1
a 300 400 append - ok a/2 5 2
b 300 350 lock k ok 10
b 360 370 held k ok 10
a 355 365 lock k busy
b 380 390 unlock k ok 10
a 400 450 lock k ok 20'

# judged holds|says: REGEX|PART-OF-A-COMPLAINT NAME HISTORY [LOG [LOG2]]
judged()
{
	local wanted=$1 name=$2 out status=0 right=1
	printf '%s\n' "$3" >"$dir/history"
	printf '%s\n' "${4-$log}" >"$dir/log1"
	printf '%s\n' "${5-${4-$log}}" >"$dir/log2"
	out=$(build/nemesis/verify "$dir/history" "$dir/log1" "$dir/log2" 2>&1) || status=$?
	if [ "$wanted" = holds ]; then
		[ $status != 0 ] || right=0
	elif [ "${wanted#says: }" != "$wanted" ]; then
		! grep -qE -- "${wanted#says: }" <<<"$out" || right=0
	elif [ $status != 0 ] && grep -qE -- "$wanted" <<<"$out"; then
		right=0
	fi
	n=$((n + 1))
	if [ $right = 0 ]; then
		echo "ok $n - $name"
	else
		failed=1
		printf 'not ok %d - %s\n' $n "$name"
		sed 's/^/# /' <<<"$out"
	fi
}

judged holds "a history without fault passes" "$good"
# So many that the memory of the one is used again for the other.
many=$(for ((i = 1; i <= 600; i++)); do echo "c $((600 + i)) $((601 + i)) append - failed c/$i"; done)
long=$(sed '$d' <<<"$log"; for ((i = 6; i <= 600; i++)); do echo "$i 2 1 1 -"; done; echo end)
judged holds "long logs that are the same do not differ" "$good
$many" "$long"
judged holds "a lock that nobody answered for may explain a busy one" "$good
c 10 - lock m unknown
a 500 510 lock m busy"
judged holds "an append without an answer that is in the log passes" "${good/a 300 400 append - ok a\/2 5 2/a 300 - append - unknown a\/2}"
judged holds "an append without an answer that is not in the log passes" "$good
c 300 - append - unknown c/1"
judged 'says: longest time without an answer: 2.5 election timeouts' "the longest time without an answer is told" \
	"a 100 200 append - ok a/1 1 1
b 150 250 append - ok b/1 2 1
b 300 1900000 lock k ok 10
a 300 2500250 append - ok a/2 5 2"
judged 'b/2 was acknowledged .* there is nothing' "an acknowledged append that is in no log is found" "$good
b 400 500 append - ok b/2 6 2"
judged 'a/2 was acknowledged .* there is a/2' "one at another term is found" "${good/a\/2 5 2/a\/2 5 1}"
judged 'differ at index 5' "logs that differ are found" "$good" "$log" "${log/a\/2/b\/2}"
judged 'a/1 counts at index 1 and at 4' "an append that counts twice is found" "$good" "${log/2 32 0 a/2 32 1 a}"
judged 'was refused, and is in the log' "a refused append that counts is found" "$good
c 300 310 append - failed b/1"
judged 'append: no order' "an append before one that ended before it began is found" \
	"${good/b 150 250/b 50 90}"
judged 'append: no order' "one without an answer too" "${good/b 150 250 append - ok b\/1 2 1/b 500 - append - unknown b\/1}"
judged 'k: no order' "two holders at once are found" "${good/b 360 370 held/b 460 470 held}"
judged 'k: no order' "a token that falls is found" "${good/ok 20/ok 9}"
judged 'k: no order' "a token that is given twice is found" "${good/ok 20/ok 10}"
judged 'm: no order' "a busy lock that nobody can hold is found" "$good
a 500 510 lock m busy"
judged 'this shows nothing' "a run without a grant shows nothing" "$(grep -v lock <<<"$good" | grep append)"
judged 'not an operation' "a line that is no operation is an error" "$good
what is this"
judged 'the log is not complete' "a log that was cut off is an error" "$good" "${log%$'\n'end}"
judged 'not the next entry' "a log with a hole is an error" "$good" "$(sed 3d <<<"$log")"
echo "1..$n"
exit $failed
