#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0
# disk-judge.pl FAULTS JOURNAL: who wrote to a shared disk when, by the clock of the host that has it.
#
# JOURNAL: the lines of kq-diskd, in the order in which the writes took effect; what they mean is in
# disk.h. FAULTS: "SECONDS KIND NODE", when something began to happen to a holder; the KIND "woke": its
# machine runs again. A grant belongs to the fault before it, but where nobody stops the old one on a
# loss the KIND is "ignore". A token that is lower than one whose grant has been seen writes too late; so
# does a process that ends then. Prints
#
#	late KIND TOKEN NODE WRITES MS		writes after the next grant, the last so long after it, or
#						after its machine woke
#	exit KIND TOKEN NODE MS			the processes of a lost lock ended so long after the next grant
#	order KIND N				numbers that are there twice, or missing, since such a fault
#	change KIND TOKEN NODE NEXT GRANT_MS WRITE_MS EXIT_MS BLIND_MS
#						from the fault to the next grant; from the last write, and from
#						the end of the last process (-: not seen), to that; what of both
#						may have been before it was seen
use strict;
use warnings;

my ($faults, $journal) = @ARGV;
my (@fault, @woke, %mode, %grant, %blind, %last, %exit, %owner, %late, %after, %order, $newest, $counter);
open(my $f, '<', $faults) or die "$faults: $!\n";
while (<$f>) {
	my @words = split;
	push @{$words[1] eq 'woke' ? \@woke : \@fault}, \@words;
}

# The last fault that began before a time.
sub fault_before
{
	my ($at) = @_;
	my ($why) = reverse grep { $_->[0] <= $at } @fault;
	return $why // [0, 'none', '-'];
}

open(my $j, '<', $journal) or die "$journal: $!\n";
$newest = 0;
while (<$j>) {
	my ($time, undef, undef, $kind, $node, $token, $number, undef, $mode) = split;
	next unless defined $token;
	if ($kind eq 'X') {
		$exit{$token} //= $time;
		next;
	}
	if ($token > $newest) {
		$newest = $token;
		$grant{$token} = $time;
		# who writes first, before a grant was seen, has it for longer
		$blind{$token} = $kind eq 'G' ? $number / 1000 : 0;
	}
	next if $kind eq 'G';
	if ($token < $newest) {
		$late{$token}++;
		$after{$token} = $time;
		next;
	}
	$owner{$token} = $node;
	$last{$token} = $time;
	$mode{$token} = $mode;
	next if $kind ne 'W';
	$order{fault_before($time)->[1]}++ if defined $counter && $number != $counter + 1;
	$counter = $number;
}

sub ms { sprintf '%.1f', 1000 * $_[0] }
my @tokens = sort { $a <=> $b } keys %grant;
for my $i (0 .. $#tokens - 1) {
	my ($token, $next) = @tokens[$i, $i + 1];
	my $at = $grant{$next};
	my ($since, $kind, $struck) = @{fault_before($at)};
	my $node = $owner{$token} // '-';
	# it may not even have begun to write
	next if $node eq '-' && !defined $exit{$token};
	$kind = 'other' if $node ne '-' && $struck ne $node;
	$kind = 'ignore' if ($mode{$token} // '') eq 'ignore';
	my ($woke) = grep { $_->[0] >= $since && $_->[2] eq $node } @woke;
	print "late $kind $token $node $late{$token} ",
		ms($after{$token} - ($woke && $kind eq 'stall' ? $woke->[0] : $at)), "\n" if $late{$token};
	print "exit $kind $token $node ", ms($exit{$token} - $at), "\n"
		if defined $exit{$token} && $exit{$token} > $at;
	print "change $kind $token $node $next ", ms($at - $since), ' ',
		defined $last{$token} ? ms($at - $last{$token}) : '-', ' ',
		defined $exit{$token} ? ms($at - $exit{$token}) : '-', " $blind{$next}\n";
}
print "order $_ $order{$_}\n" for sort keys %order;
