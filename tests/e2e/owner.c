// SPDX-License-Identifier: GPL-2.0
/*
 * owner WORD...: a process that asks for locks, and does with the descriptors what processes do. The words,
 * one after the other:
 *
 *	lock:NAME[:FLAGS[:UNITS]]	ask and wait for what becomes of it; FLAGS of t (try), s (shared),
 *					o (others), c (close-on-exec)
 *	ask:NAME[:FLAGS[:UNITS]]	ask, and do not wait
 *	thread:WORD			do WORD in another thread, which ends
 *	until:STATE			wait until the newest lock is in that state, or one behind it
 *	state				tell it: its name, the token, CLOCK_BOOTTIME in ms; so do those above
 *	fork				the child keeps its copies and sleeps; tells its number
 *	close				the newest descriptor
 *	send:PATH, recv:PATH		the newest descriptor, over a Unix socket with that path
 *	exec:COMMAND			by /bin/sh, in place of this process
 *	sleep				for ever
 *
 * Each outcome is a line. Exit: 0; 1 after a word that failed.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "libkquorum.h"

#define LOCKS_MAX	1024

static struct kquorum *k;
static int locks[LOCKS_MAX];
static unsigned int n_locks;

static void die(const char *what)
{
	printf("%s: %s\n", what, strerror(errno));
	exit(1);
}

static const char *const states[] = {
	[KQUORUM_LOCK_ASKING] = "asking", [KQUORUM_LOCK_QUEUED] = "queued",
	[KQUORUM_LOCK_GRANTED] = "granted", [KQUORUM_LOCK_REFUSED] = "refused",
	[KQUORUM_LOCK_LOST] = "lost", [KQUORUM_LOCK_UNKNOWN] = "unknown",
};

static int newest(void)
{
	if (!n_locks) {
		printf("no descriptor\n");
		exit(1);
	}
	return locks[n_locks - 1];
}

static void keep(int fd)
{
	if (n_locks == LOCKS_MAX) {
		printf("no room\n");
		exit(1);
	}
	locks[n_locks++] = fd;
}

static uint32_t flags_of(const char *letters)
{
	uint32_t flags = 0;

	for (; letters && *letters; letters++)
		flags |= *letters == 't' ? KQUORUM_LOCK_TRY : *letters == 's' ? KQUORUM_LOCK_SHARED :
			 *letters == 'o' ? KQUORUM_LOCK_OTHERS : KQUORUM_LOCK_CLOEXEC;
	return flags;
}

static void ask(char *words)
{
	struct kquorum_lock_request request = { .resource = strsep(&words, ":") };
	const char *units;
	int fd;

	request.flags = flags_of(strsep(&words, ":"));
	units = strsep(&words, ":");
	request.units = units ? strtoul(units, NULL, 10) : 0;
	fd = kquorum_lock_open(k, &request);
	if (fd < 0) {
		printf("%s: no: %s\n", request.resource, kquorum_error(k));
		exit(1);
	}
	keep(fd);
}

static unsigned long long boot_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return t.tv_sec * 1000ull + t.tv_nsec / 1000000;
}

/* Waits until it is in @state, or one behind it, and tells which, with its token, and when. */
static uint32_t await(uint32_t state)
{
	struct kquorum_lock_info info;
	struct pollfd p = { newest(), POLLIN, 0 };

	for (;;) {
		if (kquorum_lock_read(p.fd, &info))
			die("read");
		if (info.state >= state)
			break;
		poll(&p, 1, 1000);
	}
	printf("%s %llu %llu\n", states[info.state], (unsigned long long)info.token, boot_ms());
	return info.state;
}

