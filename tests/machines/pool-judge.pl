#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0
# pool-judge.pl UNITS DIR LOG...: did a pool of so many keep its rule?
#
# DIR: what the jobs left there (job.c), by this host's clock. LOG: the resource "licences" in the
# words of "kquorum log -j", of each node. The rule is done over from each log: who asked first, by the
# log, gets the lowest unit that is free as soon as there is one, with the index of the entry that made it
# so for a token. Each job has to have had that token and that unit, and what there is of it on this host
# must not overlap with more than the others that may. Prints what is wrong; then, as the last line,
# "jobs N requests M most K": so many, asked for so often, at most so many at a time.
use strict;
use warnings;
use JSON::PP;
use Time::HiRes qw(stat);

my ($units, $dir, @logs) = @ARGV;
my $wrong = 0;
sub wrong { print "@_\n" if $wrong++ < 20 }

# --- the rule, from a log -------------------------------------------------------------------

my (@queue, %held, %unit_of, %granted);

# Claims are told by node, session and owner.
sub settle
{
	my ($index) = @_;
	while (@queue) {
		my ($free) = grep { !$held{$_} } 0 .. $units - 1;
		return unless defined $free;
		my $c = shift @queue;
		$held{$free} = $c;
		$unit_of{$c->{key}} = $free;
		$granted{$c->{info}}{$index << 12} = $free;
	}
}

sub gone
{
	my ($gone, $index) = @_;
	@queue = grep { !$gone->($_) } @queue;
	for my $unit (keys %held) {
		next unless $gone->($held{$unit});
		delete $unit_of{$held{$unit}{key}};
		delete $held{$unit};
	}
	settle($index);
}

sub replay
{
	my ($file) = @_;
	my ($last, $requests, $defined) = (0, 0, 0);
	(@queue, %held, %unit_of, %granted) = ();
	open(my $log, '<', $file) or die "$file: $!\n";
	while (<$log>) {
		my $e = decode_json($_);
		my ($index, $type) = @$e{qw(index type)};
		wrong("$file: after $last comes $index") if $last && $index != $last + 1;
		wrong("$file: begins with $index") if !$last && $index != 1;
		$last = $index;
		wrong("$file: $index is not committed") unless $e->{committed};
		if ($type eq 'expire' || $type eq 'close') {
			gone(sub { $_[0]{session} eq $e->{of_session} && $_[0]{node} eq $e->{of_node} }, $index)
				if $e->{effect};
			next;
		}
		next unless ($e->{resource} // '') eq 'licences' && $e->{effect};
		my $key = "$e->{node} $e->{session} " . ($e->{owner} // '');
		if ($type eq 'define') {
			$defined = 1;
		} elsif ($type eq 'acquire') {
			$requests++;
			wrong("$file: $index asks for $e->{units} units") if $e->{units} != 1;
			push @queue, { key => $key, %$e };
			settle($index);
		} elsif ($type eq 'release') {
			gone(sub { $_[0]{key} eq $key }, $index);
		}
	}
	wrong("$file: no pool is defined in it") unless $defined;
	return $requests;
}

# --- what the jobs left ---------------------------------------------------------------------

my (@jobs, %done);
opendir(my $d, $dir) or die "$dir: $!\n";
for my $file (readdir $d) {
	$done{$1}++ if $file =~ /^(\w+\.\d+)\.done$/;
	next unless $file =~ /^(\w+\.\d+)\.(\d+)\.([\d,-]+)\.began$/;
	my ($name, $token, $unit) = ($1, $2, $3);
	my $began = (stat "$dir/$file")[9];
	my $ran = (stat "$dir/$name.$token.$unit.ran")[9];
	# cut off before it wrote: it had it at that moment
	push @jobs, { name => $name, token => $token, unit => $unit, from => $began, to => $ran // $began };
}

sub overlaps
{
	my (%now, $most);
	$most = 0;
	my @ends = sort { $a->[0] <=> $b->[0] || $a->[1] <=> $b->[1] }
		map { ([$_->{from}, 1, $_], [$_->{to}, 0, $_]) } grep { $_->{to} > $_->{from} } @jobs;
	for (@ends) {
		my ($time, $begins, $job) = @$_;
		if (!$begins) {
			delete $now{"$job->{name}.$job->{token}"};
			next;
		}
		for (values %now) {
			wrong("$job->{name} and $_->{name} had unit $job->{unit} at the same time")
				if $_->{unit} eq $job->{unit};
		}
		$now{"$job->{name}.$job->{token}"} = $job;
		my $n = keys %now;
		wrong("$n at the same time: ", join ' ', map { $_->{name} } values %now) if $n > $units;
		$most = $n if $n > $most;
	}
	return $most;
}

my $requests;
for my $log (@logs) {
	$requests = replay($log);
	for (@jobs) {
		my $unit = $granted{$_->{name}}{$_->{token}};
		if (!defined $unit) {
			wrong("$log: $_->{name} had token $_->{token}, the rule gave it ",
			      join ' ', sort keys %{$granted{$_->{name}} // {}});
		} elsif ($unit ne $_->{unit}) {
			wrong("$log: $_->{name} had unit $_->{unit}, the rule gave it $unit");
		}
	}
}
my $most = overlaps();
print "jobs ", scalar keys %done, " requests $requests most $most\n";
exit($wrong ? 1 : 0);
