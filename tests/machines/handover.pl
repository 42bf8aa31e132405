#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0
# How long it takes until the next waiter has the lock, on three machines that run (--dir:
# scripts/vm-cluster's), --runs times each:
#
# process  kill -9 of the process that holds it, on the waiter's own machine and on another. Stated in
#          commit latencies: of appends on both machines just before each, from write() to the answer.
# death    the holder's machine says nothing any more: SIGSTOP, and it goes on only when all is
#          measured, which is no other thing for those that are left than a machine without power and
#          spares a boot; each --power-every'th time its power is cut in truth, and it boots again.
#
# A node's death must be over within the sum of its parts, or the run fails:
#	followed  lease + drift + 2 Delta, and 2 heartbeats: the renewal under way when it died, then the
#	          tick that finds the promise over and the entry that says so
#	led       2 E until the others stand for election (the longest timeout that they draw), E for the
#	          election itself, and then the same: who leads anew starts each lease from its beginning
# with E the shortest election timeout. What was left of the lease is as the dead one said last: one that
# was renewed after that shows in the rest. Ledger.pm says how times of two machines are compared; says
# "ok - ", "not ok - " and comments.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Getopt::Long;
use Ledger;

use constant WANTED_COMMITS => 2;
use constant SAMPLE_MS => 50;
use constant WATCH_MS => 20;

my ($dir, $runs, $seed, $power_every, $parts) = (undef, 10, 1, 5, 'process,death');
my %set = (lease => 4000, delta => 250, election => 3000, heartbeat => 300, drift => 500);
GetOptions('dir=s' => \$dir, 'runs=i' => \$runs, 'seed=i' => \$seed, 'power-every=i' => \$power_every,
	'parts=s' => \$parts, 'lease-ms=i' => \$set{lease}, 'delta-ms=i' => \$set{delta},
	'election-ms=i' => \$set{election}, 'heartbeat-ms=i' => \$set{heartbeat}, 'drift-ppm=i' => \$set{drift})
	&& $dir or die 'Usage: handover.pl --dir CLUSTER [--runs N] [--seed N] [--power-every N] '
	. '[--parts process,death] [--lease-ms N] [--delta-ms N] [--election-ms N] [--heartbeat-ms N] '
	. "[--drift-ppm N]\n";
srand $seed;
$| = 1;

my @machines = qw(n1 n2 n3);
my $ledger = Ledger->new(dir => $dir, log => "$dir.ledger");
my $failed = 0;

sub pick { return $_[rand @_] }
sub others { my ($not) = @_; return grep { $_ ne $not } @machines }
sub verdict { my ($bad, $text) = @_; $failed += $bad; print $bad ? 'not ok' : 'ok', " - $text\n" }

# The middle of what a machine's time can be here, and how far from it it can be.
sub host_us
{
	my ($low, $high) = $ledger->host_time(@_);
	return (($low + $high) / 2, ($high - $low) / 2);
}

# --- a process dies --------------------------------------------------------------------------

my (@commits, %took, @bounds, $stuck);

# One run; nothing: it did not come about.
sub process_dies
{
	my ($what, $holder, $waiter) = @_;
	for my $name ($holder, $waiter) {
		my $commit = $ledger->ask(40, $name, 'append', 'commit') or return;
		push @commits, $commit->[3];
	}
	$ledger->ask(60, $holder, 'child handed', 'child') or return;
	$ledger->tell($waiter, 'lock handed -');
	$ledger->await(30, $waiter, 'state', undef, 'queued') or return;
	$ledger->pause(0.02 + rand 0.1);
	my $killed = $ledger->ask(20, $holder, 'kill', 'killed') or return;
	my $granted = $ledger->await(60, $waiter, 'state', undef, 'granted') or return;
	my $us = $granted->[6] - $killed->[2];
	if ($holder ne $waiter) {
		my ($from, $from_error) = host_us($holder, $killed->[2]);
		my ($to, $to_error) = host_us($waiter, $granted->[6]);
		$us = $to - $from;
		push @bounds, ($from_error + $to_error) / 1000;
	}
	push @{ $took{$what} }, $us;
	$ledger->ask(30, $waiter, 'close', 'closed') or return;
	$ledger->forget;
	return 1;
}

sub process_runs
{
	my ($what) = @_;
	$ledger->ready(90) or return;
	$ledger->round;
	for my $run (1 .. $runs) {
		my $holder = pick(@machines);
		process_dies($what, $holder, $what eq 'same' ? $holder : pick(others($holder))) or return;
		print "# a process killed, $what machine: $run of $runs\n" if $run % 25 == 0;
	}
	return 1;
}

