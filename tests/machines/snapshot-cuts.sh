# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# Power cuts while snapshots are saved, sent and installed, and while the log is recycled. Needs
# lib.sh, power-cuts.sh (for its appenders), snapshot-checks.sh and a cluster.
#
# Before a machine that lost its power starts its node, its directory is looked at: which step did
# the cut leave (steps below)? Then the node starts without its daemon, so that what its log refers
# to is what it was before the cut; then the daemon, which goes on from there.

STATE=/var/lib/kquorum/demo
SEGMENT=262144		# bytes of a segment: each is used again before long
SECONDS_MAX=20		# what is provoked is over by then

declare -A met=() segments_used=() before=() used=() arming=()

# --- one machine ------------------------------------------------------------------------

# st NODE FILTER: a field of 'kquorum status -j'
st() { on "$1" kquorum status -j 2>/dev/null | jq -r "$2"; }

# is NODE FILTER: that is true of its status
is() { [ "$(st "$1" "$2")" = true ]; }

snap_index() { st "$1" '.snapshot.index // 0'; }

save_now() { on "$1" pkill -USR1 -x kquorumd; }

# saves NODE: until its newest snapshot is above INDEX
has_above() { [ "$(snap_index "$1")" -gt "$2" ] 2>/dev/null; }
saves_above() { save_now "$1"; within 20 has_above "$1" "$2"; }

# armed NODE: the cut that arm asked for is near, or has come
armed()
{
	! kill -0 "${arming[$1]}" 2>/dev/null || vc disk "$1" stat 2>/dev/null | grep -q 'a cut is near'
}

# directory: what a start will find, for a shell on a machine: snapshot files, those among them that
# are not whole, and the generations of the log's segments (8 bytes at 24: kmod/core/kq_wal_format.h)
# shellcheck disable=SC2016
directory='cd /var/lib/kquorum/demo && perl -e '\''
	print "file $_ ", -s $_, "\n" for <snapshot-*>;
	for (<segment-*>) {
		open F, $_ and sysseek F, 24, 0 and sysread F, $b, 8;
		print "generation ", unpack("Q<", $b), "\n";
	}'\''
	for f in snapshot-*.kqs; do
		[ ! -e "$f" ] || kquorum snapshot verify "$f" >/dev/null 2>&1 || echo "broken $f"
	done'

# generations: of what directory says: the newest one, and how many files have been used at all
generations()
{
	awk '$1 == "generation" && $2 { files++; if ($2 > n) n = $2 } END { print n + 0, files + 0 }'
}

# steps BEFORE USED: of what directory says, which steps did the cut leave, when the newest snapshot
# was that of index BEFORE and the log refers to that of USED? One word each:
#   save-begun    a file that is being saved, with the size
#   ship-part     a part of another node's
#   finished      a whole file that the log does not refer to yet
#   in-use        the log refers to one, and the one before is still there
#   alone         the log refers to a new one, which is the only one
#   before        nothing of all that
steps()
{
	awk -v before="$1" -v used="$2" '
		$1 == "file" && $2 ~ /\.new$/ { print "save-begun" }
		$1 == "file" && $2 ~ /\.part$/ { print "ship-part" }
		$1 == "file" && $2 ~ /\.kqs$/ {
			split($2, name, "-")
			if (name[2] + 0 > used + 0) finished = 1
			if (name[2] + 0 < used + 0) older = 1
			if (name[2] + 0 == used + 0) there = 1
		}
		END {
			if (used > 0 && !there) print "MISSING"
			if (finished) print "finished"
			if (older) print "in-use"
			else if (used + 0 > before + 0) print "alone"
			else if (!finished) print "before"
		}'
}

