#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0
# The zombie story, told of three machines that run (--dir: scripts/vm-cluster's), --rounds times:
#
# stalled  The machine of a holder gets SIGSTOP; its clock goes on. Past lease and guard another one gets
#          the lock. SIGCONT: before the first one does anything through kquorum it finds its lease lost.
# frozen   The same by "stop" and "cont" of QEMU's monitor: its clock stands still, so it believes in its
#          lease for a while. Nothing but the token at the resource stops what it writes.
#
# The resource is here, on this host: every word of a claimant about its lock is a write with the token
# that it was granted, sent without asking whether it still is, and each goes through
# 'kquorum fence check' in the order in which it comes. Ledger.pm says by which clock is judged.
#
# A lease may have been renewed between the last word of a machine and its stop: then it ended later
# than is known here, so the distance to the next grant is stated too long, never too short. Says
# "ok - ", "not ok - " and comments.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Getopt::Long;
use Ledger;

use constant FENCE_REFUSED => 70;
use constant LEASE_LOST => 70;
# From the stop to SIGCONT: the HPET of QEMU has 32 bits and counts 10 ns, and a kernel takes what looks
# like more than half of its way (21 s) for a step back: its clock would not go on.
use constant STALL_LIMIT_S => 20;
use constant SAMPLE_MS => 50;

my ($dir, $rounds, $seed, $delta_ms, $kinds, $roles) = (undef, 2, 1, 250, 'stalled,frozen', 'led,followed');
GetOptions('dir=s' => \$dir, 'rounds=i' => \$rounds, 'seed=i' => \$seed, 'delta-ms=i' => \$delta_ms,
	'kinds=s' => \$kinds, 'roles=s' => \$roles) && $dir
	or die "Usage: zombies.pl --dir CLUSTER [--rounds N] [--seed N] [--delta-ms N] [--kinds stalled,frozen] "
	. "[--roles led,followed]\n";
srand $seed;
$| = 1;

my $fence = "$dir/common/fence";
my $there = '/run/kq-common/fence';
my @machines = qw(n1 n2 n3);
my $ledger = Ledger->new(dir => $dir, log => "$dir.ledger");
my (@accepted, %fault, %value);

# --- the resource ----------------------------------------------------------------------------

# What a word of a claimant comes to at the resource: accepted, refused, or it is no write.
$ledger->{resource} = sub {
	my ($now, $name, @word) = @_;
	return if $word[0] !~ /^(state|sample)$/ || !$word[3];
	my $status = system "build/bin/kquorum fence check $fence zombie $word[3] 2>/dev/null";
	push @accepted, [$now, $word[3], $name] if !$status;
	return 'accepted' if !$status;
	return 'refused' if $status >> 8 == FENCE_REFUSED;
	die "the fence at the resource fails: status $status\n";
};

sub fault
{
	my ($what, $text) = @_;
	push @{ $fault{$what} }, $text;
	print "# FAULT: $text\n";
}

# The fence is not asked whether it was right, nor are tokens: who had it first does not write after who
# had it next.
sub stale_writes
{
	my ($name, $holder, $next) = @_;
	my ($over, @stale);
	for my $write (@accepted) {
		push @stale, $write if $over && $write->[2] eq $holder;
		$over //= $write if $write->[2] eq $next;
	}
	fault('stale', sprintf '%s: %s wrote %d times, with token %d, after %s with %d', $name, $holder, scalar @stale,
		$stale[0][1], $next, $over->[1]) if @stale;
	@accepted = ();
}

# --- one round -------------------------------------------------------------------------------

