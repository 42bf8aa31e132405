// SPDX-License-Identifier: GPL-2.0
/*
 * The stand-in for the module, continued: it saves snapshots and takes them.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../kmod/core/kq_snap_format.h"
#include "../../userspace/daemon/genl.h"
#include "fake_module.h"
#include "snapstream.h"

static struct fake_node *self(void)
{
	return &fake->node[fake_self];
}

/* In the order in which it happens; a row of the same is one. */
void fake_order(char what)
{
	size_t n;

	fake_lock();
	n = strlen(self()->order);
	if (n + 1 < sizeof(self()->order) && (!n || self()->order[n - 1] != what))
		self()->order[n] = what;
	fake_unlock();
}

/* What was taken is in use from here on. */
void fake_use(unsigned int node)
{
	fake_lock();
	fake->node[node].snapshot = fake->node[node].next;
	fake_unlock();
	fake_wake(node, KQUORUM_EVENT_SNAPSHOT);
}

/* A limit on the size of files is the daemon's, not this module's. */
static int whole_stream(const char *bytes, size_t len)
{
	int fd = memfd_create("save", MFD_CLOEXEC);
	struct rlimit was, none;

	getrlimit(RLIMIT_FSIZE, &was);
	none = was;
	none.rlim_cur = was.rlim_max;
	setrlimit(RLIMIT_FSIZE, &none);
	if (fd < 0 || write(fd, bytes, len) != (ssize_t)len)
		abort();
	setrlimit(RLIMIT_FSIZE, &was);
	lseek(fd, 0, SEEK_SET);
	return fd;
}

/* The other end stays open for as long as this process lives. */
static int stuck_stream(const char *bytes, size_t len)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) || write(fds[1], bytes, len) != (ssize_t)len)
		abort();
	return fds[0];
}

int kqd_genl_save(struct kqd_genl *g)
{
	struct fake_node *n = self();
	struct kqd_ref ref;
	char *bytes;
	size_t len;
	int fd;

	g->refused[0] = '\0';
	fake_lock();
	n->saves++;
	if (n->save_error) {
		fd = n->save_error;
		fake_unlock();
		return fd;
	}
	bytes = snapstream(n->applied, n->term ? n->term : 1, n->claims, &ref);
	len = n->save_cut && n->save_cut < ref.bytes ? n->save_cut : ref.bytes;
	fd = n->save_stuck ? stuck_stream(bytes, len) : whole_stream(bytes, len);
	fake_unlock();
	free(bytes);
	return fd;
}

static int check(int fd, struct kqd_ref *ref, char *why)
{
	struct kq_snap_reader *r = malloc(sizeof(*r));
	char buf[4096];
	ssize_t got;
	off_t at = 0;
	int err;

	kq_snap_reader_init(r, FAKE_CLUSTER, FAKE_ORIGIN);
	while ((got = pread(fd, buf, sizeof(buf), at)) > 0) {
		at += got;
		if (kq_snap_read(r, buf, got, NULL, NULL))
			break;
	}
	err = kq_snap_read_end(r);
	*ref = (struct kqd_ref){ r->ref.index, r->ref.term, r->ref.bytes, r->ref.crc };
	strcpy(why, r->why);
	free(r);
	return err;
}

/* Called locked. */
static int take(struct fake_node *n, const struct kqd_ref *ref, bool install, char *why)
{
	unsigned int i;

	strcpy(why, "told to refuse");
	if (n->hand_error)
		return n->hand_error;
	strcpy(why, "not of this node's past");
	if (ref->index <= n->snapshot.index || (install && ref->index <= n->applied))
		return -ESTALE;
	if (!install && ref->index > n->applied)
		return -EINVAL;
	why[0] = '\0';
	n->next = *ref;
	if (!n->hold)
		n->snapshot = *ref;
	if (install) {
		n->state = KQUORUM_NODE_RUNNING;
		n->applied = ref->index;
		for (i = 1; i <= FAKE_NODES; i++)
			fake->node[i].needs[fake_self] = 0;
	}
	return 0;
}

/* Checks and takes it, and answers. */
static void answer(int file, bool install, int to)
{
	struct kquorum_snapshot_result r = { 0 };
	struct kqd_ref ref;
	unsigned int i;

	fake_order(install ? 'I' : 'A');
	r.error = check(file, &ref, r.why);
	fake_lock();
	*(install ? &self()->installs : &self()->adopts) += 1;
	if (!r.error)
		r.error = take(self(), &ref, install, r.why);
	fake_unlock();
	r.index = ref.index;
	r.term = ref.term;
	r.bytes = ref.bytes;
	r.crc = ref.crc;
	if (write(to, &r, sizeof(r)) != sizeof(r))
		abort();
	for (i = 1; i <= FAKE_NODES; i++)
		fake_wake(i, KQUORUM_EVENT_SNAPSHOT);
}

/* Reads no more than it was told: what is said to be there has to be. */
static bool is_there(int file, const struct kquorum_snapshot_grown *grown, uint64_t before)
{
	struct stat st;

	return !grown->zero && grown->bytes >= before && !fstat(file, &st) &&
		(uint64_t)st.st_size >= grown->bytes;
}

/* As the module's worker, while the daemon goes on. */
static void *read_growing(void *arg)
{
	struct kquorum_snapshot_grown grown = { 0 };
	int *fds = arg;
	uint64_t before;

	do {
		before = grown.bytes;
		if (read(fds[0], &grown, sizeof(grown)) != sizeof(grown))
			break;
		if (!is_there(fds[1], &grown, before))
			abort();
		fake_lock();
		self()->grown = grown.bytes;
		fake_unlock();
		if (self()->feed_breaks && grown.bytes > self()->feed_breaks)
			break;
		if (grown.whole)
			answer(fds[1], true, fds[0]);
	} while (!grown.whole);
	close(fds[0]);
	close(fds[1]);
	free(fds);
	return NULL;
}

static int hand_growing(int file)
{
	int *fds = malloc(2 * sizeof(*fds)), ends[2];
	pthread_t thread;

	fake_lock();
	self()->feeds++;
	fake_unlock();
	if (self()->feed_error)
		return self()->feed_error;
	if (!fds || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		abort();
	fds[0] = ends[1];
	fds[1] = fcntl(file, F_DUPFD_CLOEXEC, 0);
	if (fds[1] < 0 || pthread_create(&thread, NULL, read_growing, fds) || pthread_detach(thread))
		abort();
	return ends[0];
}

int kqd_genl_hand_over(struct kqd_genl *g, int file, enum kqd_hand hand)
{
	int fds[2];

	g->refused[0] = '\0';
	if (hand == KQD_HAND_GROWING)
		return hand_growing(file);
	if (pipe2(fds, O_CLOEXEC))
		abort();
	answer(file, hand == KQD_HAND_INSTALL, fds[1]);
	close(fds[1]);
	return fds[0];
}
