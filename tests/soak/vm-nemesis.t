#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Three machines, clients and a nemesis: 10 minutes (KQ_SECONDS) on each kernel (KQ_KERNEL: on that one)
# Power, stalls, partitions, lossy links, clocks set back and forth, file systems that are full, disks
# that hang, daemons killed. What the clients saw is linearizable and durable. KQ_SEED repeats choices.
set -u
cd "$(dirname "$(realpath "$0")")/../.." || exit 1
# shellcheck source=tests/machines/lib.sh
. tests/machines/lib.sh
# shellcheck source=tests/nemesis/faults.sh
. tests/nemesis/faults.sh

DIR=/var/lib/kquorum
ELECTION_MS=3000	# of --rtt-scale 3
# shellcheck disable=SC2034	# faults.sh draws of them
kinds=(power stall isolate mute netem clock full hang daemon cable transfer)

report()
{
	check "$1" "$2"
	[ "$1" = 0 ] || [ -z "${3-}" ] || sed 's/^/# /' <<<"$3"
}
pause() { sleep "$1"; }

# answers I: the machine is on and runs
answers() { [ "${down[$1]-}" = '' ]; }

# there I CMD...: on machine I, if it can answer; never for long
there() { answers "$1" && vc exec -t 20 "n$1" "${@:2}"; }

leader_now()
{
	local i
	leader_now=
	for i in 1 2 3; do
		there $i kquorum status -j 2>/dev/null | jq -en 'input | .role == "leader" and .quorum' >/dev/null || continue
		leader_now=$i
		return
	done
}

power_start()
{
	local how=()
	answers "$1" || return 0
	down[$1]=power
	[ $((RANDOM % 2)) = 0 ] || how=(--in-write)
	vc power-cut --seed $RANDOM "${how[@]}" "n$1"
}
power_end()
{
	[ "${down[$1]-}" = power ] || return 0
	vc boot "n$1"
	down[$1]=
}
stall_start()
{
	answers "$1" || return 0
	down[$1]=stall
	vc stall "n$1"
}
stall_end()
{
	[ "${down[$1]-}" = stall ] || return 0
	vc wake "n$1"
	down[$1]=
}
isolate_start() { vc isolate "n$1"; }
isolate_end() { vc heal; }
# what it says to the others is lost, it hears them
mute_start()
{
	local other
	for other in $(others_than "n$1"); do vc cut-oneway "n$1" "$other"; done
}
mute_end() { vc heal; }
netem_start() { there "$1" sh -c 'modprobe sch_netem; tc qdisc replace dev eth0 root netem delay 50ms 40ms loss 5% reorder 20%'; }
netem_end() { there "$1" tc qdisc del dev eth0 root; }
clock_start() { there "$1" sh -c "date -s '$((RANDOM % 48 - 24)) hours'"; }
clock_end() { there "$1" sh -c "date -s '$((RANDOM % 48 - 24)) hours'"; }
full_start() { there "$1" sh -c "fallocate -l \$(df --output=avail -k $DIR | tail -n 1)K $DIR/fill"; }
full_end() { there "$1" rm -f $DIR/fill; }
hang_start() { answers "$1" && vc disk "n$1" hang; }
hang_end() { answers "$1" && vc disk "n$1" resume; }
daemon_start() { there "$1" killall -KILL kquorumd; }
daemon_end() { there "$1" kquorum start --dir $DIR/demo; }
cable_start() { answers "$1" && vc link-down "n$1"; }
cable_end() { answers "$1" && vc link-up "n$1"; }
transfer_start() { [ -z "$leader_now" ] || there "$leader_now" kquorum transfer "n$1" --wait 10s; }
transfer_end() { :; }

# After the faults: everything a fault may have left behind, whatever it was.
all_mended()
{
	local i
	vc heal
	for i in 1 2 3; do
		stall_end $i
		power_end $i
		hang_end $i
		cable_end $i
		full_end $i
		netem_end $i
		daemon_end $i
	done >>"$FAULTS.log" 2>&1
}

has_leader() { vc leader 120 >/dev/null; }

nemesis_on() # KERNEL
{
	local kernel=$1 clients i last logs=() here
	down=()
	cluster_up soak-vm-nemesis --cpus 2
	here=$KQ_VM_CLUSTER
	FAULTS=$here/faults
	tests/nemesis/clients --history "$here/history" --seed "$seed" --think 0.3 \
		scripts/vm-cluster exec -i -t 7200 '{}' build/nemesis/worker 2>"$here/clients.log" &
	clients=$!
	random_faults "${KQ_SECONDS:-600}" 20
	all_mended
	check "$(truth has_leader)" "after the faults there is a leader"
	kill -TERM $clients
	wait $clients
	check "$(truth within 120 same_applied n1 n2 n3)" "all three machines apply the same entries"
	last=$(field n1 applied_index)
	for i in 1 2 3; do
		echo "log $last" | vc exec -i -t 200 n$i build/nemesis/worker >"$here/log.n$i"
		logs+=("$here/log.n$i")
	done
	judge $ELECTION_MS "$here/history" "${logs[@]}"
	kernels_are_clean
	if [ $failures != 0 ]; then
		rm -rf "build/vm-nemesis.$kernel"
		mkdir -p "build/vm-nemesis.$kernel"
		cp "$here/history" "${logs[@]}" "$FAULTS" "$FAULTS.log" "build/vm-nemesis.$kernel"
		note "history, logs and faults are in build/vm-nemesis.$kernel"
	fi
	cluster_end
}

make -s build/nemesis/worker build/nemesis/verify >&2
# shellcheck disable=SC2034	# for cluster_up
log_mib=96
for kernel in ${KQ_KERNEL:-6.1 6.12}; do
	nemesis_on "$kernel"
done
finish
