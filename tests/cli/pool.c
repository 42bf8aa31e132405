// SPDX-License-Identifier: GPL-2.0
/* A cluster with one resource in place of libkquorum: see pool.h. */
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pool.h"
#include "test.h"

#define ASKED_MAX 4096

struct cli cli;
struct kquorum_status status;
struct kquorum_resource gpu;
struct kquorum_claim claims[4];
unsigned int short_reads;
uint64_t short_left_ns;
uint64_t after_renewal_ns;
bool lost_then;
bool evicted_go;
struct kquorum_lock_info lock_info;
struct kquorum_append_result outcome;
unsigned int busy;
int open_error;
int on_loss_error;
enum outcome_comes comes;
char *asked;
char *told;

static int other_end = -1;

static void note(char *where, const char *format, ...)
{
	size_t n = strlen(where);
	va_list ap;

	va_start(ap, format);
	vsnprintf(where + n, ASKED_MAX - n, format, ap);
	va_end(ap);
}

static int open_handle(void)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		return -errno;
	other_end = ends[1];
	return ends[0];
}

int kquorum_status(struct kquorum *k, struct kquorum_status *st)
{
	(void)k;
	*st = status;
	return 0;
}

int kquorum_lock_open(struct kquorum *k, const struct kquorum_lock_request *r)
{
	(void)k;
	note(asked, "lock %s, flags %u, units %u, info %s", r->resource, r->flags, r->units,
	     r->info ? r->info : "-");
	note(asked, r->ttl_ms || r->hold_ms ? ", ttl %u, hold %u\n" : "\n", r->ttl_ms, r->hold_ms);
	return open_error ? open_error : open_handle();
}

int kquorum_lock_read(int fd, struct kquorum_lock_info *info)
{
	(void)fd;
	*info = lock_info;
	if (short_reads) {
		short_reads--;
		info->left_ns = short_left_ns;
	} else if (lost_then) {
		info->state = KQUORUM_LOCK_LOST;
		lost_then = false;	/* it is asked for again, and granted */
	}
	return 0;
}

int kquorum_lock_renew(int fd, uint64_t token)
{
	(void)fd;
	note(told, "renewed %llu\n", (unsigned long long)token);
	if (after_renewal_ns)
		lock_info.renew_left_ns = after_renewal_ns;
	return 0;
}

int kquorum_lock_on_loss(int fd, const struct kquorum_on_loss *l)
{
	(void)fd;
	note(told, "flags %u, signal %u at %u, kill at %u\n", l->flags, l->signal, l->warn_ms, l->kill_ms);
	return on_loss_error;
}

int kquorum_resource_dump(struct kquorum *k, kquorum_resource_cb cb, void *user)
{
	(void)k;
	return gpu.name[0] ? cb(&gpu, user) : 0;
}

int kquorum_resource_get(struct kquorum *k, const char *name, kquorum_resource_cb cb, void *user)
{
	(void)k;
	return strcmp(name, gpu.name) ? -ENOENT : cb(&gpu, user);
}

static int open_outcome(void)
{
	struct kquorum_append_result r = outcome;
	int fd = open_error ? open_error : open_handle();

	if (fd < 0)
		return fd;
	if (busy) {
		busy--;
		r = (struct kquorum_append_result){ .error = -EBUSY };
	}
	if (comes == OUTCOME_NODE_DOWN)
		close(other_end);
	else if (comes == OUTCOME_COMES)
		assert_int_equal(write(other_end, &r, sizeof(r)), sizeof(r));
	return fd;
}

static void note_terms(const struct kquorum_resource_request *r)
{
	if (r->has_ttl)
		note(asked, ", ttl %u", r->ttl_ms);
	if (r->has_hold)
		note(asked, ", hold %u", r->hold_ms);
	if (r->has_uid)
		note(asked, ", uid %u", r->uid);
	if (r->has_gid)
		note(asked, ", gid %u", r->gid);
	if (r->has_mode)
		note(asked, ", mode %04o", r->mode);
	if (r->has_fenced)
		note(asked, r->fenced ? ", fenced" : ", not fenced");
	note(asked, "\n");
}

int kquorum_resource_set(struct kquorum *k, const struct kquorum_resource_request *r)
{
	(void)k;
	note(asked, "%s %s, units %u, %s %u", r->create ? "create" : "set", r->name, r->units,
	     r->has_max_waiters ? "waiters" : "-", r->max_waiters);
	note_terms(r);
	if (!outcome.error && r->units)
		gpu.units = r->units;
	return open_outcome();
}

