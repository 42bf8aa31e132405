#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0
#
# First process of a User Mode Linux machine that `scripts/uml` starts: makes the file systems, runs
# one command, passes on its output, looks for leaks, switches the machine off. All in one process,
# because every program started under KASAN and ptrace costs a tenth of a second.
#
# It lies in a directory of the host, beside: command (the words of the command, each ended by a NUL
# byte), cwd, leak-check (0 or 1). It leaves there: status (the command's exit status, or 128 + its
# signal) and kmemleak (the report). The command's stdout goes to ttyS1, its stderr to ttyS2; the kernel log
# is on ttyS0.

use strict;
use warnings;
use POSIX qw(:sys_wait_h :termios_h mkfifo);
use File::Basename qw(dirname);
use Socket;

use constant {
	SYS_mount => 165,
	SYS_reboot => 169,
	MS_MOVE => 8192,
	MS_BIND => 4096,
	SIOCSIFFLAGS => 0x8914,
	IFF_UP => 1,
	DRAIN_SECONDS => 2,
	LEAK_AGE_SECONDS => 6,
};

sub power_off
{
	syscall(SYS_reboot, 0xfee1dead, 672274793, 0x4321fedc, 0);
	exit 1;		# panics: better than a machine that stands still
}

# Says why in the kernel log: there is no other place yet.
sub give_up
{
	my ($why) = @_;

	if (open(my $log, '>', '/dev/kmsg')) {
		print $log "uml: init: $why: $!";
		close $log;
	}
	power_off();
}

sub mount_or_give_up
{
	my ($type, $where, $options) = @_;
	my $source = "none";

	$options //= "";
	syscall(SYS_mount, $source, $where, $type, 0, $options) == 0
		or give_up("cannot mount $type on $where");
}

sub bind_or_give_up
{
	my ($from, $to, $nothing) = (@_, "");

	my $path = "";
	for (split m{/}, $to) {
		$path .= "$_/";
		mkdir $path unless $path eq "/";
	}
	syscall(SYS_mount, $from, $to, $nothing, MS_BIND, $nothing) == 0
		or give_up("cannot bind $from to $to");
}

# A root of our own over the host's files: what is written goes to memory and is forgotten.
sub make_root
{
	my ($host) = @_;
	my ($from, $to, $nothing) = (".", "/", "");
	my $cwd = read_file("$host/cwd") // "";
	my $hidden = $cwd =~ m{^/(tmp|run|var/tmp|dev/shm)/};

	mount_or_give_up("devtmpfs", "/dev");
	mount_or_give_up("tmpfs", "/tmp");
	mkdir "/tmp/$_" for qw(upper work root);
	mount_or_give_up("overlay", "/tmp/root",
			 "lowerdir=/,upperdir=/tmp/upper,workdir=/tmp/work");
	chdir "/tmp/root" or give_up("cannot enter the new root");
	mount_or_give_up("proc", "proc");
	mount_or_give_up("sysfs", "sys");
	mount_or_give_up("debugfs", "sys/kernel/debug");
	mount_or_give_up("tracefs", "sys/kernel/tracing");
	mount_or_give_up("devtmpfs", "dev");
	mkdir "dev/$_" for qw(pts shm);
	mount_or_give_up("devpts", "dev/pts", "ptmxmode=666");
	symlink "/proc/self/fd", "dev/fd";
	symlink "fd/0", "dev/stdin";
	symlink "fd/1", "dev/stdout";
	symlink "fd/2", "dev/stderr";
	# The project must stay visible when it lives below a directory that gets its own tmpfs.
	bind_or_give_up("/tmp/root$cwd", "/tmp/keep") if $hidden;
	mount_or_give_up("tmpfs", $_) for qw(dev/shm run tmp var/tmp);
	bind_or_give_up("/tmp/keep", "/tmp/root$cwd") if $hidden;
	mkdir "run/$_" for qw(host lock);
	mount_or_give_up("hostfs", "run/host", $host);
	syscall(SYS_mount, $from, $to, $nothing, MS_MOVE, $nothing) == 0
		or give_up("cannot move to the new root");
	chroot "." or give_up("cannot chroot");
	chdir "/";
}

sub read_file
{
	my ($name) = @_;

	local $/;
	open(my $file, '<', $name) or return undef;
	return scalar <$file>;
}

sub write_file
{
	my ($name, $text) = @_;

	open(my $file, '>', $name) or return 0;
	print $file $text;
	return close $file;
}

# A terminal line that passes on bytes as they are.
sub open_line
{
	my ($name) = @_;
	my $termios = POSIX::Termios->new;

	sysopen(my $line, $name, POSIX::O_WRONLY | POSIX::O_NOCTTY) or give_up("cannot open $name");
	$termios->getattr(fileno $line);
	$termios->setoflag($termios->getoflag & ~OPOST);
	$termios->setlflag(0);
	$termios->setattr(fileno $line, TCSANOW);
	return $line;
}