# looked_at NODE WHAT: it has booted after a cut in the midst of WHAT; its node starts, without daemon.
# Sets used; 1: it does not run.
looked_at()
{
	local node=$1 found status left step
	found=$(on "$node" sh -c "$directory; kquorum start --no-daemon --dir . >/tmp/start 2>&1 || cat /tmp/start
		echo; kquorum status -j | tr -d '\n\t'")
	status=$(tail -n 1 <<<"$found")
	used[$node]=$(jq '.snapshot.index // 0' <<<"$status" 2>/dev/null)
	left=$(steps "${before[$node]:-0}" "${used[$node]:-0}" <<<"$found" | sort -u | tr '\n' ' ')
	segments_used[$node]=$(generations <<<"$found")
	note "$node has ${left% }: $(awk '/^file snapshot-/ { printf "%s%s (%s)", sep, $2, $3; sep = ", " }' \
		<<<"$found"); its log refers to ${used[$node]}," \
		"segments opened, files used: ${segments_used[$node]}"
	for step in $left; do met["$2 $step"]=$((${met["$2 $step"]:-0} + 1)); done
	if grep -q '^broken' <<<"$found" || [[ $left = *MISSING* ]]; then
		note "$node: a finished snapshot is not whole, or missing: $(grep '^broken' <<<"$found")"
	elif [ "$(jq -r .state <<<"$status")" = running ]; then
		return 0
	fi
	grep -vE '^(generation|file snapshot-)' <<<"$found" | cut -c1-500 | sed "s/^/#   $node: /"
	return 1
}

# returns WHAT NODE...: their power comes back; all of them have to run
returns()
{
	local what=$1 node ok=0
	shift
	vc boot --bare "$@" || { note "$* do not boot"; return 1; }
	for node; do looked_at "$node" "$what" || ok=1; done
	for node; do daemon_starts "$node" || ok=1; done
	return $ok
}

# daemon_starts NODE: and with it what goes on in that machine all the time, while the file "saving" is
# there: a snapshot is saved after the other, and another program syncs the file system in the midst
# shellcheck disable=SC2016
daemon_starts()
{
	on "$1" sh -c 'kquorum start --dir "$0" >/dev/null || exit
		setsid sh -c "while sleep 2; do
			while [ -e /run/kq-common/saving ]; do
				pkill -USR1 -x kquorumd; sleep 0.1; sync -f $0; sleep 0.6
			done
		done" "$0" >/dev/null 2>&1 </dev/null &' $STATE && return
	note "$1: its daemon does not start"
	return 1
}

# snapshots_all_the_time: settings for that; and what is sent takes some seconds
snapshots_all_the_time()
{
	local node
	for node in n1 n2 n3; do
		# shellcheck disable=SC2016
		on $node sh -c 'cd "$0" &&
			sed -i "/^.snapshot/,/^rate/s/^rate = .*/rate = 65536/" kquorum.conf &&
			sync && pkill -HUP -x kquorumd' $STATE || note "$node: no settings"
		daemon_starts $node
	done
	holders_start
}

# --- each step on purpose ---------------------------------------------------------------

# arm NODE FLUSH SECONDS: it is to lose its power before that flush from now on, at the latest after
# so many seconds
arm()
{
	before[$1]=$(snap_index "$1")
	vc power-cut --seed $((seed + $2)) --at-flush "$2" --within "$3" "$1" >"$KQ_VM_CLUSTER/cut.$1" 2>&1 &
	arming[$1]=$!
	within 10 armed "$1" || note "the cut of $1 comes late"
}

# was_cut NODE WHAT: so it has; 1: what was under way was over before
was_cut()
{
	local said
	wait "${arming[$1]}"
	said=$(tail -n 1 "$KQ_VM_CLUSTER/cut.$1")
	note "$2: $said"
	[[ $said != *late* ]]
}

# leader_among NODE...: those, and not others that are on, agree on it within a minute
leader_among()
{
	local node
	for node; do
		within 120 is "$node" '.quorum and .leader_node != null' || return
	done
	st "$1" .leader_node
}

# calm NODE...: nothing is written there any more
calm()
{
	within 180 all_held "$@" || note "not all of $* have got their locks"
	within 120 same_applied "$@" || note "$* do not apply the same"
}

followers() { others_than "$(vc leader 120)"; }

# a_line NODE: appended there, so that there is something to save
a_line() { on "$1" kquorum append --wait 60s "line $RANDOM" >/dev/null; }
# big_lines NODE COUNT: of 8000 bytes, appended there
big_lines()
{
	# shellcheck disable=SC2016
	vc exec -t 120 "$1" sh -c 'line=$(head -c 8000 /dev/zero | tr "\0" x)
		yes "$line" | head -n "$0" | kquorum append --wait 60s -' "$2" >/dev/null
}

# both_at FLUSH WHAT ACT...: both followers are cut, one before that flush of what ACT has them do, one
# before the next one, and return. Sets late to how many were cut after all of that, and idle to how
# many when nothing had come of it, as may be on a busy host; 1: one does not come back.
both_at()
{
	local flush=$1 what=$2 node nodes act after=()
	shift 2
	mapfile -t nodes < <(followers)
	calm n1 n2 n3
	arm "${nodes[0]}" "$flush" $SECONDS_MAX
	arm "${nodes[1]}" $((flush + 1)) $SECONDS_MAX
	"$@" "${nodes[@]}" >/dev/null 2>&1 &
	act=$!
	for node in "${nodes[@]}"; do was_cut "$node" "$what" || after+=("$node"); done
	kill $act 2>/dev/null
	wait $act
	returns "$what" "${nodes[@]}" || return
	late=0 idle=0
	for node in "${after[@]}"; do
		if [ "${used[$node]}" -gt "${before[$node]}" ]; then
			late=$((late + 1))
		else
			idle=$((idle + 1))
		fi
	done
}

save_both() { save_now "$1"; save_now "$2"; }

# save_steps: followers are cut before flush 1, 2, 3 ... of one save
save_steps()
{
	local flush=1 try late=0 idle=0 bad=0
	for ((try = 1; try <= 20 && bad == 0 && late < 2; try++)); do
		calm n1 n2 n3
		a_line "$(vc leader 120)"
		both_at $flush save save_both || bad=1
		[ $idle != 0 ] || flush=$((flush + 2))
	done
	check $bad "cut before each of $((flush - 1)) flushes of a save, a node starts"
}

# falls_behind NODE: it has no power; the log of the others begins anew behind all that it has. It is
# up again then, its node without daemon. Sets target: the index that the others' logs begin with.
falls_behind()
{
	local node last others
	mapfile -t others < <(others_than "$1")
	last=$(st "$1" .last_index)
	vc power-cut --seed $((seed + RANDOM)) "$1" >/dev/null
	leader_among "${others[@]}" >/dev/null
	big_lines "${others[0]}" 90
	for node in "${others[@]}"; do
		saves_above "$node" $((last + 80)) || note "$node does not save"
	done
	for node in "${others[@]}"; do on "$node" kquorum stop --wait 30s >/dev/null; done
	for node in "${others[@]}"; do on "$node" kquorum start --dir $STATE >/dev/null; done
	vc boot --bare "$1" && looked_at "$1" away || return
	target=$(st "$(leader_among "${others[@]}")" .first_index)
	note "$1 has $last, the others' log begins with $target"
	[ "$target" -gt $((last + 1)) ]
}

daemon_now() { on "$1" kquorum start --dir $STATE; }

# ship_steps: a node that was away is cut before flush 1, 2, 3 ... of what its daemon does from its
# start on: greetings, a snapshot that comes, and is placed and installed, a log that begins anew.
# Three cuts after that are enough: what it flushes from then on is a follower's log, without end.
ship_steps()
{
	local flush=1 try node late bad=0 behind=0
	node=$(followers | head -n 1)
	falls_behind "$node" || bad=1
	for ((try = 1; try <= 40 && bad == 0; try++)); do
		# shellcheck disable=SC2046
		calm $(others_than "$node")
		late=no
		arm "$node" $flush $((2 * SECONDS_MAX))
		daemon_now "$node" >/dev/null 2>&1
		was_cut "$node" ship || late=yes
		vc boot --bare "$node" && looked_at "$node" ship || bad=1
		if [ "${used[$node]:-0}" -ge $((target - 1)) ]; then
			behind=$((behind + 1))
			[ $late = no ] || break
			[ $behind -le 3 ] || break
			falls_behind "$node" || bad=1
		fi
		# else, on a busy host, it was not even late: once more
		[ $late = yes ] || flush=$((flush + 1))
	done
	daemon_starts "$node" || bad=1
	check $bad "cut before each of $((flush - 1)) flushes of a snapshot that comes, a node starts"
}

BIG=12288		# bytes that a big line takes when it is written alone

# room NODE: in the segment that it writes, for all but one more of these
room() { echo $((SEGMENT - BIG - $(st "$1" .disk.offset_bytes))); }

# fill NODE: big lines are appended until it has none
fill()
{
	local i room
	for ((i = 0; i < 20; i++)); do
		room=$(room "$1")
		[ "$room" -gt 0 ] || return 0
		big_lines "$1" $((room < BIG ? 1 : room / BIG))
		within 60 same_applied n1 n2 n3
	done
	return 1
}

# more_lines NODE...: three are appended, not there, one by one: each is a write of its own
more_lines()
{
	local i node
	for node in n1 n2 n3; do [[ " $* " = *" $node "* ]] || break; done
	for i in 1 2 3; do big_lines "$node" 1; done
}

# recycle_steps: followers are cut before each of the first writes to a segment that is used again
recycle_steps()
{
	local flush node nodes step late=0 idle=0 bad=0
	local -A opened=()
	for flush in 1 1 2 3; do
		calm n1 n2 n3
		mapfile -t nodes < <(followers)
		a_line "${nodes[0]}"
		for node in "${nodes[@]}"; do
			saves_above "$node" "$(snap_index "$node")" || note "$node does not save"
			fill "$node" || note "$node: its segment is not full"
		done
		opened=()
		for node in "${nodes[@]}"; do
			# what was appended for the other one may have filled its next segment in part
			[ "$(room "$node")" -gt 0 ] || opened[$node]=$(on "$node" sh -c "$directory" | generations)
		done
		both_at $flush recycle more_lines || bad=1
		for node in "${!opened[@]}"; do
			step="recycle opened"
			[ "${segments_used[$node]}" != "${opened[$node]}" ] || step="recycle lost"
			# a file that was never used before is none that is used again
			[ "${segments_used[$node]#* }" = "${opened[$node]#* }" ] || step="recycle new"
			met[$step]=$((${met[$step]:-0} + 1))
		done
	done
	check $bad "cut while a segment is used again, a node starts"
}

# each_step_was_met: what was to be shown has been there
each_step_was_met()
{
	local step missing=''
	for step in "save before" "save save-begun" "save finished" "save in-use" "save alone" \
			"ship before" "ship ship-part" "ship finished" "recycle opened" "recycle lost"; do
		[ "${met[$step]:-0}" -gt 0 ] || missing+=", $step"
	done
	[ "$((${met["ship in-use"]:-0} + ${met["ship alone"]:-0}))" -gt 0 ] || missing+=", ship installed"
	for step in "${!met[@]}"; do echo "$step: ${met[$step]}"; done | sort | sed 's/^/# left by a cut: /'
	[ -z "$missing" ] || note "no cut left: ${missing#, }"
	check "$(truth [ -z "$missing" ])" "each step of save, ship, install and recycling was left by a cut"
}

# --- at random --------------------------------------------------------------------------

# choose: sets nodes and how: one machine, now and then two or all three; now, or at one of the next
# flushes
choose()
{
	local all=(n1 n2 n3) i
	i=$((RANDOM % 3))
	case $((RANDOM % 8)) in
	0) nodes=(n1 n2 n3) ;;
	1) nodes=("${all[i]}" "${all[(i + 1) % 3]}") ;;
	*) nodes=("${all[i]}") ;;
	esac
	how=()
	[ $((RANDOM % 3)) = 0 ] || how=(--at-flush $((RANDOM % 8 + 1)))
}

