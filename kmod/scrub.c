// SPDX-License-Identifier: GPL-2.0
/*
 * A scrub. A work reads one piece of a segment at a time, and comes back when the rate allows for
 * the next one: so it holds up neither a suspend nor the end of its node. The node's lock is taken
 * for steps of the core only, which are these:
 *
 *	begin -> heads -> segments -> result -> write again what is missing -> end
 *	   ^-------------- mend <--------'	the log's end cannot be read: once
 */
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include "core/kq_scrub.h"
#include "node.h"
#include "scrub.h"
#include "trace.h"

#define PIECE		(256u * 1024)	/* bytes read at once */
#define AGAIN_MS	20		/* until what cannot be done now is tried again */
#define REWRITE		64		/* entries in one go */

enum stage { BEGIN, HEADS, SEGMENTS, REWRITING, MENDING };

/**
 * struct kq_scrub_job - how far it is
 * @stage: what comes next
 * @pass: over the log
 * @buf: a segment
 * @slot: which is being read
 * @pos: how much of it is there
 * @read_bytes: in this piece
 * @wait_until: jiffies: for the sake of the rate
 * @mended: the log's end was
 * @gap: of the pass, to be written again next
 * @index: in it
 * @rewritten: by the core before it began
 */
struct kq_scrub_job {
	enum stage stage;
	struct kq_scrub *pass;
	void *buf;
	u32 slot;
	u32 pos;
	u32 read_bytes;
	unsigned long wait_until;
	bool mended;
	u32 gap;
	u64 index;
	u64 rewritten;
};

static void say(struct kq_scrub_state *state, const char *text)
{
	strscpy(state->reason, text, sizeof(state->reason));
}

/* --- steps of the core ------------------------------------------------------------------------ */

static int core_scrub(struct kq_step *step, u64 how)
{
	int err = 0;

	kq_trace_call(step->node, KQ_TRACE_SCRUB, how, 0, 0);
	switch (how) {
	case KQ_TRACE_SCRUB_BEGIN:
		err = kq_core_scrub_begin(step->core, step->now);
		break;
	case KQ_TRACE_SCRUB_MEND:
		err = kq_core_scrub_mend(step->core, step->now);
		break;
	default:
		kq_core_scrub_end(step->core, step->now);
		break;
	}
	kq_trace_result(step->node, err, 0);
	return err;
}

/* What is asked for again and again is asked only when it can be had: a trace has all of it. */
static int begin(struct kq_step *step, struct kq_scrub_job *job)
{
	struct kq_scrub_state *state = &step->node->scrub.state;
	int err = 0;

	if (step->core->batch && !step->core->batch->probe && !step->core->batch->offset)
		return -EAGAIN;
	if (!step->core->scrub.on)
		err = job->mended ? -ECANCELED : core_scrub(step, KQ_TRACE_SCRUB_BEGIN);
	if (err)
		return err;
	if (kq_core_scrub_busy(step->core))
		return -EAGAIN;
	job->rewritten = step->core->scrub.rewritten;
	kq_scrub_destroy(job->pass);
	job->pass = kq_scrub_create(step->core);
	if (!job->pass)
		return -EAGAIN;		/* want of memory passes */
	state->total = state->done + (u64)kq_scrub_segments(job->pass) *
		step->node->cfg.segment_bytes;
	job->slot = 0;
	job->stage = HEADS;
	return 0;
}

static int mend(struct kq_step *step, struct kq_scrub_job *job)
{
	int err;

	if (kq_core_scrub_busy(step->core))
		return -EAGAIN;
	err = core_scrub(step, KQ_TRACE_SCRUB_MEND);
	if (!err) {
		job->mended = true;
		job->stage = BEGIN;
	}
	return err;
}

/* Returns -ENODATA: all is done. */
static int rewrite(struct kq_step *step, struct kq_scrub_job *job)
{
	struct kq_scrub_state *state = &step->node->scrub.state;
	const struct kq_scrub_gap *g = &job->pass->gap[job->gap];
	u64 last;
	int err;

	if (kq_core_scrub_busy(step->core))
		return -EAGAIN;
	state->rewritten += step->core->scrub.rewritten - job->rewritten;
	job->rewritten = step->core->scrub.rewritten;
	if (step->core->scrub.error)
		return step->core->scrub.error;
	if (!step->core->scrub.on)
		return -ECANCELED;
	if (job->gap == job->pass->count)
		return -ENODATA;
	job->index = max(job->index, g->first);
	last = min(g->last, job->index + REWRITE - 1);
	kq_trace_call(step->node, KQ_TRACE_REWRITE, job->index, last, 0);
	err = kq_core_scrub_rewrite(step->core, step->now, job->index, last);
	kq_trace_result(step->node, err, 0);
	job->index = last + 1;
	if (last == g->last) {
		job->gap++;
		job->index = 0;
	}
	return err;
}

