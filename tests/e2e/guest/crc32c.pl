# SPDX-License-Identifier: GPL-2.0
# For the Perl programs here: crc(SEED, BYTES) is their CRC32C, as everything of kquorum has it.
use strict;
use warnings;

my @table = map { my $c = $_; $c = $c & 1 ? ($c >> 1) ^ 0x82F63B78 : $c >> 1 for 1 .. 8; $c } 0 .. 255;

sub crc {
	my ($c, $bytes) = @_;
	$c ^= 0xffffffff;
	$c = $table[($c ^ $_) & 255] ^ ($c >> 8) for unpack 'C*', $bytes;
	return $c ^ 0xffffffff;
}

1;