# cut_and_return I: sets bad when a machine does not come back
cut_and_return()
{
	before=()
	note "cut $1: $(acked_count) acknowledged; ${nodes[*]} ${how[*]}"
	vc power-cut --seed $((seed + $1)) "${how[@]}" "${nodes[@]}" | sed 1d | sed 's/^/#   /'
	sleep "$((RANDOM % 2)).$((RANDOM % 10))"
	returns random "${nodes[@]}" || bad=1
}

# single_cut I: one machine is cut; the locks of those that keep their power are to survive that, for
# as long as a new leader takes less than a lease. Counts in survived and perished.
single_cut()
{
	local node run
	local -A had=()
	for node in $(others_than "${nodes[0]}"); do
		run=$(holding "$node") && had[$node]=$run
	done
	cut_and_return "$1"
	for node in "${!had[@]}"; do
		if [ "$(holding "$node")" = "${had[$node]}" ]; then
			survived=$((survived + 1))
		else
			perished=$((perished + 1))
		fi
	done
}

# away I: one machine is away while the others lose their power too, so that their log begins anew
# behind what it has; they send it a snapshot, and in the midst of that the next one is cut
away()
{
	local node
	node=n$((RANDOM % 3 + 1))
	nodes=("$node") how=()
	note "cut $1: $(acked_count) acknowledged; $node, which stays away for a while"
	vc power-cut --seed $((seed + $1)) $node | sed 1d | sed 's/^/#   /'
	mapfile -t nodes < <(others_than $node)
	work_goes_on || note "nothing is acknowledged without $node"
	big_lines "${nodes[0]}" 90
	sleep 2
	cut_and_return "$1"
	leader_among "${nodes[@]}" >/dev/null || note "no leader without $node"
	returns random $node || bad=1
	sleep "$((RANDOM % 4)).$((RANDOM % 10))"
}