int kquorum_resource_delete(struct kquorum *k, const char *name)
{
	(void)k;
	note(asked, "delete %s\n", name);
	return open_outcome();
}

int kquorum_resource_evict(struct kquorum *k, const struct kquorum_evict_request *r)
{
	unsigned int i;

	(void)k;
	note(asked, "evict %s, node %u, session %llu, owner %llu, drain %u\n", r->name, r->node,
	     (unsigned long long)r->session, (unsigned long long)r->owner, r->drain_ms);
	for (i = 0; evicted_go && i < gpu.n_claims; i++)
		if (claims[i].owner == r->owner && claims[i].session == r->session)
			memmove(&claims[i], &claims[i + 1], (--gpu.n_claims - i) * sizeof(claims[0]));
	return open_outcome();
}

int kquorum_fence_ask(struct kquorum *k, const char *name, uint64_t token)
{
	(void)k;
	note(asked, "fence %s %llu\n", name, (unsigned long long)token);
	return open_outcome();
}

static void put_claims(void)
{
	static const struct kquorum_claim all[4] = {
		{ .node = 2, .pid = 4194304, .session = 5, .owner = 1, .token = 77, .age_ns = 65 * NS_PER_SEC,
		  .comm = "fifteen-letters", .mode = KQUORUM_CLAIM_MODE_UNITS, .units = 2,
		  .numbers = { 1 << 0 | 1 << 3 }, .info = "epoch 3" },
		{ .node = 3, .pid = 41, .session = 6, .owner = 1, .token = 78, .age_ns = 5 * NS_PER_SEC,
		  .comm = "train", .mode = KQUORUM_CLAIM_MODE_UNITS, .units = 1, .numbers = { 1 << 1 } },
		{ .node = 3, .pid = 12, .session = 6, .owner = 2, .age_ns = NS_PER_SEC, .comm = "waits",
		  .mode = KQUORUM_CLAIM_MODE_UNITS, .units = 4 },
		{ .node = 2, .pid = 13, .session = 5, .owner = 3, .age_ns = NS_PER_SEC, .comm = "too",
		  .mode = KQUORUM_CLAIM_SHARED },
	};
	unsigned int i;

	memcpy(claims, all, sizeof(all));
	for (i = 0; i < 4; i++)
		claims[i].evicted_ns = KQUORUM_NEVER;
	gpu = (struct kquorum_resource){
		.name = "gpu", .token = 78, .units = 4, .in_use = 3, .defined = 20, .n_claims = 4,
		.claims = claims, .mode = 0600,
	};
}

/* Seen by the children too. */
static void begin_notes(char **where)
{
	if (!*where)
		*where = mmap(NULL, ASKED_MAX, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(*where, MAP_FAILED);
	**where = '\0';
}

int pool_begin(void **state)
{
	unsigned int i;

	(void)state;
	begin_notes(&asked);
	begin_notes(&told);
	put_claims();
	lock_info = (struct kquorum_lock_info){ .state = KQUORUM_LOCK_QUEUED, .session = 9, .owner = 9,
						 .renew_left_ns = KQUORUM_NEVER,
						 .hold_left_ns = KQUORUM_NEVER };
	outcome = (struct kquorum_append_result){ .number = 1, .index = 4711, .term = 4 };
	busy = open_error = on_loss_error = 0;
	short_reads = 0;
	after_renewal_ns = 0;
	lost_then = evicted_go = false;
	comes = OUTCOME_COMES;
	status = (struct kquorum_status){
		.name = "demo", .cluster_id = 0xabc, .node_id = 1, .state = KQUORUM_NODE_RUNNING,
		.term = 4, .leader = 2, .quorum = true, .daemon = true, .n_peers = 3, .session = 9,
		.conf_index = 1, .commit_index = 9, .voters = 0xe, .founders = 0xe,
		.session_left_ns = 9 * NS_PER_SEC, .silence_ns = 12 * NS_PER_SEC,
		.settings = { .election_ms = 1000, .lease_ms = 10000, .delta_ms = 250 },
	};
	for (i = 0; i < 3; i++) {
		struct kquorum_peer_status *p = &status.peers[i];

		p->id = i + 1;
		p->member = true;
		p->connected = i > 0;
		snprintf(p->name, sizeof(p->name), "n%u", i + 1);
	}
	return 0;
}

void pool_none(void)
{
	gpu = (struct kquorum_resource){ .units = 1 };
}
