#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Three nodes on one kernel: its clock is steered as fast as it can be and set by hours, which changes
# nothing; then it goes to sleep, as far as the test of the kernel's own does (/sys/power/pm_test): leases
# are gone.
# shellcheck source=tests/e2e/guest/lib.sh
. "$(dirname "$0")/lib.sh"
ONLY=$*

# steer TICK_US PPM: how the kernel is to run CLOCK_MONOTONIC and CLOCK_BOOTTIME (adjtimex; 10000 0 is as ever)
steer()
{
	perl -e '
		my $timex = pack("Lx4 q q x16 x8 x24 x16 q x112", 0x4000 | 0x2, 0, $ARGV[1] * 65536, $ARGV[0]);
		syscall(159, $timex) >= 0 or die "adjtimex: $!\n"' "$1" "$2"
}

# measure PID SECONDS: how much of its lease passes in that time by the kernel clock that nobody steers, then
# how much of that clock's time CLOCK_MONOTONIC counts; both in percent
measure()
{
	perl -MTime::HiRes=clock_gettime,sleep -e '
		my ($pid, $s) = @ARGV;
		my ($file) = grep { open(my $f, "<", $_) && grep(/^kquorum-left-ms/, <$f>) } glob "/proc/$pid/fdinfo/*";
		die "process $pid has no lock\n" unless defined $file;
		sub look {
			open(my $f, "<", $file) or die "$file: $!\n";
			my ($left) = map { /^kquorum-left-ms:\s+(\d+)/ } <$f>;
			return (clock_gettime(4), clock_gettime(1), $left / 1000);	# raw, monotonic
		}
		my @a = look;
		sleep $s;
		my @b = look;
		die "the lease is over\n" unless $b[2];
		printf "%.1f %.1f\n", 100 * ($a[2] - $b[2]) / ($b[0] - $a[0]), 100 * ($b[1] - $a[1]) / ($b[0] - $a[0]);' "$@"
}

# between X LOW HIGH
between() { awk -v x="$1" -v low="$2" -v high="$3" 'BEGIN { exit !(x >= low && x <= high) }'; }

# has_lock PID: the process has a lock handle
has_lock() { grep -qs '^kquorum-state:.granted' "/proc/$1/fdinfo/"*; }

# holder: a follower takes the lock; sets $h to its number, $pid to the process that has it
holder()
{
	agree_in 60 || return 1
	h=$((leader % 3 + 1))
	wait_for 60 st_is $h '.session_left_ms > 0' || return 1
	ip netns exec "kq$h" kquorum lock db -- sleep 1000 2>"$WORK/lock.err" &
	pid=$!
	wait_for 60 has_lock $pid
}

a_steered_clock_changes_no_lease()
{
	local how tick ppm low high lease clock
	ok "a follower holds a lock" holder
	for how in "11000 500 107 113" "9000 -500 87 93"; do
		read -r tick ppm low high <<<"$how"
		ok "the clock is steered: tick $tick, frequency $ppm ppm" steer "$tick" "$ppm"
		# nobody renews it meanwhile
		ip -n "kq$h" link set eth0 down
		sleep 1
		run measure "$pid" 5
		ip -n "kq$h" link set eth0 up
		steer 10000 0
		read -r lease clock <<<"$out"
		ok "its time passes at $clock % of the raw clock's" between "${clock:-0}" "$low" "$high"
		ok "a lease passes at $lease %: $out" between "${lease:-0}" 97 103
		becomes "it is renewed again" 60 st_is "$h" '.session_left_ms > 30000'
	done
	ok "the lock is held all the time" has_lock "$pid"
}

a_clock_that_is_set_changes_nothing()
{
	local term session
	term=$(st "$h" .term) session=$(st "$h" .session)
	ok "the wall clock is set five hours ahead" date -s '+5 hours'
	sleep 3
	ok "and ten hours back" date -s '-10 hours'
	sleep 3
	is "$(st "$h" .term)" "$term" "no election follows"
	is "$(st "$h" .session)" "$session" "the session goes on"
	ok "the lock is held" has_lock "$pid"
	date -s '+5 hours' >/dev/null
}

no_clock_is_found_off()
{
	is "$(st "$leader" '[.nodes[] | select(.clock_off != null)] | length')" 0 \
		"one kernel has one clock: none is found off"
	becomes "the leader has measured the others" 180 \
		st_is "$leader" '[.nodes[] | select(.self | not) | .rate_max_ppm] | all(. != null)'
	ok "and finds no difference" st_is "$leader" \
		'[.nodes[] | select(.self | not) | .rate_min_ppm <= 0 and .rate_max_ppm >= 0] | all'
}

a_machine_that_sleeps_loses_its_leases()
{
	local session
	session=$(st "$h" .session)
	echo freezer >/sys/power/pm_test
	ok "the machine goes to sleep, and wakes" timeout 120 sh -c 'echo freeze >/sys/power/state'
	echo none >/sys/power/pm_test
	rc=0
	wait "$pid" || rc=$?
	is "$rc" 70 "the lock was lost: $(cat "$WORK/lock.err")"
	becomes "the nodes have sessions again" 180 st_is "$h" ".session_left_ms > 0 and .session != $session"
	becomes "a lock is granted again" 60 kq "$h" lock -w 50 db -- true
}

ok "three nodes start" bring_up /tmp/kq
becomes "three nodes elect one leader" 60 agree_in 1
run_tests a_steered_clock_changes_no_lease a_clock_that_is_set_changes_nothing no_clock_is_found_off \
	a_machine_that_sleeps_loses_its_leases
nodes_down 1 2 3
finish
