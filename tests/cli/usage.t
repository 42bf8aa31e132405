#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Help, usage errors, and what is said where there is no module.
. "$(dirname "$0")/tap.sh"
commands="init join start stop status member settings lock renew resource log append snapshot scrub recover transfer fence bench version"

run "$KQUORUM"
is $rc 0 "kquorum alone succeeds"
for c in $commands; do
	like "$out" "^  $c " "the table has $c"
done
is "$(sed -n "s/^  \([a-z][a-z]*\) .*/\1/p" <<<"$out" | tr '\n' ' ')" "$commands " "and nothing else"
run "$KQUORUM" bogus
is $rc 2 "an unknown command is a usage error"
is "$out" 'kquorum: no command "bogus": kquorum --help lists them' "and gets one line"
while read -r typed meant; do
	run "$KQUORUM" "$typed"
	is "$out" "kquorum: no command \"$typed\": did you mean $meant?" "$typed is taken for $meant"
done <<'EOT'
strat start
memebr member
jion join
res resource
lokc lock
locks lock
hlep help
EOT
run "$KQUORUM" st
like "$out" 'kquorum --help' "the beginning of several is taken for none"
run "$KQUORUM" --bogus status
like "$out" 'no option --bogus before the command' "an option in place of the command"
is $rc 2 "is a usage error"
run "$KQUORUM" help lock
is "$out" "$("$KQUORUM" lock --help)" "help COMMAND is COMMAND --help"
run "$KQUORUM" --help
is "$(awk 'length > 100' <<<"$out")" "" "--help fits 100 columns"
for o in "help COMMAND" --version -V; do
	like "$out" "$o" "--help has $o"
	grep -qF -- "${o//-/\\-}" userspace/cli/kquorum.8
	report $? "the manual has $o"
done
is "$("$KQUORUM" -V)" "$("$KQUORUM" version)" "-V is version"
is "$("$KQUORUM" --version)" "$("$KQUORUM" version)" "--version too"
run "$KQUORUM" init --seg 5
like "$out" 'option --seg fits more than one: --segment-size, --segments$' "an option that fits several is told apart"
run "$KQUORUM" status --wathc
like "$out" 'no option --wathc; did you mean --watch\?$' "from one that is close to one"
run "$KQUORUM" status --bogus=5
like "$out" 'no option --bogus$' "and one that is close to none"
for c in $commands; do
	run "$KQUORUM" "$c" --help
	is "$rc" 0 "$c --help succeeds"
	like "$out" "^Usage: kquorum $c" "$c --help shows its usage"
	is "$(awk 'length > 100' <<<"$out")" "" "$c --help fits 100 columns"
	run "$KQUORUM" "$c" --bogus
	is "$rc" 2 "$c --bogus is a usage error"
	like "$out" "kquorum $c --help" "$c says where to read more"
	grep -q "kquorum $c" userspace/cli/kquorum.8
	report $? "the manual has $c"
done
# Every option of --help stands in the manual, or is one of the common ones.
for c in $commands; do
	missing=
	for o in $("$KQUORUM" "$c" --help | grep -oE '^ +(-., )?--[a-z-]+' | grep -oE -- '--[a-z-]+'); do
		grep -qF -- "${o//-/\\-}" userspace/cli/kquorum.8 || missing+=" $o"
	done
	is "$missing" "" "the manual has the options of $c"
done
# Of what has commands below it, likewise.
complete() { bash -c '. userspace/cli/kquorum.bash-completion; _kquorum_words "$@"' - "$@"; }
check_verb()
{
	local c=$1 v=$2 o missing=

	run "$KQUORUM" "$c" "$v" --help
	is "$rc" 0 "$c $v --help succeeds"
	like "$out" "^Usage: kquorum $c $v" "$c $v --help shows its usage"
	is "$(awk 'length > 100' <<<"$out")" "" "$c $v --help fits 100 columns"
	for o in $(grep -oE '^ +(-., )?--[a-z-]+' <<<"$out" | grep -oE -- '--[a-z-]+'); do
		grep -qF -- "${o//-/\\-}" userspace/cli/kquorum.8 || missing+=" $o"
	done
	is "$missing" "" "the manual has the options of $c $v"
	run "$KQUORUM" "$c" "$v" --bogus
	is "$rc" 2 "$c $v --bogus is a usage error"
	like "$out" "kquorum $c $v --help" "$c $v says where to read more"
	grep -q "kquorum $c $v" userspace/cli/kquorum.8
	report $? "the manual has $c $v"
	like "$("$KQUORUM" "$c" --help)" "^  $v " "$c --help has $v"
}
for v in $(complete snapshot snapshot); do
	check_verb snapshot "$v"
	run "$KQUORUM" snapshot "$v"
	is "$rc" 2 "snapshot $v wants a file"