/* --- reading ---------------------------------------------------------------------------------- */

/* Reads on. Returns 0 when @len bytes of the segment are there; -EINPROGRESS: not yet. */
static int read_piece(struct kq_node *node, struct kq_scrub_job *job, u32 len)
{
	u32 n = min_t(u32, len - job->pos, PIECE);
	int err;

	if (!kq_scrub_reads(job->pass, job->slot))
		return 0;
	err = kq_disk_read_at(&node->disk, job->slot, job->buf + job->pos, job->pos, n,
			      &node->scrub.stop);
	if (err)
		return err;
	job->pos += n;
	job->read_bytes = n;
	return job->pos < len ? -EINPROGRESS : 0;
}

static int read_head(struct kq_node *node, struct kq_scrub_job *job)
{
	int err = read_piece(node, job, KQ_WAL_HEAD_BYTES);

	if (err)
		return err;
	err = kq_scrub_head(job->pass, job->slot, job->buf);
	if (err)
		return err;
	job->pos = 0;
	job->slot++;
	if (job->slot < node->cfg.segments)
		return 0;
	job->slot = KQ_WAL_MAX_SEGMENTS;
	job->stage = SEGMENTS;
	return 0;
}

/* All has been read: what does it say? */
static int judge(struct kq_node *node, struct kq_scrub_job *job)
{
	struct kq_scrub_state *state = &node->scrub.state;
	struct kq_wal_report report = {};
	int err = kq_scrub_result(job->pass, &report);
	u32 i;

	mutex_lock(&node->lock);
	/* Of two passes the first one tells what was wrong. */
	if (!job->mended || !state->places) {
		state->places = report.crossed + (report.health == KQ_WAL_DAMAGED);
		state->slot = report.slot;
		state->offset = report.offset;
		if (state->places)
			say(state, report.reason);
	}
	for (i = 0; !err && i < job->pass->count; i++)
		state->missing += job->pass->gap[i].last - job->pass->gap[i].first + 1;
	if (err == -EUCLEAN && job->mended)
		say(state, report.reason);
	mutex_unlock(&node->lock);
	if (err && (err != -EUCLEAN || job->mended))
		return err;
	job->gap = 0;
	job->index = 0;
	job->stage = err ? MENDING : REWRITING;
	return 0;
}

static int read_segment(struct kq_node *node, struct kq_scrub_job *job)
{
	int err;

	if (job->slot == KQ_WAL_MAX_SEGMENTS) {
		int next = kq_scrub_next(job->pass);

		if (next == -ENOENT)
			return judge(node, job);
		if (next < 0)
			return next;
		job->slot = next;
		job->pos = 0;
	}
	err = read_piece(node, job, node->cfg.segment_bytes);
	if (err)
		return err;
	err = kq_scrub_segment(job->pass, job->slot, job->buf);
	cond_resched();
	if (err == -ENOMEM)
		return -EAGAIN;
	job->slot = KQ_WAL_MAX_SEGMENTS;
	return err;
}

/* --- the work --------------------------------------------------------------------------------- */

static int step_on(struct kq_node *node, struct kq_scrub_job *job)
{
	struct kq_step step;
	int err;

	switch (job->stage) {
	case HEADS:
		return read_head(node, job);
	case SEGMENTS:
		return read_segment(node, job);
	default:
		break;
	}
	err = kq_node_enter(node, &step);
	if (err)
		return err;
	err = job->stage == BEGIN ? begin(&step, job) :
		job->stage == MENDING ? mend(&step, job) : rewrite(&step, job);
	kq_node_leave(&step);
	return err;
}

static void tell_end(const struct kq_node *node, const struct kq_scrub_state *s)
{
	const char *self = node->member[node->cfg.self].name;

	if (s->error && s->error != -EINTR)
		pr_err("%s/%s: scrub: error %d: %s\n", node->cluster, self, -s->error, s->reason);
	else if (s->places)
		pr_warn("%s/%s: scrub: the log is damaged in %u places, the first in segment-%04u at byte %llu: %s; %llu entries written again\n",
			node->cluster, self, s->places, s->slot, s->offset, s->reason,
			s->rewritten);
}