# random_snapshot_cuts N
random_snapshot_cuts()
{
	local i bad=0 stuck=0 differ=0 lost=0 survived=0 perished=0 node
	touch "$KQ_VM_CLUSTER/common/saving"
	for ((i = 1; i <= $1; i++)); do
		if [ $((RANDOM % 5)) = 0 ]; then
			away $i
		else
			work_goes_on || { stuck=$((stuck + 1)); note "nothing is acknowledged"; }
			sleep "$((RANDOM % 3)).$((RANDOM % 10))"
			choose
			if [ ${#nodes[@]} = 1 ]; then single_cut $i; else cut_and_return $i; fi
		fi
		[ $bad = 0 ] || break
		[ $((i % 5)) != 0 ] && [ $i != "$1" ] && continue
		work_goes_on || { stuck=$((stuck + 1)); note "nothing is acknowledged"; }
		states_agree || differ=$((differ + 1))
		touch "$KQ_VM_CLUSTER/common/saving"
	done
	check $bad "after each of $1 power cuts at random every node starts"
	check "$(truth [ $stuck = 0 ])" "and the work goes on"
	check "$(truth [ $differ = 0 ])" "and state checksums agree"
	within 90 all_held n1 n2 n3 || lost=1
	check $lost "each machine gets its locks again, and holds them"
	note "of those of machines that kept their power: survived $survived times, lost $perished times"
	check "$(truth [ $((survived > 0 || perished == 0)) = 1 ])" \
		"who keeps its power keeps its locks while another machine is cut"
	for node in n1 n2 n3; do note "$node: segments opened, files used: ${segments_used[$node]:-?}"; done
}
