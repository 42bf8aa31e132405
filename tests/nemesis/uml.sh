#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Inside User Mode Linux: three nodes with real daemons, clients, and the nemesis for $KQ_SECONDS of
# virtual time, with every checker on. Then the judge of the history. $KQ_SEED repeats the choices.
# shellcheck source=tests/e2e/guest/lib.sh
. "$(dirname "$0")/../e2e/guest/lib.sh"
# shellcheck source=tests/nemesis/faults.sh
. tests/nemesis/faults.sh
MODULE=$PWD/build/uml/plain/kquorum.ko
PATH=$PWD/build/bin:$PATH
DIR=/mnt
FAULTS=$WORK/faults
RANDOM=$((KQ_SEED % 32768))
TRACING=/sys/kernel/tracing
ELECTION_MS=4000	# of --rtt-scale 4
read -r -a kinds <<<"${KQ_KINDS:-daemon stop cut mute netem carrier hang_daemon hang_clients kill_clients transfer no_memory}"

# To start a program costs much here (KASAN): the faults do with what the shell itself can.
exec {never}<> <(:)
pause() { read -r -t "$1" -u "$never" _; true; }

# asks_start: a worker in each namespace that answers the script's own questions
asks_start()
{
	local i
	for i in 1 2 3; do
		mkfifo "$WORK/ask.$i" "$WORK/answer.$i"
		ip netns exec "kq$i" build/nemesis/worker <"$WORK/ask.$i" >"$WORK/answer.$i" &
		askers+=" $! "
		exec {to[i]}>"$WORK/ask.$i" {from[i]}<"$WORK/answer.$i"
	done
}

# ask I QUESTION: sets $answer
ask()
{
	echo "$2" >&"${to[$1]}"
	read -r -a answer -u "${from[$1]}"
}

# leader_now: sets $leader_now, empty when nobody leads a quorum
leader_now()
{
	local i
	leader_now=
	for i in 1 2 3; do
		ask $i status
		[ "${answer[0]} ${answer[1]-}" = "ok 3" ] || continue
		[ "${answer[2]}" = 0 ] || leader_now=$i
	done
}

# agreed: all name one leader, and each has applied all that there is
agreed()
{
	local i leader=
	for i in 1 2 3; do
		ask $i status
		[ "${answer[0]}" = ok ] && [ "${answer[2]}" != 0 ] && [ "${leader:-${answer[2]}}" = "${answer[2]}" ] &&
			[ "${last:-${answer[4]}}" = "${answer[4]}" ] && [ "${answer[4]}" = "${answer[6]}" ] || return 1
		leader=${answer[2]} last=${answer[4]}
	done
}

# until_true SECONDS CMD...
until_true()
{
	local k
	for ((k = $1 * 20; k > 0; k--)); do
		last=
		! "${@:2}" || return 0
		pause 0.05
	done
	return 1
}

# processes I NAME: of node I's namespace; sets $found. Not those of the script.
processes()
{
	local p comm
	found=()
	for p in /proc/[0-9]*; do
		[ "$p/ns/net" -ef "/run/netns/kq$1" ] && read -r comm <"$p/comm" && [ "$comm" = "$2" ] || continue
		[[ $askers == *" ${p#/proc/} "* ]] || found+=("${p#/proc/}")
	done 2>/dev/null
}