static uint32_t state_of(const char *name)
{
	uint32_t i;

	for (i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		if (!strcmp(states[i], name))
			return i;
	printf("there is no state %s\n", name);
	exit(1);
}

static void fork_off(void)
{
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (!pid)
		for (;;)
			pause();
	printf("child %d\n", pid);
}

static int unix_socket(const char *path, struct sockaddr_un *to)
{
	int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*to = (struct sockaddr_un){ .sun_family = AF_UNIX };
	snprintf(to->sun_path, sizeof(to->sun_path), "%s", path);
	if (s < 0)
		die("socket");
	return s;
}

/* One message of one byte, with room for one descriptor. */
struct parcel {
	char byte;
	struct iovec iov;
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	};
	struct msghdr msg;
};

static void pack(struct parcel *p)
{
	memset(p, 0, sizeof(*p));
	p->iov = (struct iovec){ &p->byte, 1 };
	p->msg = (struct msghdr){ .msg_iov = &p->iov, .msg_iovlen = 1, .msg_control = p->room,
				  .msg_controllen = sizeof(p->room) };
}

static void send_newest(const char *path)
{
	struct sockaddr_un to;
	int s = unix_socket(path, &to), fd = newest(), i;
	struct parcel p;
	struct cmsghdr *c;

	for (i = 0; connect(s, (struct sockaddr *)&to, sizeof(to)); i++)
		if (i == 100 || usleep(100000))
			die("connect");
	pack(&p);
	c = CMSG_FIRSTHDR(&p.msg);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(int));
	if (sendmsg(s, &p.msg, 0) != 1)
		die("sendmsg");
	/* It is there when the other end has read it, not before. */
	if (read(s, &p.byte, 1) != 1)
		die("answer");
	printf("sent\n");
	close(s);
}

static void receive(const char *path)
{
	struct sockaddr_un at;
	int s = unix_socket(path, &at), c, fd;
	struct parcel p;

	if (bind(s, (struct sockaddr *)&at, sizeof(at)) || listen(s, 1))
		die("bind");
	c = accept(s, NULL, NULL);
	pack(&p);
	if (c < 0 || recvmsg(c, &p.msg, 0) != 1 || !CMSG_FIRSTHDR(&p.msg))
		die("recvmsg");
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&p.msg)), sizeof(int));
	keep(fd);
	if (write(c, "", 1) != 1)
		die("answer");
	close(c);
	close(s);
	printf("received\n");
}

static void run(char *word);

static void *in_thread(void *word)
{
	run(word);
	return NULL;
}

static void thread(char *word)
{
	pthread_t t;

	if (pthread_create(&t, NULL, in_thread, word) || pthread_join(t, NULL))
		die("thread");
}

static void run(char *word)
{
	char *rest = word;
	const char *what = strsep(&rest, ":");

	if (!strcmp(what, "lock")) {
		ask(rest);
		if (await(KQUORUM_LOCK_GRANTED) != KQUORUM_LOCK_GRANTED)
			exit(1);
	} else if (!strcmp(what, "ask")) {
		ask(rest);
	} else if (!strcmp(what, "thread")) {
		thread(rest);
	} else if (!strcmp(what, "until")) {
		await(state_of(rest));
	} else if (!strcmp(what, "state")) {
		await(0);
	} else if (!strcmp(what, "fork")) {
		fork_off();
	} else if (!strcmp(what, "close")) {
		close(newest());
		n_locks--;
	} else if (!strcmp(what, "send")) {
		send_newest(rest);
	} else if (!strcmp(what, "recv")) {
		receive(rest);
	} else if (!strcmp(what, "exec")) {
		execl("/bin/sh", "sh", "-c", rest, (char *)NULL);
		die("exec");
	} else if (!strcmp(what, "sleep")) {
		for (;;)
			pause();
	} else {
		printf("what is \"%s\"?\n", what);
		exit(1);
	}
}

int main(int argc, char **argv)
{
	char text[512];
	int i;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (kquorum_open(&k, text, sizeof(text))) {
		printf("%s\n", text);
		return 1;
	}
	for (i = 1; i < argc; i++)
		run(argv[i]);
	return 0;
}