sub report_process
{
	my ($what, $text) = @_;
	my $commit = Ledger::median(@commits);
	my @us = @{ $took{$what} // [] } or return;
	print Ledger::distribution("kill -9 of a holder, $text", 'ms', map { $_ / 1000 } @us);
	print Ledger::distribution("kill -9 of a holder, $text", 'commits', map { $_ / $commit } @us);
	my $times = Ledger::median(@us) / $commit;
	printf "# aim, p50 at most %d commit latencies, %s: %.2f: %s\n", WANTED_COMMITS, $text, $times,
		$times <= WANTED_COMMITS ? 'MET' : 'MISSED';
}

sub process_part
{
	my $same = process_runs('same');
	verdict(!$same, "kill -9 of a holder, $runs times: the next waiter on its machine has the lock");
	my $other = $same && process_runs('other');
	verdict(!$other, "kill -9 of a holder, $runs times: the next waiter on another machine has the lock");
	return if !@commits;
	print Ledger::distribution('commit latency', 'ms', map { $_ / 1000 } @commits);
	report_process('same', 'waiter on the same machine');
	report_process('other', 'waiter on another machine');
	print Ledger::distribution('error of what two clocks are compared by: up to', 'ms', @bounds);
}

# --- a machine dies --------------------------------------------------------------------------

my $promise = do {
	my $rho = $set{drift} / 1e6;
	(1 + $rho) * ($set{lease} / (1 - $rho) + 2 * $set{delta});
};
my $drift = $promise - $set{lease} - 2 * $set{delta};
my %bound = (followed => $promise + 2 * $set{heartbeat});
$bound{led} = $bound{followed} + 3 * $set{election};
my (%part, @over, $why);

# Why a run has not come about: what was waited for, and did not come.
sub missed { $why = "@_"; return }

# Runs or waits with a lock: DEAD holds it and says what its handle says, WAITER waits, all others watch.
sub set_up
{
	my ($dead, $waiter) = @_;
	$ledger->tell($dead, 'lock left -');
	$ledger->await(60, $dead, 'state', undef, 'granted') or return missed("$dead does not get the lock");
	$ledger->tell($dead, 'samples', SAMPLE_MS);
	$ledger->tell($waiter, 'lock left -');
	$ledger->await(30, $waiter, 'state', undef, 'queued') or return missed("$waiter does not wait for it");
	$ledger->tell($_, 'watch', WATCH_MS) for others($dead);
	for my $name (others($dead)) {
		$ledger->await(20, $name, 'role') or return missed("$name does not say who leads");
	}
	$ledger->pause(rand 2);
	return 1 if !$ledger->events($dead, 'state', undef, 'lost');
	return missed("$dead lost the lock before its death");
}

# The time of its death on this host: just before SIGSTOP, or when its power was seen to be gone.
sub die_now
{
	my ($dead, $how) = @_;
	if ($how eq 'stopped') {
		my ($before) = $ledger->stall($dead);
		return $before;
	}
	$ledger->run(60, 'scripts/vm-cluster', 'power-cut', $dead) or return missed("no power cut of $dead");
	$ledger->until(20, sub { $ledger->{node}{$dead}{ended} }) or return missed("$dead goes on without power");
	return $ledger->{node}{$dead}{ended};
}

# It is a machine of the cluster again; nothing is measured of that.
sub return_of
{
	my ($dead, $how) = @_;
	if ($how eq 'stopped') {
		$ledger->wake($dead);
		$ledger->await(60, $dead, 'state', undef, 'lost') or return;
		$ledger->tell($dead, 'samples 0');
		return $ledger->ask(30, $dead, 'close', 'closed');
	}
	$ledger->run(180, 'scripts/vm-cluster', 'boot', $dead) or return;
	$ledger->start($dead);
	return 1;
}

# The first event after $since by which one of those that are left satisfies $what; its time here.
sub first_role
{
	my ($dead, $since, $what) = @_;
	my @times;
	for my $name (others($dead)) {
		my ($event) = grep { $_->[0] > $since && $what->($_) } $ledger->events($name, 'role');
		push @times, (host_us($name, $event->[2]))[0] if $event;
	}
	return (sort { $a <=> $b } @times)[0];
}

# When each part was over; milliseconds, of the whole and of each.
sub measure
{
	my ($dead, $waiter, $role, $died, $term) = @_;
	my ($granted) = $ledger->events($waiter, 'state', undef, 'granted');
	my %at = (granted => (host_us($waiter, $granted->[2]))[0]);
	my %ms = (whole => ($at{granted} - $died) / 1000);
	if ($role eq 'led') {
		$at{stands} = first_role($dead, $died, sub { $_[0][5] > $term });
		$at{leads} = first_role($dead, $died, sub { $_[0][3] eq 'leader' && $_[0][5] > $term });
		return \%ms if !$at{stands} || !$at{leads};
		$ms{detection} = ($at{stands} - $died) / 1000;
		$ms{election} = ($at{leads} - $at{stands}) / 1000;
		$ms{rest} = ($at{granted} - $at{leads}) / 1000 - $promise;
		$ms{terms} = (sort { $b <=> $a } map { $_->[5] } map { $ledger->events($_, 'role') } others($dead))[0]
			- $term;
		return \%ms;
	}
	my ($end) = sort { $b <=> $a } map { $_->[2] + $_->[5] }
		grep { $_->[1] =~ /^(state|sample)$/ && $_->[3] eq 'granted' && $_->[0] <= $died + 5000 }
		@{ $ledger->{node}{$dead}{events} };
	$at{end} = (host_us($dead, $end))[0];
	$ms{lease} = ($at{end} - $died) / 1000;
	$ms{rest} = ($at{granted} - $at{end}) / 1000 - $drift - 2 * $set{delta};
	return \%ms;
}

sub tell_run
{
	my ($name, $role, $ms) = @_;
	my $parts = $role eq 'led' ?
		(defined $ms->{rest} ? sprintf('detection %.0f, election %.0f (%d terms), lease %.0f',
			$ms->{detection}, $ms->{election}, $ms->{terms}, $set{lease})
			: 'nobody was seen to stand for election') :
		sprintf('what was left of the lease %.0f', $ms->{lease});
	$parts .= sprintf ', drift %.1f, 2 Delta %.0f, rest %.1f', $drift, 2 * $set{delta}, $ms->{rest}
		if defined $ms->{rest};
	printf "# %s: %.0f ms of at most %.0f: %s\n", $name, $ms->{whole}, $bound{$role}, $parts;
}

# One run; true: it came about.
sub machine_dies
{
	my ($run) = @_;
	my $leader = $ledger->ready(120) or return missed('the cluster is not ready');
	my $role = rand() < 0.5 ? 'led' : 'followed';
	my $dead = $role eq 'led' ? $leader : pick(others($leader));
	my $waiter = pick(others($dead));
	my $how = $power_every && $run % $power_every == 0 ? 'power cut' : 'stopped';
	my $name = "death $run, $dead, $role, $how";
	$ledger->note($name);
	$ledger->round;
	return if !set_up($dead, $waiter);
	my ($now) = $ledger->events($waiter, 'role');
	my $died = die_now($dead, $how) or return;
	my $granted = $ledger->await(60, $waiter, 'state', undef, 'granted');
	$ledger->pause(0.2);
	if ($granted) {
		my $ms = measure($dead, $waiter, $role, $died, $now->[5]);
		tell_run($name, $role, $ms);
		push @{ $part{$role}{$_} }, $ms->{$_} for keys %$ms;
		push @{ $part{$role}{"whole, $how"} }, $ms->{whole};
		push @over, $name if $ms->{whole} > $bound{$role};
	} else {
		print "# $name: nobody has it within a minute\n";
		push @over, $name;
	}
	$ledger->tell($_, 'watch 0') for others($dead);
	$ledger->ask(30, $waiter, 'close', 'closed') or die "$name: $waiter does not give the lock back\n";
	return_of($dead, $how) or die "$name: $dead does not come back\n";
	return 1;
}

sub report_death
{
	my ($role) = @_;
	my %of = (
		'followed' => [
			['whole', 'whole'], ['whole, stopped', '  of these stopped'],
			['whole, power cut', '  of these without power'],
			['lease', 'what was left of the lease'],
			['rest', 'rest: tick, commit, on its way'],
		],
		'led' => [
			['whole', 'whole'], ['whole, stopped', '  of these stopped'],
			['whole, power cut', '  of these without power'],
			['detection', 'detection: until one stands for election'],
			['election', 'election: until one leads'],
			['rest', 'rest: first entry, tick, commit, on its way'],
		],
	);
	my $first = $role eq 'led' ? sprintf('detection %d, election %d, ', 2 * $set{election}, $set{election}) : '';
	printf "# its machine %s: at most %s%s%d lease, %.1f drift, %d 2 Delta, %d 2 heartbeats = %.0f ms\n", $role,
		$first, '', $set{lease}, $drift, 2 * $set{delta}, 2 * $set{heartbeat}, $bound{$role};
	print Ledger::distribution("its machine $role, $_->[1]", 'ms', @{ $part{$role}{$_->[0]} // [] })
		for @{ $of{$role} };
}

sub death_part
{
	my ($done, $missed) = (0, 0);
	while ($done < $runs && $missed < 3 + $runs / 10) {
		if (machine_dies($done + 1)) {
			$done++;
			next;
		}
		$missed++;
		print '# death ', $done + 1, ": $why: once more\n";
		for my $name (grep { !$ledger->{node}{$_}{ended} && !$ledger->{node}{$_}{stands} } @machines) {
			$ledger->tell($name, $_) for 'samples 0', 'watch 0';
			$ledger->ask(30, $name, 'close', 'closed');
		}
	}
	report_death($_) for qw(followed led);
	verdict($done < $runs, "a holder's machine dies, $runs times: the next waiter has the lock");
	print "# over: $_\n" for @over;
	verdict(!!@over, 'each within detection, lease, drift, 2 Delta, and one election if it led');
}

# --- all of it -------------------------------------------------------------------------------

$ledger->start($_) for @machines;
process_part() if $parts =~ /process/;
death_part() if $parts =~ /death/;
