// SPDX-License-Identifier: GPL-2.0
/* A leader in place of libkquorum: see leader.h. */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "leader.h"
#include "test.h"

struct world *w;

/* The configuration in force gets into the log, for those who look there. */
static void log_conf(void)
{
	struct conf *c = &w->confs[w->n_confs++];
	unsigned int i, n = 0;

	assert_true(w->n_confs < MAX_CONFS);
	c->head.voters = htole32(w->st.voters);
	c->head.outgoing = htole32(w->st.outgoing);
	c->head.learners = htole32(w->st.learners);
	for (i = 0; i < w->st.n_peers; i++)
		if (status_is_member(&w->st, w->st.peers[i].id))
			strcpy(c->member[n++].name, w->st.peers[i].name);
	c->bytes = sizeof(c->head) + n * sizeof(c->member[0]);
	w->st.conf_index = ++w->st.last_index;
}

/* Who is no member any more is not connected for long, and nothing is known of it. */
static void forget_left(void)
{
	struct kquorum_status *st = &w->st;
	unsigned int i;

	for (i = 0; i < st->n_peers; i++) {
		if (status_is_member(st, st->peers[i].id) || !st->peers[i].member)
			continue;
		st->n_peers--;
		memmove(&st->peers[i], &st->peers[i + 1], (st->n_peers - i) * sizeof(st->peers[0]));
		i--;
	}
}

static void promote_learners(void)
{
	unsigned int i;

	for (i = 0; i < w->st.n_peers; i++) {
		struct kquorum_peer_status *p = &w->st.peers[i];

		if (!p->promote || !node_is_ready(&w->st, p))
			continue;
		p->promote = false;
		w->st.outgoing = w->st.voters;
		w->st.voters |= node_bit(p->id);
		w->st.learners &= ~node_bit(p->id);
		log_conf();
	}
}

/* A step each time: commit, leave a joint configuration, promote. */
static void settle(void)
{
	if (!w->st.quorum)
		return;
	if (w->st.conf_index > w->st.commit_index) {
		w->st.commit_index = w->st.last_index;
		if (!w->st.outgoing)
			forget_left();
	} else if (w->st.outgoing) {
		w->st.outgoing = 0;
		log_conf();
	} else {
		promote_learners();
	}
}

/* Within the bounds of what the command may ask for, as the module answers. */
static int check(const struct kquorum_change *c)
{
	uint32_t joining = (c->voters | c->learners) & ~status_members(&w->st), live = 0;
	unsigned int i;

	if (w->st.role != KQUORUM_LEADER)
		return -EREMOTE;
	if (!status_settled(&w->st))
		return -EBUSY;
	if (c->based_on != w->st.conf_index)
		return -ESTALE;
	if (c->settings && (c->id || c->voters != w->st.voters || c->learners != w->st.learners))
		return -EINVAL;
	if (c->settings && w->st.overlap)
		return -EINPROGRESS;
	for (i = 0; i < w->st.n_peers; i++) {
		const struct kquorum_peer_status *p = &w->st.peers[i];
		bool stays = (c->voters | c->learners) & node_bit(p->id);

		if (c->id && p->id != c->id && stays && !strcmp(p->name, c->name))
			return -ENOTUNIQ;
		if (p->connected)
			joining &= ~node_bit(p->id);
		if (node_is_ready(&w->st, p))
			live |= node_bit(p->id);
	}
	if (joining)
		return -EHOSTUNREACH;
	if (c->promote && !(c->learners & node_bit(c->id)))
		return -EINVAL;
	return c->voters != w->st.voters &&
		node_count(live & c->voters) < nodes_majority(c->voters) ? -ENOTCONN : 0;
}

int kquorum_reconfigure(struct kquorum *k, const struct kquorum_change *c)
{
	int ret = w->errors[w->refused] ? w->errors[w->refused++] : check(c);
	struct kquorum_peer_status *p;

	(void)k;
	if (ret)
		return ret;
	w->changes++;
	if (c->settings) {
		w->st.before = w->st.settings;
		w->st.settings = *c->settings;
		w->st.overlap = true;
		w->st.overlap_left_ns = 21 * NS_PER_SEC;
	}
	w->st.outgoing = c->voters != w->st.voters ? w->st.voters : 0;
	w->st.voters = c->voters;
	w->st.learners = c->learners;
	if (c->id) {
		p = node_up(&w->st, c->id);
		strcpy(p->name, c->name);
		strcpy(p->address, c->address);
		p->promote = c->promote;
		p->priority = c->priority;
		p->witness = c->witness;
	}
	log_conf();
	return 0;
}

int kquorum_status(struct kquorum *k, struct kquorum_status *st)
{
	(void)k;
	settle();
	w->looks++;
	if (w->each)
		w->each(w->looks);
	*st = w->st;
	return 0;
}

int kquorum_log_dump(struct kquorum *k, uint64_t first, uint64_t last, kquorum_log_cb cb,
		     void *user)
{
	unsigned int i;

	(void)k;
	(void)first;
	(void)last;
	if (w->log_error)
		return w->log_error;
	for (i = 0; i < w->n_confs; i++) {
		struct kquorum_log_entry e = {
			.type = KQUORUM_ENTRY_CONF, .committed = true,
			.payload = &w->confs[i], .bytes = w->confs[i].bytes,
		};

		cb(&e, user);
	}
	return 0;
}

void leader_begin(unsigned int nodes)
{
	if (!w)
		w = mmap(NULL, sizeof(*w), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
			 0);
	assert_true(w != MAP_FAILED);
	memset(w, 0, sizeof(*w));
	w->st = cluster_of(nodes);
	log_conf();
	w->st.commit_index = w->st.last_index;
}