# signal NAME I PROCESS
signal()
{
	processes "$2" "$3"
	[ ${#found[@]} = 0 ] || kill "-$1" "${found[@]}"
}
is_gone() { [ ! -e "/proc/$1" ]; }

daemon_start()
{
	signal KILL "$1" kquorumd
	[ ${#found[@]} = 0 ] || until_true 20 is_gone "${found[0]}"
}
daemon_end() { start_node "$1" "$DIR/n$1"; }
stop_start() { kq "$1" stop --force --wait 60s; }
stop_end() { start_node "$1" "$DIR/n$1"; }
cut_start() { ip -n kqbr link set "port$1" master br1; }
cut_end() { ip -n kqbr link set "port$1" master br0; }
# what it says is lost, it hears the others
mute_start() { tc -n "kq$1" qdisc replace dev eth0 root netem loss 100%; }
mute_end() { netem_end "$1"; }
netem_start() { tc -n "kq$1" qdisc replace dev eth0 root netem delay 80ms 60ms loss 5% reorder 20% duplicate 5%; }
netem_end() { tc -n "kq$1" qdisc del dev eth0 root; }
carrier_start() { ip -n kqbr link set "port$1" down; }
carrier_end() { ip -n kqbr link set "port$1" up; }
hang_daemon_start() { signal STOP "$1" kquorumd; }
hang_daemon_end() { signal CONT "$1" kquorumd; }
hang_clients_start() { signal STOP "$1" worker; }
hang_clients_end() { signal CONT "$1" worker; }
kill_clients_start() { signal KILL "$1" worker; }
kill_clients_end() { :; }
transfer_start() { [ -z "$leader_now" ] || kq "$leader_now" transfer "n$1" --wait 10s; }
transfer_end() { :; }

# Now this and now that allocation of the module's workers fails, whichever node they work for.
no_memory_start()
{
	build/nemesis/starve $RANDOM &
	starver=$!
}
no_memory_end()
{
	local p
	kill "$starver"
	wait "$starver" 2>/dev/null
	for p in /proc/[0-9]*/fail-nth; do echo 0 >"$p"; done 2>/dev/null
}

# trace_failures: keeps the stack of each allocation that fails. That is slow.
trace_failures()
{
	local event
	mount -t tracefs none $TRACING
	echo 8192 >$TRACING/buffer_size_kb
	for event in kmalloc kmem_cache_alloc; do
		echo 'stacktrace if ptr == 0' >$TRACING/events/kmem/$event/trigger || return
	done
}

# stacks: one line for each allocation that failed. The checker's own objects do not count.
stacks()
{
	awk '/<stack trace>/ { n++ } / => / { s[n] = s[n] " " $2 " " } / kmemleak_alloc/ { s[n] = "-" }
		END { for (i in s) print s[i] }' $TRACING/trace | grep -vx -- - >"$WORK/stacks"
}

# failed_in_each FUNCTION...: has an allocation failed below each of these?
failed_in_each()
{
	local function
	stacks
	for function; do
		grep -q " $function " "$WORK/stacks" || { echo "# none yet in $function"; return 1; }
	done
}

# report_failed FUNCTION...
report_failed()
{
	local function n
	echo "# $(wc -l <"$WORK/stacks") allocations of the module's workers failed; among them"
	for function; do
		n=$(grep -c " $function " "$WORK/stacks")
		report $((n == 0)) "some in $function ($n)"
	done
}

# starve SECONDS LONGEST FUNCTION...: faults while memory is short, until each FUNCTION had its share
starve()
{
	local k
	no_memory_start
	for ((k = 0; k < 20; k++)); do
		random_faults "$1" "$2"
		! failed_in_each "${@:3}" || break
	done
	no_memory_end
	report_failed "${@:3}"
}

# After the faults: everything a fault may have left behind, whatever it was.
all_mended()
{
	local i
	cluster heal
	for i in 1 2 3; do
		ip -n kqbr link set "port$i" up
		signal CONT $i kquorumd
		signal CONT $i worker
		start_node $i $DIR/n$i
	done >/dev/null 2>&1
}

leader_is_back() { leader_now; [ -n "$leader_now" ]; }

SEGMENTS=$((8 + KQ_SECONDS / 100))	# of 1 MiB, per node: the log is never shortened
ok "the module loads" insmod "$MODULE"
ok "a disk is there" loop_disk $((3 * SEGMENTS + 48)) $DIR
ok "three nodes start" bring_up $DIR --segment-size 1M --segments $SEGMENTS
ip -n kqbr link add br1 type bridge mcast_snooping 0
ip -n kqbr link set br1 up
mount -t debugfs none /sys/kernel/debug 2>/dev/null
echo 0 >/sys/kernel/debug/failslab/verbose
echo N >/sys/kernel/debug/failslab/ignore-gfp-wait
if [ -n "${KQ_STARVE-}" ]; then ok "failed allocations are recorded" trace_failures; fi
asks_start
until_true 60 agreed
report $? "and elect a leader" || show_cluster
# shellcheck disable=SC2016
tests/nemesis/clients --history "$WORK/history" --seed "$KQ_SEED" --think "$KQ_THINK" \
	sh -c 'exec ip netns exec "kq${1#n}" build/nemesis/worker' sh '{}' 2>"$WORK/clients.log" &
clients=$!
if [ -n "${KQ_STARVE-}" ]; then
	# shellcheck disable=SC2086	# names of functions
	starve "$KQ_SECONDS" "$KQ_LONGEST" $KQ_STARVE
else
	random_faults "$KQ_SECONDS" "$KQ_LONGEST"
fi
all_mended
until_true 120 leader_is_back
report $? "after the faults there is a leader" || show_cluster
kill -TERM $clients
wait $clients
until_true 120 agreed
report $? "and all apply all there is" || show_cluster
for i in 1 2 3; do
	ask $i status
	echo "log ${answer[6]-0}" | on $i build/nemesis/worker >"$WORK/log.n$i"
done
judge $ELECTION_MS "$WORK/history" "$WORK"/log.n?
[ $failed = 0 ] || sed 's/^/# /' "$FAULTS" "$FAULTS.log"
for i in 1 2 3; do exec {to[i]}>&- {from[i]}<&-; done
for i in 1 2 3; do ok "n$i stops" kq $i stop --force --wait 60s; done
cluster down >/dev/null
becomes "no object of the module is left" 30 no_objects
ok "the module unloads" rmmod kquorum
finish