sub write_all
{
	my ($line, $bytes) = @_;

	while (length $bytes) {
		my $written = syswrite($line, $bytes) // return;
		substr($bytes, 0, $written, "");
	}
}

sub settings
{
	# A fault that a test injects is no complaint: nothing about it in the kernel log.
	write_file($_, "0") for glob "/sys/kernel/debug/fail*/verbose";
	# Nothing fails until a test asks for it; then allocations that may wait fail too.
	write_file("/sys/kernel/debug/failslab/ignore-gfp-wait", "N");
	write_file("/proc/sys/kernel/hostname", "uml");
	my $loopback = pack("a16 s x22", "lo", IFF_UP);
	socket(my $socket, AF_INET, SOCK_DGRAM, 0) or give_up("no network");
	ioctl($socket, SIOCSIFFLAGS, $loopback) or give_up("no loopback");
	%ENV = (PATH => "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		HOME => "/root", LANG => "C.UTF-8", TERM => "dumb");
}

# Starts the command with its output going to two pipes; returns its process and their other ends.
sub start_command
{
	my ($cwd, @command) = @_;

	pipe(my $out, my $out_writer) && pipe(my $err, my $err_writer) or give_up("no pipe");
	my $child = fork // give_up("cannot fork");
	if ($child == 0) {
		local $SIG{__DIE__} = 'DEFAULT';
		$SIG{PIPE} = 'DEFAULT';
		open(STDIN, '<', "/dev/null");
		open(STDOUT, '>&', $out_writer);
		open(STDERR, '>&', $err_writer);
		POSIX::setsid();
		chdir $cwd or warn "uml: no directory $cwd in the machine\n";
		no warnings 'exec';
		exec { $command[0] } @command or warn "uml: cannot run $command[0]: $!\n";
		POSIX::_exit(127);
	}
	return ($child, $out, $err);
}

# Runs the command and passes on what it prints. Returns its exit status. A process that it left
# behind may hold the pipes for ever: some time after the command's end nobody listens any more.
# Nothing here polls: in virtual time each needless wake-up would make an hour's sleep expensive.
sub run_command
{
	my ($cwd, @command) = @_;
	my %line;
	my ($status, $patience);

	pipe(my $wake, my $waker) or give_up("no pipe");
	local $SIG{CHLD} = sub { syswrite($waker, "c") };
	my ($child, $out, $err) = start_command($cwd, @command);
	$line{fileno $out} = [$out, open_line("/dev/ttyS1")];
	$line{fileno $err} = [$err, open_line("/dev/ttyS2")];
	while (%line || !defined $status) {
		my $wanted = "";

		vec($wanted, $_, 1) = 1 for keys %line, fileno $wake;
		my $events = select(my $ready = $wanted, undef, undef, $patience);
		last if $events == 0;
		next if $events < 0;
		for my $fd (grep { vec($ready, $_, 1) } keys %line) {
			if (sysread($line{$fd}[0], my $bytes, 65536)) {
				write_all($line{$fd}[1], $bytes);
			} else {
				delete $line{$fd};
			}
		}
		next if !vec($ready, fileno $wake, 1);
		sysread($wake, my $signals, 4096);
		# Orphans become our children too: only the command's own end counts.
		while ((my $pid = waitpid(-1, WNOHANG)) > 0) {
			next if $pid != $child;
			$status = $? & 127 ? 128 + ($? & 127) : $? >> 8;
			$patience = DRAIN_SECONDS;
		}
	}
	return $status;
}

# kmemleak reports what is 5 s old and was unreferenced in two scans.
sub find_leaks
{
	my $kmemleak = "/sys/kernel/debug/kmemleak";

	write_file($kmemleak, "scan") or return "kmemleak does not work: $!\n";
	sleep LEAK_AGE_SECONDS;
	write_file($kmemleak, "scan") or return "kmemleak does not work: $!\n";
	return read_file($kmemleak) // "kmemleak does not work: $!\n";
}

my $host = dirname($0);
$SIG{PIPE} = 'IGNORE';
$SIG{__DIE__} = sub { give_up($_[0]) };
make_root($host);
settings();
my @command = (read_file("/run/host/command") // give_up("no command")) =~ /([^\0]*)\0/g;
my $status = run_command(read_file("/run/host/cwd") // "/", @command);
write_file("/run/host/kmemleak", find_leaks()) if (read_file("/run/host/leak-check") // 0);
write_file("/run/host/status", "$status\n");
power_off();
