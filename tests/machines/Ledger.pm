# SPDX-License-Identifier: GPL-2.0
# What this host sees of three machines, in one place and by one clock: a claimant in each is told what
# to do, every line of every one is noted with the time at which it came, and what the machines write
# passes, or does not, the one fence that stands here, before the resource.
#
# What can be compared. A machine's clock is QEMU's, which is this host's CLOCK_MONOTONIC less a
# number, as long as the machine is not stopped by its monitor; a machine under SIGSTOP finds that
# it has gone on. That number is not known, but bounded: a line "t WORD" sent from here at a, and
# answered with the machine's time g, came back at b; so a < g + number < b, and every answer narrows
# it. With the tightest of these bounds what a machine says of its own time becomes this host's, give
# or take half of what is between them (about a millisecond), also for lines that
# lay in a buffer while the machine stood still. A handle's word "so much is left" becomes an
# interval in this host's time: so two machines can be judged by one clock, and what is said to be
# wrong is wrong by the least that the bounds allow.
package Ledger;
use strict;
use warnings;
use Cwd qw(getcwd);
use IO::Select;
use IO::Socket::UNIX;
use IPC::Open2;
use POSIX qw(WNOHANG);
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);

use constant PING_US => 50_000;
$SIG{PIPE} = 'IGNORE';

# As QEMU reads it; microseconds.
sub now { return int(clock_gettime(CLOCK_MONOTONIC) * 1e6) }

# new(dir => of the cluster, log => file)
sub new
{
	my ($class, %arg) = @_;
	my $self = bless { %arg, node => {}, select => IO::Select->new, next_ping => 0 }, $class;
	open $self->{out}, '>', $arg{log} or die "$arg{log}: $!\n";
	$self->{out}->autoflush(1);
	return $self;
}

sub note
{
	my ($self, @words) = @_;
	my $now = now();
	print { $self->{out} } "$now @words\n";
	return $now;
}

# --- the machines' programs -----------------------------------------------------------------

