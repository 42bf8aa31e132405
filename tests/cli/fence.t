#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# kquorum fence: a stale token never passes, whatever else goes on.
. "$(dirname "$0")/tap.sh"
f=$TMP/fence

fence() { run "$KQUORUM" fence check "$f" "$@"; }

fence db 7; is $rc 0 "the first token passes"
fence db 7; is $rc 0 "the same one too"
fence db 6; is $rc 70 "a lower one does not"
like "$out" 'token 6 is stale: 7 has been seen' "and both are said"
fence db 8; is $rc 0 "a higher one does"
fence other/x 3; is $rc 0 "another name has its own"
fence db 7; is $rc 70 "and changes nothing for the first"
fence "with space" 18446744073709551615; is $rc 0 "the largest token"
fence "with space" 18446744073709551614; is $rc 70 "and one below it"
is "$(sed 1d "$f" | sort)" "18446744073709551615 with space
3 other/x
8 db" "the file says it in plain words"

fence db 8 -- sh -c 'exit 3'; is $rc 3 "the command's exit status is handed on"
fence db 5 -- touch "$TMP/touched"; is $rc 70 "a stale token runs nothing"
[ ! -e "$TMP/touched" ]; report $? "truly nothing"
fence db 8 -- /nonexistent; is $rc 127 "a command that is not there"
fence db 9 -j -- true; is $rc 2 "options after the operands are not guessed"
like "$out" '"-j": options come before FILE' "and it is said where they go"
run "$KQUORUM" fence check "$f" -j db 9; is $rc 2 "nor are those between them"
like "$out" '"-j": options come before FILE' "with the same words"
run "$KQUORUM" fence "$f" db 9; is $rc 2 "the word check is needed"
like "$out" 'check or ask' "and that is said"
run "$KQUORUM" fence -j check "$f" db 8; like "$out" '"passed":true' "JSON"
run "$KQUORUM" fence check -j "$f" db 8; like "$out" '"passed":true' "JSON, with the option behind check"
run "$KQUORUM" fence check --help; is $rc 0 "help is there too"
like "$out" '^Usage: kquorum fence check' "and is the same"
run "$KQUORUM" fence check -j "$f" -dashed 1 -- sh -c 'exit $0' 3; is $rc 3 "a name may begin with a dash"

for args in "" "check" "check $f" "check $f db" "check $f db x" "check $f db 0" "check $f db -1" "check $f db 1 true"; do
	# shellcheck disable=SC2086
	run "$KQUORUM" fence $args; is $rc 2 "usage error: fence ${args/$TMP/}"
done
echo garbage >"$TMP/bad"
run "$KQUORUM" fence check "$TMP/bad" db 1; is $rc 1 "a file that is something else is refused"
is "$(cat "$TMP/bad")" garbage "and left alone"
like "$out" "/bad: damaged, or no fence file: " "by its name"
run "$KQUORUM" fence check -j "$TMP/bad" db 1; like "$out" '"highest_seen_before":null,"passed":false' "what it had seen is not made up"
: >"$TMP/empty"
run "$KQUORUM" fence check "$TMP/empty" db 1; is $rc 1 "an empty one is refused too"
like "$out" 'it is empty' "and that is said"
sed 's/^8 db/7 db/' "$f" >"$TMP/older"
run "$KQUORUM" fence check "$TMP/older" db 9; is $rc 1 "and one in which a token was changed"

# Twenty writers with tokens in no order: no command runs after one with a higher token, and never two at once.
rm -f "$f"
for t in $(shuf -i 1-20); do
	"$KQUORUM" fence check "$f" db "$t" -- sh -c "mkdir '$TMP/busy' && echo $t >>'$TMP/order' && sleep 0.02 && rmdir '$TMP/busy'" \
		2>/dev/null &
done
wait
is "$(sort -n -c "$TMP/order" 2>&1)" "" "tokens that passed rise"
[ ! -e "$TMP/busy" ]; report $? "one command at a time"
is "$(tail -1 "$TMP/order") $(sed 1d "$f")" "20 20 db" "the highest passed last"

# Killed in the middle, the command still keeps the others out.
"$KQUORUM" fence check "$f" db 21 -- sh -c "touch '$TMP/begun'; sleep 1; echo 21 >>'$TMP/order'" & killed=$!
until [ -e "$TMP/begun" ]; do sleep 0.02; done
kill -9 $killed
wait $killed 2>/dev/null
fence db 22 -- sh -c "echo 22 >>'$TMP/order'"
is "$(tail -2 "$TMP/order" | xargs)" "21 22" "a killed fence leaves its command protected"
finish