done
for v in $(complete resource resource); do
	check_verb resource "$v"
done
for v in $(complete fence); do
	check_verb fence "$v"
done
is "$(complete snapshot snapshot)" "$("$KQUORUM" snapshot bogus 2>&1 | sed -n 's/.*": \(.*\) or \(.*\)/\1 \2/p' | tr -d ,)" \
	"the completion has all that snapshot takes"
is "$(complete resource resource)" "$("$KQUORUM" resource bogus 2>&1 | sed -n 's/.*": \(.*\) or \(.*\)/\1 \2/p' | tr -d ,)" \
	"the completion has all that resource takes"
# The completion knows them, and what member and the others take.
is "$(complete help)" "$commands" "the completion has all commands"
is "$(complete member member)" "$("$KQUORUM" member bogus 2>&1 | sed -n 's/.*": \(.*\) or \(.*\)/\1 \2/p' | tr -d ,)" \
	"and all that member takes"
for w in $(complete member member); do
	[ "$w" = list ] && continue
	grep -qE "kquorum member ${w//-/\\\\-}" userspace/cli/kquorum.8
	report $? "the manual has member $w"
done
if command -v groff >/dev/null; then
	is "$(groff -t -man -ww -Tutf8 userspace/cli/kquorum.8 2>&1 >/dev/null)" "" "the manual is well-formed"
fi
is "$(grep -n 'kquorumd\? (1)' userspace/*/*.8)" "" "the manuals refer to each other in section 8"
run "$KQUORUM" lock db -n
is $rc 2 "an option after the lock's name is not taken for a command"
run "$KQUORUM" lock
is $rc 2 "lock wants a name"
run "$KQUORUM" lock "$(printf 'x%.0s' {1..128})"
is $rc 2 "a name of 128 bytes is too long"
run "$KQUORUM" lock $'a\nb'
is $rc 2 "a name has no control characters"
run "$KQUORUM" lock -s -k 2 db
is $rc 2 "a share and units exclude each other"
like "$out" "one or the other" "and it is said so"
run "$KQUORUM" lock --on-loss=stop db -- true
is $rc 2 "what is no answer to a loss is a usage error"
like "$out" '"stop" is not term, kill, ignore, or signal: and a signal' "and it is said what is one"
run "$KQUORUM" lock --on-loss=kill --kill-after=1 db -- true
is $rc 2 "without a signal there is no time from it to SIGKILL"
run "$KQUORUM" lock --on-loss=ignore db
is $rc 2 "without a command nobody gets anything"
for v in show why create set delete; do
	run "$KQUORUM" resource "$v"
	is $rc 2 "resource $v wants a name"
	run "$KQUORUM" resource "$v" "$(printf 'x%.0s' {1..128})"
	is $rc 2 "resource $v takes none of 128 bytes"
done
run "$KQUORUM" resource set gpu
is $rc 2 "resource set wants to know what"
run "$KQUORUM" resource
is $rc 2 "resource wants to know what is to be done"
run "$KQUORUM" log --from 5 --to 4
is $rc 2 "log ends after it begins"
run "$KQUORUM" bench
is $rc 2 "bench wants to know what"
run env HOME=/ "$KQUORUM" start --dir "$TMP"
is $rc 66 "start says that a directory has no node"
run "$KQUORUM" version
is $rc 0 "version works without a module"
if [ ! -e /sys/module/kquorum/version ]; then
	run "$KQUORUM" version -j
	like "$out" '"module_version":[[:space:]]*null' "a version that is not known is null"
fi
run bash -c "'$KQUORUM' --help | head -1"
is $rc 0 "a reader that has seen enough is no error"
run bash -c "'$KQUORUM' --help >/dev/full"
is $rc 1 "output that cannot be written is an error"

if [ ! -e /sys/module/kquorum ]; then
	for c in stop status "lock db" "resource list" "resource create gpu" "resource delete gpu" log "append x" transfer "bench lock" member \
		"member remove n1" snapshot "snapshot save $TMP/s"; do
		# shellcheck disable=SC2086
		run "$KQUORUM" $c
		is $rc 1 "$c fails without a module"
		like "$out" 'modprobe kquorum' "and says what to do"
		like "$out" 'make install-module' "and where to get it"
		is "$(awk 'length > 100' <<<"$out")" "" "in 100 columns"
	done
	"$KQUORUM" init --name d --node n1 --listen h --segment-size 256K --segments 2 --dir "$TMP/n" >/dev/null
	run "$KQUORUM" start --dir "$TMP/n"
	like "$out" 'modprobe kquorum' "start says what to do"
fi
finish