# Words of a machine about its lock, as the machine's own times.
sub words
{
	my ($name) = @_;
	return map { { came => $_->[0], from => $_->[2], which => $_->[3], token => $_->[4],
		left => $_->[5], to => $_->[6], write => $_->[7] // '' } }
		grep { $_->[1] =~ /^(state|sample)$/ } @{ $ledger->{node}{$name}{events} };
}

# The two that claim; true when all is as it should be before the stop.
sub set_up
{
	my ($holder, $next) = @_;
	$ledger->start('job', $holder, qw(kquorum lock --on-loss=kill job -- build/machines/claimant beat));
	$ledger->await(60, 'job', 'beat') or return;
	$ledger->tell($holder, 'lock zombie', $there);
	$ledger->await(60, $holder, 'state', undef, 'granted') or return;
	$ledger->tell($holder, 'samples', SAMPLE_MS);
	$ledger->await(20, $holder, 'sample') or return;
	$ledger->tell($next, 'lock zombie -');
	$ledger->await(30, $next, 'state', undef, 'queued') or return;
	$ledger->tell($next, 'samples', SAMPLE_MS);
	$ledger->pause(rand 2);
	return !$ledger->events($holder, 'state', undef, 'lost') && !$ledger->{node}{job}{ended};
}

# Whatever came of a round, nobody holds or waits for anything after it.
sub clear_up
{
	my ($holder, $next) = @_;
	for my $name ($holder, $next) {
		$ledger->tell($name, 'samples 0');
		$ledger->ask(30, $name, 'close', 'closed') or return;
	}
	return 1 if $ledger->{node}{job}{ended};
	close $ledger->{node}{job}{to};		# its end goes to a command that nothing has stopped
	kill 'TERM', $ledger->{node}{job}{pid};
	return $ledger->until(20, sub { $ledger->{node}{job}{ended} });
}

# So long to stand still, until another one has the lock and has written. Returns the times just
# before and after it goes on, and the bounds of its clock before.
sub stand_still
{
	my ($kind, $holder, $next) = @_;
	my ($stop, $go) = $kind eq 'stalled' ? qw(stall wake) : qw(freeze thaw);
	my $node = $ledger->{node}{$holder};
	my ($since) = $ledger->$stop($holder);
	my %before = map { ($_ => $node->{$_}) } qw(low high);
	my $granted = $ledger->await(STALL_LIMIT_S - 2, $next, 'state', undef, 'granted');
	$ledger->await(2, $next, 'sample', undef, 'granted') if $granted;
	$ledger->pause(rand 1) if Ledger::now() - $since < (STALL_LIMIT_S - 2) * 1e6;
	my ($woken) = $ledger->$go($holder);
	@$node{qw(low high)} = @before{qw(low high)} if $kind eq 'pretended';
	return { since => $since, woken => $woken, granted => $granted, %before };
}

# One that stood still until another one had written finds out, and what it tries comes to nothing.
sub awake
{
	my ($name, $holder, $still) = @_;
	my $lost = $ledger->until(30, sub {
		(grep { $_->[0] >= $still->{woken} } $ledger->events($holder, 'state', undef, 'lost'))[0] });
	fault('end', "$name: it does not find out within 30 s") if !$lost;
	my $try = $ledger->await(30, $holder, 'fence');
	fault('token', "$name: kquorum fence check with its old token: " .
		($try ? "exit $try->[3]" : 'no answer')) if !$try || $try->[3] != FENCE_REFUSED;
	$ledger->until(30, sub { $ledger->{node}{job}{ended} });
	$ledger->pause(0.2);
}

# --- what is right and what not --------------------------------------------------------------

sub ms { return sprintf '%.1f', $_[0] / 1000 }

# The next one's lease must not begin before that of the first is over, and by the design 2 Delta later.
# Of $before, bounds of the first one's clock that hold for all its words that count.
sub judge_overlap
{
	my ($name, $next, $before, @words) = @_;
	my @held = grep { $_->{which} eq 'granted' } @words;
	my ($end) = sort { $b <=> $a } map { $_->{from} + $_->{left} } @held;
	my ($grant) = grep { $_->{which} eq 'granted' } words($next);
	my ($next_low, $next_high) = $ledger->host_time($next, $grant->{to});
	my $most = $next_high - ($end + $before->{low});
	my $least = $next_low - ($end + $before->{high});
	fault('two', "$name: two valid holders, for " . ms(-$most) . ' ms at least') if $most < 0;
	fault('guard', "$name: granted " . ms($most) . " ms after the end of the lease before, less than 2 Delta")
		if $most < 2000 * $delta_ms;
	push @{ $value{bounds} }, ($most - $least) / 2000;
	return ($most + $least) / 2000;
}

# Its clock has gone on: the bounds of before hold. It must not have been valid for a moment since.
sub judge_stalled
{
	my ($name, $holder, $still) = @_;
	my $node = $ledger->{node}{$holder};
	fault('clock', "$name: its clock has not gone on: nothing is shown (" .
		ms($node->{low} - $node->{high}) . ' ms)') if $node->{low} > $node->{high} + 2000;
	my @valid = grep { $_->{which} eq 'granted' && $_->{from} + $still->{low} > $still->{woken} }
		words($holder);
	fault('woken', "$name: awake, it held its lock for valid: $_->{left} us left") for @valid;
	my @left = grep { $_->{which} eq 'lost' && $_->{left} } words($holder);
	fault('woken', "$name: lost, and $_->{left} us left") for @left;
}

sub judge
{
	my ($name, $kind, $holder, $next, $still) = @_;
	my @words = words($holder);
	my $clock_goes_on = $kind ne 'frozen';
	my @early = $clock_goes_on ? @words : grep { $_->{came} < $still->{woken} } @words;
	my $gap = judge_overlap($name, $next, $still, @early);
	judge_stalled($name, $holder, $still) if $clock_goes_on;
	my @late = grep { $_->{came} >= $still->{woken} } @words;
	my ($lost) = grep { $_->{which} eq 'lost' } @late;
	my @refused = grep { $_->{write} eq 'refused' } @late;
	my $knew = $lost ? ($lost->{came} - $still->{woken}) / 1000 : undef;
	fault('end', "$name: it wrote nothing after it went on: nothing is shown") if !@refused;
	my $job = $ledger->{node}{job};
	my @beats = grep { $_->[0] >= $still->{woken} } $ledger->events('job', 'beat');
	fault('job', "$name: kquorum lock --on-loss=kill: " . ($job->{ended} ? "exit $job->{status}" : 'it runs on'))
		if !$job->{ended} || $job->{status} != LEASE_LOST;
	my $gone = @beats ? ($beats[-1][0] - $still->{woken}) / 1000 : 0;
	push @{ $value{"$kind: grant after the end of the lease before"} }, $gap;
	push @{ $value{"$kind: awake, until it knows that it lost"} }, $knew if $lost;
	push @{ $value{"$kind: awake, last sign of life of a command (on-loss)"} }, $gone;
	$value{late} += grep { $_->{which} eq 'granted' } @late;
	$value{refused} += @refused;
	printf "# %s: %s has it %s ms after the stop, %.1f ms after the end of the lease; awake, it knew after "
		. "%s ms, %d writes refused, its command ended after %.1f ms\n", $name, $next,
		ms($still->{granted}[0] - $still->{since}), $gap, $lost ? sprintf('%.1f', $knew) : '?',
		scalar @refused, $gone;
}

# True: it came to its end, right or wrong.
sub one_round
{
	my ($number, $kind) = @_;
	my $leader = $ledger->ready(90) or do { fault('end', "round $number: the cluster is not ready"); return };
	my @followers = grep { $_ ne $leader } @machines;
	my @roles = split /,/, $roles;
	my $holder = $roles[rand @roles] eq 'led' ? $leader : $followers[rand @followers];
	my @others = grep { $_ ne $holder } @machines;
	my $next = $others[rand @others];
	my $name = "round $number, $kind, $holder " . ($holder eq $leader ? '(leads)' : '(follows)');
	$ledger->note($name);
	$ledger->round;
	my $up = set_up($holder, $next);
	if (!$up) {
		print "# $name: it lost its lock before, or did not get it: once more\n";
		clear_up($holder, $next) or die "$name: a lock is not given back\n";
		@accepted = ();
		return;
	}
	my $still = stand_still($kind, $holder, $next);
	if ($still->{granted}) {
		awake($name, $holder, $still);
		judge($name, $kind, $holder, $next, $still);
		$value{$holder eq $leader ? 'led' : 'followed'}++;
	} else {
		fault('end', "$name: $next does not get the lock in time");
	}
	clear_up($holder, $next) or die "$name: a lock is not given back\n";
	stale_writes($name, $holder, $next);
	return 1;
}

# --- all of them -----------------------------------------------------------------------------

$ledger->start($_) for @machines;
my @kinds = split /,/, $kinds;
my ($done, $missed) = (0, 0);
while ($done < $rounds && $missed < 3 + $rounds / 5) {
	if (one_round($done + 1, $kinds[$done % @kinds])) {
		$done++;
	} else {
		$missed++;
	}
}
fault('end', "only $done of $rounds rounds came about") if $done < $rounds;
for my $what (grep { / / } sort keys %value) {
	print Ledger::distribution($what, 'ms', @{ $value{$what} });
}
print Ledger::distribution('error of what two clocks are compared by: up to', 'ms', @{ $value{bounds} // [] });
printf "# the holder's machine led in %d rounds, followed in %d; %d stale writes came to the resource; frozen "
	. "ones held their lock for valid %d times after they went on\n", $value{led} // 0, $value{followed} // 0,
	$value{refused} // 0, $value{late} // 0;
my @checks = (
	['end', "each of $rounds rounds comes to its end, and shows something"],
	['two', 'there are never two valid holders'],
	['guard', 'a grant is never earlier than the end of the lease before and 2 Delta'],
	['clock', 'the clock of a stalled machine goes on'],
	['woken', 'a stalled machine finds the lease lost before it does anything'],
	['token', 'kquorum fence check refuses the old token'],
	['stale', 'the resource never takes a stale write'],
	['job', 'kquorum lock --on-loss=kill ends its command, and with 70'],
);
for my $check (@checks) {
	my ($what, $text) = @$check;
	next if $what =~ /^(clock|woken)$/ && $kinds eq 'frozen';
	print $fault{$what} ? 'not ok' : 'ok', " - $text\n";
}
