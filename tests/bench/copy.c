// SPDX-License-Identifier: GPL-2.0
/*
 * A plain copy over TCP, as the floor for sending a snapshot: what comes in is written to a file,
 * which is synced in the end; nothing is looked at.
 *
 *	copy receive ADDRESS PORT FILE		waits for one connection; says how long that took
 *	copy send ADDRESS PORT FILE
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PIECE	(256 * 1024)

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void write_all(int fd, const char *from, size_t len)
{
	while (len) {
		ssize_t put = write(fd, from, len);

		if (put <= 0)
			die("writing");
		from += put;
		len -= put;
	}
}

static void receive(int sock, const char *path)
{
	static char buf[PIECE];
	unsigned long long bytes = 0;
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600), from;
	double begun;
	ssize_t got;

	if (fd < 0)
		die(path);
	if (listen(sock, 1))
		die("listen");
	puts("ready");
	fflush(stdout);
	from = accept(sock, NULL, NULL);
	if (from < 0)
		die("accept");
	begun = now_s();
	while ((got = read(from, buf, sizeof(buf))) > 0) {
		write_all(fd, buf, got);
		bytes += got;
	}
	if (got < 0)
		die("reading");
	if (fsync(fd))
		die("fsync");
	printf("{\"bytes\":%llu,\"seconds\":%.6f}\n", bytes, now_s() - begun);
}

static void send_file(int sock, const char *path)
{
	int fd = open(path, O_RDONLY);
	struct stat st;
	off_t at = 0;

	if (fd < 0 || fstat(fd, &st))
		die(path);
	while (at < st.st_size)
		if (sendfile(sock, fd, &at, PIECE) <= 0)
			die("sendfile");
}

int main(int argc, char **argv)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	int sock = socket(AF_INET, SOCK_STREAM, 0), yes = 1;

	if (argc != 5 || inet_pton(AF_INET, argv[2], &a.sin_addr) != 1) {
		fputs("usage: copy receive|send ADDRESS PORT FILE\n", stderr);
		return 2;
	}
	a.sin_port = htons(atoi(argv[3]));
	if (sock < 0)
		die("socket");
	if (!strcmp(argv[1], "receive")) {
		setsockopt(sock, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
		if (bind(sock, (struct sockaddr *)&a, sizeof(a)))
			die("bind");
		receive(sock, argv[4]);
	} else {
		if (connect(sock, (struct sockaddr *)&a, sizeof(a)))
			die("connect");
		send_file(sock, argv[4]);
	}
	return 0;
}
