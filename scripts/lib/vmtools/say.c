// SPDX-License-Identifier: GPL-2.0
/*
 * kq-say: send lines to a unix socket and print the answers; speaks to kq-diskd, kq-netd and
 * QEMU's QMP. An answer ends with a line that starts with "ok" or "error", or, in QMP, is a
 * JSON object with "return" or "error". Greetings and events of QMP are left out.
 */
#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	struct timeval limit = { .tv_sec = 90 };
	int i, s, failed = 0;
	char line[8192], copy[4096];
	FILE *f;

	if (argc < 3) {
		fprintf(stderr, "Usage: kq-say SOCKET LINE...\nSend each LINE, print each answer; "
			"exit 1 when an answer is an error.\n");
		return 2;
	}
	/* a socket's path may have 107 bytes only: go there and use the short name */
	snprintf(copy, sizeof(copy), "%s", argv[1]);
	if (chdir(dirname(copy)))
		return perror(argv[1]), 1;
	snprintf(copy, sizeof(copy), "%s", argv[1]);
	snprintf(a.sun_path, sizeof(a.sun_path), "%s", basename(copy));
	s = socket(AF_UNIX, SOCK_STREAM, 0);
	if (s < 0 || connect(s, (struct sockaddr *)&a, sizeof(a)))
		return perror(argv[1]), 1;
	setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	f = fdopen(s, "r+");
	if (!f)
		return 1;
	setvbuf(f, NULL, _IOLBF, sizeof(line));
	for (i = 2; i < argc; i++) {
		dprintf(s, "%s\n", argv[i]);
		for (;;) {
			int json, bad, end;

			if (!fgets(line, sizeof(line), f)) {
				fprintf(stderr, "kq-say: %s does not answer\n", argv[1]);
				return 1;
			}
			json = line[0] == '{';
			if (json && (strstr(line, "\"QMP\"") || strstr(line, "\"event\"")))
				continue;
			bad = json ? !!strstr(line, "\"error\"") : !strncmp(line, "error", 5);
			end = bad || (json ? !!strstr(line, "\"return\"") : !strncmp(line, "ok", 2));
			if (bad)
				fputs(line, stderr);
			else if (!json)
				fputs(line, stdout);
			failed |= bad;
			if (end)
				break;
		}
	}
	return failed;
}
