# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# What must hold whatever is cut while snapshots are saved: locks are held, what was acknowledged is
# in the log, all machines are in one state. Needs lib.sh, power-cuts.sh and a cluster.
#
# The log's beginning goes with each snapshot, so who wants to see what was acknowledged has to read
# all the time: each machine has a reader, whose lines are kept on this host.

HELD=300		# locks of each machine

# --- locks ------------------------------------------------------------------------------

# holder NODE: holds many locks for as long as the machine has power and a session, and says so every
# other second
holder()
{
	local run=1
	while [ ! -e "$KQ_VM_CLUSTER/stop-holders" ]; do
		while [ -s "$held/$1.$run" ]; do run=$((run + 1)); done
		# shellcheck disable=SC2016
		vc exec -t 3600 "$1" sh -c 'while sleep 2; do echo || exit; done |
			build/e2e/holders "kept-$0" "$1" | while read -r word count token; do
				echo "$word $count $token"
				[ "$count" = "$1" ] || break
			done' "$1" $HELD >"$held/$1.$run" 2>>"$held/errors"
		sleep 1
	done
}

holders_start()
{
	held=$KQ_VM_CLUSTER/held
	mkdir -p "$held"
	in_background holder
}

# holding NODE: the run of its holder that says now that it has all its locks; 1: none does
holding()
{
	local file
	file=$(find "$held" -name "$1.*" -newermt "-9 seconds" | sort -V | tail -n 1)
	[ -n "$file" ] && [ "$(tail -n 1 "$file" | awk '{ print $2 }')" = $HELD ] && echo "$file"
}

# all_held NODE...: all of them have
all_held()
{
	local node
	for node; do holding "$node" >/dev/null || return 1; done
}

# --- what was appended ------------------------------------------------------------------

# whole_lines FILE...: the power went in the midst of the last one
whole_lines()
{
	local file
	for file; do
		if [ -n "$(tail -c 1 "$file")" ]; then sed '$d' "$file"; else cat "$file"; fi
	done
}

# reader NODE: follows its log
reader()
{
	local run=1 from
	while [ ! -e "$KQ_VM_CLUSTER/stop-readers" ]; do
		while [ -s "$read/$1.$run" ]; do run=$((run + 1)); done
		from=$(whole_lines "$read/$1".* 2>/dev/null | last_read)
		vc exec -t 3600 "$1" kquorum log -f --from $((from + 1)) >"$read/$1.$run" 2>>"$read/errors.$1"
		sleep 1
	done
}

last_read() { awk '$1 + 0 > n { n = $1 } END { print n + 0 }'; }

readers_start()
{
	read=$KQ_VM_CLUSTER/read
	mkdir -p "$read"
	in_background reader
}

# what_is_lost: what was acknowledged and not read as it was acknowledged; nothing: all is well. Where
# all machines lost their power at once, the log may have begun anew behind what nobody had read yet.
what_is_lost()
{
	whole_lines "$read"/n?.* | awk '$4 == "append" { print $1, $2, $NF }' |
		sort -u -k 1,1n -k 2,2n -k 3,3 >"$read/all"
	awk 'seen[$1]++ { print "two entries with one index:", $0 }' "$read/all" | head -n 5
	acked >"$read/acked"
	[ -s "$read/acked" ] || echo "nothing was acknowledged: this shows nothing"
	awk 'FILENAME == ARGV[1] { at[$1] = $2 " " $3; next }
		!($1 in at) { unseen++; if (unseen <= 5) first = first " " $1; next }
		at[$1] != $2 " " $3 { n++; if (n <= 5) print "acknowledged and lost:", $0, "- there is:", at[$1] }
		END {
			if (n) print n, "acknowledged lines are lost"
			if (unseen) print unseen, "acknowledged lines nobody has read:" first " ..."
		}' "$read/all" "$read/acked" >"$read/wrong"
	grep -v 'nobody has read' "$read/wrong"
	unseen=$(awk '/nobody has read/ { print $1 }' "$read/wrong")
	[ $((${unseen:-0} * 20)) -le "$(wc -l <"$read/acked")" ] || cat "$read/wrong"
}

has_read() { [ "$(whole_lines "$read"/n?.* | last_read)" -ge "$1" ]; }

# lines_are_right NAME: one check of all that was acknowledged
lines_are_right()
{
	local wrong
	appenders_stop
	within 60 has_read "$(acked | awk '$1 > n { n = $1 } END { print n + 0 }')" ||
		note "the readers are late"
	touch "$KQ_VM_CLUSTER/stop-readers"
	wrong=$(what_is_lost)
	[ -z "$wrong" ] || sed 's/^/# /' <<<"$wrong"
	check "$(truth [ -z "$wrong" ])" "$1"
	note "$(wc -l <"$read/acked") acknowledged, $(wc -l <"$read/all") read;" \
		"$(awk '/nobody has read/ { print $1 }' "$read/wrong" | grep . || echo 0) gone before they were read"
}

# --- states -----------------------------------------------------------------------------

# sum_of NODE: saves the state of that node into a file of its own
sum_of()
{
	on "$1" kquorum snapshot save --force -j "/run/kq-common/state.$1" 2>/dev/null |
		jq -r '"\(.index) \(.state_sum)"' >"$KQ_VM_CLUSTER/sum.$1"
}

# contents NODE: of that file, which the sum is taken of, but for how it was written
contents()
{
	build/bin/kquorum snapshot show --claims -j "$KQ_VM_CLUSTER/common/state.$1" |
		jq -S 'del(.file, .bytes, .crc32c, .saved_term)'
}

# same_index: the states of all three are there, of one index
same_index()
{
	within 30 same_applied n1 n2 n3 || return
	in_background sum_of
	wait "${pids[@]}"
	[ "$(cut -d' ' -f1 "$KQ_VM_CLUSTER"/sum.n? | sort | uniq -c | awk '{ print $1 }')" = 3 ]
}

# states_agree: while nothing is appended, the three are in one state: their sums, and what is in it
states_agree()
{
	local node wrong=0
	touch "$KQ_VM_CLUSTER/common/pause"
	rm -f "$KQ_VM_CLUSTER/common/saving"
	if ! within 120 same_index; then
		note "no one index at which to compare: $(cat "$KQ_VM_CLUSTER"/sum.n? | tr '\n' ';')"
		wrong=1
	elif [ "$(sort -u "$KQ_VM_CLUSTER"/sum.n? | wc -l)" != 1 ]; then
		note "the states differ: $(cat "$KQ_VM_CLUSTER"/sum.n? | tr '\n' ';')"
		wrong=1
	fi
	contents n1 >"$KQ_VM_CLUSTER/contents.n1"
	for node in n2 n3; do
		contents $node | diff "$KQ_VM_CLUSTER/contents.n1" - | head -n 10 | sed 's/^/# /' |
			grep . && wrong=1
	done
	[ $wrong = 1 ] || note "one state at index $(cat "$KQ_VM_CLUSTER/sum.n1"), $(
		jq .claims "$KQ_VM_CLUSTER/contents.n1") claims"
	rm -f "$KQ_VM_CLUSTER/common/pause"
	return $wrong
}