static void finish(struct kq_node *node, int err)
{
	struct kq_scrub_state *state = &node->scrub.state;
	struct kq_scrub_job *job = node->scrub.job;
	struct kq_scrub_state told;
	struct kq_step step;

	if (err == -ENODATA)
		err = 0;
	if (!kq_node_enter(node, &step)) {
		core_scrub(&step, KQ_TRACE_SCRUB_END);
		state->running = false;
		node->scrub.job = NULL;
		state->ended_ns = step.now;
		state->error = err;
		if (err == -EINTR)
			say(state, "it was stopped");
		else if (err == -ECANCELED)
			say(state, "the log filled up: its oldest segments had to be recycled");
		else if (err == -ENOSPC)
			say(state, "no room in the log to write them again: a snapshot makes it");
		else if (err && job->stage != HEADS && job->stage != SEGMENTS)
			say(state, "the node does not serve any more");
		else if (err && !state->reason[0])
			snprintf(state->reason, sizeof(state->reason),
				 "segment %u cannot be read", job->slot);
		told = *state;
		kq_node_event(node, KQUORUM_EVENT_SCRUB);
		kq_node_leave(&step);
		tell_end(node, &told);
	}
	kq_scrub_destroy(job->pass);
	vfree(job->buf);
	kfree(job);
	kq_disk_release(&node->disk);
	kq_node_put(node);
}

/* When may the next piece be read? */
static void wait_for_rate(struct kq_node *node, struct kq_scrub_job *job)
{
	struct kq_scrub_state *state = &node->scrub.state;

	mutex_lock(&node->lock);
	if (job->stage == SEGMENTS)
		state->done = min(state->done + job->read_bytes, state->total);
	job->wait_until = jiffies + div64_u64((u64)job->read_bytes * HZ + state->rate - 1,
					      state->rate);
	mutex_unlock(&node->lock);
}

static void scrub_work(struct work_struct *work)
{
	struct kq_node *node = container_of(to_delayed_work(work), struct kq_node, scrub.work);
	struct kq_scrub_job *job = node->scrub.job;
	unsigned int noio = memalloc_noio_save();
	unsigned long delay = 0;
	int err;

	job->read_bytes = 0;
	if (READ_ONCE(node->scrub.stop))
		err = -EINTR;
	else if (time_before(jiffies, job->wait_until))
		err = 0;
	else
		err = step_on(node, job);
	if (job->read_bytes)
		wait_for_rate(node, job);
	if (time_before(jiffies, job->wait_until))
		delay = min_t(unsigned long, job->wait_until - jiffies, HZ / 4);
	if (err == -EAGAIN || err == -EBUSY)
		delay = msecs_to_jiffies(AGAIN_MS);
	else if (err && err != -EINPROGRESS)
		finish(node, err);
	if (!err || err == -EAGAIN || err == -EBUSY || err == -EINPROGRESS)
		queue_delayed_work(kq_wq, &node->scrub.work, delay);
	memalloc_noio_restore(noio);
}

/**
 * kq_scrub_work_init() - nothing has been scrubbed yet
 * @scrub: of a new node
 */
void kq_scrub_work_init(struct kq_scrub_work *scrub)
{
	INIT_DELAYED_WORK(&scrub->work, scrub_work);
}

/**
 * kq_scrub_start() - have the log on disk read and mended
 * @step: of the node
 * @rate: bytes in a second, KQ_SCRUB_RATE_MIN at least
 * @why: set to why not
 *
 * A work does it.
 * Context: may sleep.
 * Return: 0; -EALREADY; -EIO: the node does not serve; -ENOMEM.
 */
int kq_scrub_start(struct kq_step *step, u64 rate, const char **why)
{
	struct kq_node *node = step->node;
	struct kq_scrub_state *state = &node->scrub.state;
	struct kq_scrub_job *job;

	if (state->running) {
		*why = "a scrub is under way: see status";
		return -EALREADY;
	}
	if (step->core->state != KQUORUM_NODE_RUNNING || step->core->cfg.survivor)
		return -EIO;
	job = kzalloc(sizeof(*job), GFP_KERNEL);
	if (job)
		job->buf = __vmalloc(node->cfg.segment_bytes, GFP_KERNEL | __GFP_NOWARN);
	if (!job || !job->buf) {
		kfree(job);
		return -ENOMEM;
	}
	job->wait_until = jiffies;
	node->scrub.job = job;
	WRITE_ONCE(node->scrub.stop, false);
	state->running = true;
	state->count++;
	state->rate = rate;
	state->done = 0;
	state->total = 0;
	state->places = 0;
	state->missing = 0;
	state->rewritten = 0;
	state->error = 0;
	state->reason[0] = '\0';
	kq_node_get(node);
	kq_disk_hold(&node->disk);
	queue_delayed_work(kq_wq, &node->scrub.work, 0);
	kq_node_event(node, KQUORUM_EVENT_SCRUB);
	return 0;
}

/**
 * kq_scrub_stop() - end the scrub that is under way, if one is
 * @node: the node, locked
 *
 * Does not wait for it: it looks a few times in a second.
 */
void kq_scrub_stop(struct kq_node *node)
{
	lockdep_assert_held(&node->lock);
	if (node->scrub.state.running)
		WRITE_ONCE(node->scrub.stop, true);
}