# start(NAME): the claimant of that machine; start(NAME, MACHINE, COMMAND...): another program there,
# of which only is noted what it says
sub start
{
	my ($self, $name, $machine, @command) = @_;
	my $node = $self->{node}{$name} = { name => $name, buffer => '', events => [], low => -9e15, high => 9e15 };
	$node->{mute} = 1 if @command;
	$node->{pid} = open2($node->{from}, $node->{to}, 'scripts/vm-cluster', 'exec', '-i', '-t', 86400,
		$machine // $name, @command ? @command : 'build/machines/claimant');
	$node->{from}->blocking(0);
	$node->{to}->autoflush(1);
	$self->{select}->add($node->{from});
}

# Its machine has lost its power, or it has ended. $node->{ended}: when that was seen; {status}.
sub ended
{
	my ($self, $node) = @_;
	$node->{ended} = $self->note("$node->{name} ended");
	$self->{select}->remove($node->{from});
	close $node->{$_} for qw(from to);
	waitpid delete $node->{pid}, 0;
	$node->{status} = $? & 127 ? 128 + ($? & 127) : $? >> 8;
}

sub tell
{
	my ($self, $name, @words) = @_;
	my $node = $self->{node}{$name};
	die "$name has no program any more\n" if $node->{ended};
	$self->note($name, '<', @words);
	print { $node->{to} } "@words\n";
}

sub heard
{
	my ($self, $node, $line) = @_;
	my $now = now();
	my @word = split ' ', $line;
	if ($word[0] eq 't') {
		my ($low, $high) = ($word[1] - $word[2], $now - $word[2]);
		$node->{low} = $low if $low > $node->{low};
		$node->{high} = $high if $high < $node->{high};
		return;
	}
	my $event = [$now, @word];
	push @$event, $self->{resource}->($now, $node->{name}, @word) if $self->{resource};
	print { $self->{out} } "$now $node->{name} @$event[1 .. $#$event]\n";
	push @{ $node->{events} }, $event;
	die "$node->{name}: $line\n" if $word[0] eq 'failed' && !$self->{forgive};
}

# Takes what comes, for so long at most or until something has come; keeps the clocks in sight.
sub pump
{
	my ($self, $limit_us) = @_;
	my $until = now() + $limit_us;
	do {
		my $now = now();
		if ($now >= $self->{next_ping}) {
			for my $node (values %{ $self->{node} }) {
				print { $node->{to} } "t $now\n" unless $node->{ended} || $node->{stands} || $node->{mute};
			}
			$self->{next_ping} = $now + PING_US;
		}
		my $wake = $until < $self->{next_ping} ? $until : $self->{next_ping};
		my @ready = $self->{select}->can_read($wake > $now ? ($wake - $now) / 1e6 : 0);
		for my $fd (@ready) {
			my ($node) = grep { !$_->{ended} && $_->{from} == $fd } values %{ $self->{node} };
			my $got = sysread $fd, $node->{buffer}, 65536, length $node->{buffer};
			if (!$got) {
				$self->ended($node) if defined $got || !$!{EAGAIN};
				next;
			}
			$self->heard($node, $1) while $node->{buffer} =~ s/^(.*)\n//;
		}
		return 1 if @ready;
	} while (now() < $until);
	return 0;
}

# Until something has been, for $seconds at most: what $found returns, or nothing.
sub until
{
	my ($self, $seconds, $found) = @_;
	my $end = now() + $seconds * 1e6;
	while (1) {
		my $got = $found->();
		return $got if $got;
		my $left = $end - now();
		return if $left <= 0;
		$self->pump($left < 100_000 ? $left : 100_000);
	}
}

sub pause
{
	my ($self, $seconds) = @_;
	my $end = now() + $seconds * 1e6;
	$self->pump($end - now()) while now() < $end;
}

# The events of a round begin here, and so do the bounds of the clocks: in so short a time nothing
# drifts that counts.
sub round
{
	my ($self) = @_;
	@$_{qw(low high)} = (-9e15, 9e15) for values %{ $self->{node} };
	$self->pause(0.5);
	$self->forget;
}

sub forget
{
	my ($self) = @_;
	$_->{events} = [] for values %{ $self->{node} };
}

# All events of a machine whose first words are these: [ARRIVED, WORD...]; a word may be undef: any.
sub events
{
	my ($self, $name, @want) = @_;
	return grep {
		my $event = $_;
		!grep { defined $want[$_] && ($event->[1 + $_] // '') ne $want[$_] } 0 .. $#want;
	} @{ $self->{node}{$name}{events} };
}

# Runs a command on this host, and goes on taking what comes. True: it succeeded.
sub run
{
	my ($self, $seconds, @command) = @_;
	$self->note('run', @command);
	my $pid = fork // die "fork: $!\n";
	if (!$pid) {
		open STDOUT, '>', '/dev/null';
		exec @command or POSIX::_exit(127);
	}
	my $status;
	$self->until($seconds, sub { waitpid($pid, WNOHANG) == $pid && do { $status = $?; 1 } })
		// do { kill 'TERM', $pid; waitpid $pid, 0; $status = 1 };
	return $status == 0;
}

# Until all machines name one leader and can lose any one of them; its name, or nothing.
sub ready
{
	my ($self, $seconds) = @_;
	my @machines = grep { !$self->{node}{$_}{mute} } sort keys %{ $self->{node} };
	my $end = now() + $seconds * 1e6;
	while (now() < $end) {
		my @status = map { $self->ask(20, $_, 'status', 'status') } @machines;
		my %leader = map { ($_->[4] => 1) } @status;
		my ($last) = sort { $b <=> $a } map { $_->[9] } @status;
		return 'n' . (keys %leader)[0] if @status == @machines && keys %leader == 1
			# a quorum, a session that lives, no vote withheld after a restart, nobody far behind
			&& !grep { !$_->[6] || !$_->[7] || $_->[8] || $_->[9] + 50 < $last } @status;
		$self->pause(0.2);
	}
	return;
}

# The first of them, waited for.
sub await
{
	my ($self, $seconds, $name, @want) = @_;
	return $self->until($seconds, sub { ($self->events($name, @want))[0] });
}

# Asks and waits for the next event whose first word is this.
sub ask
{
	my ($self, $seconds, $name, $order, $word) = @_;
	my $before = () = $self->events($name, $word);
	$self->tell($name, $order);
	return $self->until($seconds, sub { ($self->events($name, $word))[$before] });
}

# What a machine calls TIME is this for the host: at least, at most.
sub host_time
{
	my ($self, $name, $time) = @_;
	my $node = $self->{node}{$name};
	return ($time + $node->{low}, $time + $node->{high});
}

# --- what is done to machines ---------------------------------------------------------------

sub qemu
{
	my ($self, $name) = @_;
	open my $f, '<', "$self->{dir}/$name/qemu.pid" or die "$name: no qemu.pid\n";
	chomp(my $pid = <$f>);
	return $pid;
}

# Each returns the time just before and just after.
sub stall
{
	my ($self, $name) = @_;
	my $before = $self->note($name, 'stall');
	kill 'STOP', $self->qemu($name) or die "$name: SIGSTOP: $!\n";
	$self->{node}{$name}{stands} = 1;
	return ($before, now());
}

sub wake
{
	my ($self, $name) = @_;
	my $before = $self->note($name, 'wake');
	kill 'CONT', $self->qemu($name) or die "$name: SIGCONT: $!\n";
	$self->{node}{$name}{stands} = 0;
	return ($before, now());
}

# One word to QEMU's monitor; its socket's name must be short, so it is called from where it is.
sub monitor
{
	my ($self, $name, $command) = @_;
	my $here = getcwd();
	chdir "$self->{dir}/$name" or die "$self->{dir}/$name: $!\n";
	my $qmp = IO::Socket::UNIX->new(Peer => 'qmp');
	chdir $here or die "$here: $!\n";
	die "$name: no monitor\n" if !$qmp;
	my $before = 0;
	local $SIG{ALRM} = sub { die "$name: the monitor does not answer\n" };
	alarm 20;
	<$qmp>;		# its greeting
	for my $what ('qmp_capabilities', $command) {
		$before = now();
		print $qmp qq({"execute":"$what"}\n);
		while (my $line = <$qmp>) {
			die "$name: $what: $line" if $line =~ /"error"/;
			last if $line =~ /"return"/;
		}
	}
	alarm 0;
	return ($before, now());
}

sub freeze
{
	my ($self, $name) = @_;
	$self->note($name, 'freeze');
	my @when = $self->monitor($name, 'stop');
	$self->{node}{$name}{stands} = 1;
	return @when;
}

# Its clock is behind by what it stood still: what was known of it is worth nothing any more.
sub thaw
{
	my ($self, $name) = @_;
	my $node = $self->{node}{$name};
	$self->note($name, 'thaw');
	my @when = $self->monitor($name, 'cont');
	@$node{qw(low high stands)} = (-9e15, 9e15, 0);
	return @when;
}

# --- what comes of it ------------------------------------------------------------------------

# distribution WHAT VALUES UNIT: one line: how many, the median, the 90th of 100, the most
sub distribution
{
	my ($what, $unit, @values) = @_;
	my @sorted = sort { $a <=> $b } @values;
	my $at = sub { $sorted[int($_[0] * $#sorted + 0.5)] };
	return sprintf "# %-58s none\n", $what if !@sorted;
	return sprintf "# %-58s n %3d  p50 %8.1f  p90 %8.1f  max %8.1f %s\n", $what, scalar @sorted,
		$at->(0.5), $at->(0.9), $sorted[-1], $unit;
}

sub median
{
	my @sorted = sort { $a <=> $b } @_;
	return $sorted[int(0.5 * $#sorted + 0.5)];
}

1;
