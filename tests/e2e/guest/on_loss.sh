# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What the module does by itself before a lease ends, with every process stopped or killed that could do
# it instead. Sourced by cluster.sh.

# --- the commands of holders: each writes the number of its process, then stamps, as heart does

# stubborn FILE: does not mind SIGTERM
stubborn()
{
	trap '' TERM
	echo $BASHPID >"$1.pid"
	heart "$1"
}

# obedient FILE: ends at SIGTERM, and writes when that was
obedient()
{
	trap 'boot_ms; echo "$boot_ms" >"$1.told"; exit 0' TERM
	echo $$ >"$1.pid"
	heart "$1"
}

# caged FILE KILL_MS: says by itself what is to be killed: its process, and the cgroup of descriptor 9
caged()
{
	on_loss_write $$ 2 0 0 "$2" 9 || exit
	echo $$ >"$1.pid"
	heart "$1"
}

# family FILE: a child of it stamps, and does not mind SIGTERM
family()
{
	stubborn "$1" &
	wait
}

# on_loss_write PID FLAGS SIGNAL WARN_MS KILL_MS CGROUP_FD: struct kquorum_on_loss, to the lock handle that
# was inherited
on_loss_write()
{
	perl -e '
		for my $path (glob "/proc/self/fd/*") {
			next unless (readlink($path) // "") =~ /kquorum-lock/;
			my ($fd) = $path =~ m{(\d+)$};
			open(my $lock, "+<&=", $fd) or die "descriptor $fd: $!\n";
			(syswrite($lock, pack("lLLLLlx8", @ARGV)) // 0) == 32 or die "write: $!\n";
			exit 0;
		}
		die "no lock handle was inherited\n"' -- "$@"
}

# --- what is seen of it

# told_module PID: it knows whom to stop
told_module() { grep -qs '^kquorum-on-loss:' "/proc/$1/fdinfo/"*; }
# log_tells SIGNAL WHOM: the kernel log has it
log_tells() { dmesg | grep -q "ms left: signal $1 to $2\$"; }
# dead PID: it runs no more, be it that nobody has waited for it
dead() { ! grep -qs '^State:.[^ZX]' "/proc/$1/status"; }

# lease_end NODE: sets $deadline to when its session ends, in ms. It is renewed no more. The clock is read
# first, so the true one is not before that, and the fastest of some looks is next to it.
lease_end()
{
	local i left
	deadline=0
	for i in 1 2 3; do
		boot_ms
		left=$(st "$1" '.session_left_ms | floor')
		[ $((boot_ms + ${left:-0})) -le "$deadline" ] || deadline=$((boot_ms + ${left:-0}))
	done
}

module_stops_holders_before_the_lease_ends()
{
	local h o at=$WORK/loss cage=/sys/fs/cgroup/kquorum-loss pids inmate waiter deadline granted last rc1 k
	mkdir "$at" "$cage"
	agree_in 60
	h=$((leader % 3 + 1)) o=$leader
	becomes "a follower has a session" 30 st_is $h '.session_left_ms > 0'
	ip netns exec "kq$h" kquorum lock stubborn -- "$0" stubborn "$at/stubborn" 2>/dev/null &
	pids=($!)
	ip netns exec "kq$h" kquorum lock obedient -- "$0" obedient "$at/obedient" 2>/dev/null &
	pids+=($!)
	# of a session of its own: no signal to a process group reaches it
	setsid sleep 1000 &
	inmate=$!
	echo $inmate >"$cage/cgroup.procs"
	ip netns exec "kq$h" kquorum lock --inherit --on-loss=ignore caged -- "$0" caged "$at/caged" 1000 \
		9>"$cage/cgroup.kill" 2>"$at/caged.err" &
	pids+=($!)
	for k in stubborn obedient caged; do
		becomes "the command of the lock '$k' runs" 30 [ -s "$at/$k" ]
	done
	for k in 0 1 2; do
		ok "the module knows whom to stop ($k)" told_module "${pids[k]}"
	done
	ip netns exec "kq$o" kquorum lock stubborn -- "$0" stamp "$at/granted" &
	waiter=$!
	becomes "another node waits for the first" 30 waiting "$o" stubborn 1

	kill -STOP "${pids[@]}"
	ok "each kquorum is stopped, the daemon of n$h killed" kill_daemon $h
	cluster partition n$h
	# its last renewal may still be under way
	sleep 1
	lease_end $h
	rc1=0
	timeout 90 tail --pid=$waiter -f /dev/null || rc1=$?
	is "$rc1" 0 "the next in line is granted"
	granted=$(cat "$at/granted" 2>/dev/null || echo 0)

	last=$(tail -n 1 "$at/stubborn")
	ok "after the end of a command that ignores SIGTERM (at $last ms, granted at $granted ms)" \
		[ "$last" -lt "$granted" ]
	ok "which came before the end of the lease (at $deadline ms)" [ "$last" -le "$deadline" ]
	k=$(cat "$at/stubborn.pid")
	ok "it is gone" dead "$k"
	becomes "the kernel log tells of SIGTERM" 10 log_tells 15 "process group $k"
	becomes "and of SIGKILL" 10 log_tells 9 "process group $k"

	last=$(cat "$at/obedient.told" 2>/dev/null || echo 0)
	ok "one that obeys SIGTERM has it before the end of the lease (at $last ms)" \
		[ "$last" -gt 0 -a "$last" -le "$deadline" ]
	ok "and ends by itself" [ "$(tail -n 1 "$at/obedient")" -le "$last" ]
	k=$(cat "$at/obedient.pid")
	becomes "at the signal that the kernel log tells of" 10 log_tells 15 "process group $k"

	last=$(tail -n 1 "$at/caged")
	ok "one that only SIGKILL was asked for is killed in time (at $last ms)" [ "$last" -le "$deadline" ]
	becomes "so is all that is in its cgroup" 10 dead $inmate

	kill -CONT "${pids[@]}"
	wait "${pids[0]}"
	is "$?" 70 "kquorum goes on, and its lock exits 70"
	wait "${pids[1]}"
	is "$?" 70 "so does the other"
	kill -KILL "${pids[2]}" $inmate 2>/dev/null
	wait "${pids[2]}" $inmate 2>/dev/null
	cluster heal
	kq $h start --dir "/tmp/kq/n$h" >/dev/null
	becomes "the node comes back" 60 agree_in 1
	becomes "with a new session" 60 st_is $h '.session_left_ms > 0'
	becomes "the cgroup is empty" 10 rmdir "$cage"
}

killed_holder_takes_its_command_along()
{
	local at=$WORK/killed pid waiter last granted
	mkdir "$at"
	ip netns exec kq2 kquorum lock orphans -- "$0" family "$at/child" 2>/dev/null &
	pid=$!
	becomes "a child of the command runs" 30 [ -s "$at/child" ]
	ip netns exec kq3 kquorum lock orphans -- "$0" stamp "$at/granted" &
	waiter=$!
	becomes "another node waits" 30 waiting 3 orphans 1
	kill -KILL $pid
	timeout 60 tail --pid=$waiter -f /dev/null
	granted=$(cat "$at/granted" 2>/dev/null || echo 0)
	ok "it is granted when kquorum is killed (at $granted ms)" [ "$granted" -gt 0 ]
	ok "the child is gone" dead "$(cat "$at/child.pid")"
	last=$(tail -n 1 "$at/child")
	ok "and was before that (at $last ms)" [ "$last" -le "$granted" ]
	wait $pid $waiter 2>/dev/null
}
