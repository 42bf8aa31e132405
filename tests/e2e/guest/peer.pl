#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0
# A false peer: connects to port 7420 of ADDRESS as node 3 of the tests' cluster (id 0x77, nodes 1 to
# 3), does something wrong, and says how the other side takes it: "greeted", "closed", "open".
#	peer.pl ADDRESS garbage|cluster|version|header|body [INCARNATION]
# garbage, cluster, version: the greeting is wrong; header, body: what follows a right one is.
# INCARNATION is node 3's present one, hexadecimal; it would be shut out by another one.
use strict;
use warnings;
no warnings 'portable';
use IO::Socket::INET;
use IO::Select;
use FindBin;
require "$FindBin::Bin/crc32c.pl";

my ($address, $how) = @ARGV;
my $incarnation = hex($ARGV[2] // 1);

sub cluster_hash {
	my $id = pack 'Q<', shift;
	my ($hi, $lo) = (crc(0, $id), crc(0x6b71, $id));
	$lo = crc($lo, pack 'L<', $_) for 1 .. 3;
	return $hi << 32 | $lo;
}

sub hello {
	my ($version, $cluster) = @_;
	# origin, identity, incarnation, met, flags and 22 starts; name; what node 1 is known by: nothing
	my $h = pack 'Q< S< S< L< L< L< Q< Q< Q< Q< L< L< L<22 a32 Q< Q< L<', 0x316f6c48514b, $version,
		208, 3, 1, 0, $cluster, 0, 3, $incarnation, 0, 0, (0) x 22, 'n3', 0, 0, 0;
	return $h . pack 'L<', crc(0, $h);
}

# a heartbeat that is right but for its last field: a body of 8 bytes that no message has
sub message {
	my ($crc_error, $to_inc) = @_;
	my $body = "\0" x 8;
	my $h = pack 'L< C C S< L< L< Q< L< L< Q< Q< Q< L<', 0x314d514b, 2, 5, 0, 0, length $body,
		cluster_hash(0x77), 3, 1, $incarnation, $to_inc, 1, crc(0, $body);
	return $h . pack('L<', crc(0, $h) ^ $crc_error) . $body;
}

my $s = IO::Socket::INET->new(PeerAddr => $address, PeerPort => 7420, Timeout => 20)
	or die "cannot connect: $!\n";
my %greeting = (
	garbage => join('', map { chr(($_ * 7919 + 13) % 251) } 1 .. 4096),
	cluster => hello(4, cluster_hash(0x78)),
	version => hello(5, cluster_hash(0x77)),
);
syswrite $s, $greeting{$how} // hello(4, cluster_hash(0x77));
my $select = IO::Select->new($s);
my $in = '';
my $told = 0;
while ($select->can_read(20)) {
	if (!sysread $s, $in, 65536, length $in) {
		print "closed\n";
		exit 0;
	}
	next if $told || length $in < 208;
	$told = 1;
	print "greeted ";
	my $to_inc = (unpack 'Q< S< S< L< L< L< Q< Q< Q< Q<', $in)[9];
	syswrite $s, message($how eq 'header' ? 1 : 0, $to_inc);
}
print "open\n";
