// SPDX-License-Identifier: GPL-2.0
/*
 * Scrubs, as the module makes them: a pass over the disk of a running node, then what is missing is
 * written again. At the end a start would miss nothing, unless more has gone bad meanwhile.
 */
#include "kq_scrub.h"
#include "disk.h"
#include "sim.h"

#define PASSES	2	/* the second one after the log's end was mended */

struct sim_scrub {
	struct kq_scrub *pass;
	u32 passes;
	u32 at;			/* gap that is written next */
	u64 next;		/* index in it */
	u64 rots;		/* of the node when it began */
};

static u64 seg(const struct sim *s)
{
	return s->d.segment_kib * 1024;
}

void scrub_gone(struct sim_node *n)
{
	if (!n->scrub)
		return;
	kq_scrub_destroy(n->scrub->pass);
	free(n->scrub);
	n->scrub = NULL;
}

/* What a reader of the files sees. The rest of a write under way has any sectors on disk. */
static void read_segment(struct sim *s, struct sim_node *n, u32 slot, u8 *to, u64 len)
{
	const struct kq_batch *b = n->batch;
	u64 i;

	memcpy(to, n->disk + slot * seg(s), len);
	if (!b || b->slot != slot)
		return;
	for (i = 0; i < b->len; i += KQ_WAL_SECTOR)
		if (b->offset + i < len && sim_chance(s, 50))
			memcpy(to + b->offset + i, b->data + i, KQ_WAL_SECTOR);
}

/* Returns as kq_scrub_result(). */
static int read_all(struct sim *s, struct sim_node *n, struct kq_scrub *pass,
		    struct kq_wal_report *rep)
{
	u8 *buf = sim_calloc(1, seg(s));
	int slot, err = 0;

	for (slot = 0; !err && slot < (int)s->d.segments; slot++) {
		read_segment(s, n, slot, buf, KQ_WAL_HEAD_BYTES);
		err = kq_scrub_head(pass, slot, buf);
	}
	while (!err && (slot = kq_scrub_next(pass)) >= 0) {
		read_segment(s, n, slot, buf, seg(s));
		err = kq_scrub_segment(pass, slot, buf);
	}
	free(buf);
	return err ? err : kq_scrub_result(pass, rep);
}

static void end(struct sim *s, struct sim_node *n, const char *how)
{
	sim_trace(s, n, "scrub: %s", how);
	kq_core_scrub_end(n->core, sim_clock(s, n));
	scrub_gone(n);
}

/* All is written again that was missing. */
static void end_whole(struct sim *s, struct sim_node *n)
{
	bool same = n->scrub->rots == n->rots && !n->core->scrub.error &&
		!n->core->snap_version;

	end(s, n, "done");
	s->st.scrubs++;
	if (!same)
		return;
	n->live_rot = false;
	if (disk_would_miss(s, n))
		sim_fail(s, n, "after a scrub a start would miss something all the same");
}

/* Another pass. Returns false: there is no memory, or the moment is wrong; it is given up. */
static bool pass_begin(struct sim *s, struct sim_node *n)
{
	struct kq_wal_report rep;
	int err;

	kq_scrub_destroy(n->scrub->pass);
	n->scrub->pass = kq_scrub_create(n->core);
	if (!n->scrub->pass)
		return false;
	n->scrub->passes++;
	n->scrub->rots = n->rots;
	n->scrub->at = 0;
	n->scrub->next = 0;
	err = read_all(s, n, n->scrub->pass, &rep);
	if (err == -ENOMEM)
		return false;
	if (err && err != -EUCLEAN)
		sim_fail(s, n, "a scrub fails: %d", err);
	if (!n->rotten && (err || rep.crossed || n->scrub->pass->count))
		sim_fail(s, n, "a scrub finds damage where there is none: slot %u offset %llu: %s",
			 rep.slot, (unsigned long long)rep.offset, rep.reason);
	sim_trace(s, n, "scrub: %u places, %u gaps%s %s", rep.crossed, n->scrub->pass->count,
		  err ? ", the end not known:" : "", rep.reason);
	if (!err)
		return true;
	if (n->scrub->passes == PASSES)
		return false;
	n->scrub->pass->count = 0;
	return !kq_core_scrub_mend(n->core, sim_clock(s, n));
}

void scrub_strike(struct sim *s, struct sim_node *n)
{
	if (n->paused_until > s->now || n->scrub || n->stopping ||
	    kq_core_scrub_begin(n->core, sim_clock(s, n)))
		return;
	n->scrub = sim_calloc(1, sizeof(*n->scrub));
	if (!pass_begin(s, n))
		end(s, n, "given up");
	node_out(s, n);
}

/* As long as it is not done with, what is missing next is written. */
void scrub_tick(struct sim *s, struct sim_node *n)
{
	struct sim_scrub *scrub = n->scrub;
	const struct kq_scrub_gap *g;
	u64 last;

	if (!scrub || kq_core_scrub_busy(n->core))
		return;
	if (n->core->state != KQUORUM_NODE_RUNNING || !n->core->scrub.on) {
		end(s, n, "cut short");
		return;
	}
	/* The end of the log has been mended: once more. */
	if (scrub->passes < PASSES && n->core->scrub.version && !scrub->pass->count) {
		if (n->batch && !n->batch->offset)
			return;
		if (!pass_begin(s, n))
			end(s, n, "given up");
		return;
	}
	if (scrub->at == scrub->pass->count) {
		end_whole(s, n);
		return;
	}
	g = &scrub->pass->gap[scrub->at];
	scrub->next = max(scrub->next, g->first);
	last = min(g->last, scrub->next + 63);
	if (kq_core_scrub_rewrite(n->core, sim_clock(s, n), scrub->next, last))
		return;
	scrub->next = last + 1;
	if (last == g->last) {
		scrub->at++;
		scrub->next = 0;
	}
}
