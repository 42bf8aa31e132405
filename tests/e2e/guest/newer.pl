#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0
# newer.pl FILE: makes a snapshot file one of format version 9, with the checksum that its head has then
# (kmod/core/kq_snap_format.h)
use strict;
use warnings;
use FindBin;
require "$FindBin::Bin/crc32c.pl";

open my $f, '+<:raw', $ARGV[0] or die "$ARGV[0]: $!\n";
read $f, my $head, 1024;
my $len = unpack 'v', substr $head, 10, 2;
$head = substr $head, 0, $len;
my $was = unpack 'V', substr $head, 12, 4;
substr($head, 12, 4) = pack 'V', 0;
die "this is no head of a snapshot\n" if $was != crc(0, $head);
substr($head, 8, 2) = pack 'v', 9;
substr($head, 12, 4) = pack 'V', crc(0, $head);
seek $f, 0, 0;
print $f $head;
