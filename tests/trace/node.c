// SPDX-License-Identifier: GPL-2.0
/*
 * A node is run again: the same calls, each with the time and the bytes that the module had, and
 * all that comes out is compared with what came out there. After each call the simulator's checks
 * look at the core.
 */
#include <stdarg.h>
#include "check.h"
#include "disk.h"
#include "replay.h"

/* enum of kmod/trace.h */
#define FLAG		(1ULL << 32)
#define WANTS_LINGER	1
#define WANTS_DOWN	2
#define SCRUB_BEGIN	1
#define SCRUB_MEND	2
#define CREATE_WORDS	13

struct replay_stats replayed;

/* What is known of a node from one life to the next. */
static struct memory {
	struct kq_config cfg;
	struct kquorum_conf_member founder[KQ_MAX_NODES + 1];
	struct kq_batch *late;		/* the write under way when it went down */
	bool unknown;			/* what its disk holds */
} memory[SIM_NODES + 1];

void node_differs(struct sim *s, const struct event *e, const char *fmt, ...)
{
	char text[300];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	sim_timeline.line = e->line;
	sim_fail(s, node_at(s, e), "the module is not as the core: %s", text);
}

struct sim_node *node_at(struct sim *s, const struct event *e)
{
	size_t i;

	for (i = 0; i < life_count; i++)
		if (e >= lives[i].events && e < lives[i].events + lives[i].count)
			return &s->node[lives[i].node];
	return NULL;
}

/* Numbers that were not the same, in words as far as there are some. */
static const char *in_words(const char *what, u64 b)
{
	static char text[40];

	snprintf(text, sizeof(text), "%s%s%s", what, strcmp(what, "message") ? "" : " ",
		 strcmp(what, "message") ? "" : kq_msg_name(b));
	return text;
}

/* The next event must be this, with these numbers. */
static const struct event *expect(struct sim *s, struct life *l, enum event_kind kind,
				  const char *what, u64 a, u64 b, u64 c, u64 d)
{
	const struct event *e = life_next(l);

	if (!e || e->kind != kind || strcmp(e->what, what))
		node_differs(s, e ? e : &l->events[l->count - 1],
			     "the core gives a %s (%llu %llu %llu %llu) where the trace has:%s",
			     in_words(what, b), (unsigned long long)a, (unsigned long long)b,
			     (unsigned long long)c, (unsigned long long)d,
			     e ? e->text : " nothing more");
	sim_timeline.line = e->line;
	if (e->a != a || e->b != b || e->c != c || (u32)e->d != (u32)d ||
	    ((e->d ^ d) & FLAG && strcmp(what, "message")))
		node_differs(s, e, "the core gives %s a=%llu b=%llu c=%llu d=%llu, the module:%s",
			     in_words(what, b), (unsigned long long)a, (unsigned long long)b,
			     (unsigned long long)c, (unsigned long long)d, e->text);
	l->at++;
	return e;
}

/* --- the beginning -------------------------------------------------------------------------- */

static void configure(struct sim *s, const struct kq_config *cfg)
{
	u32 count = kq_node_count(cfg->founders), i;

	if (count > SIM_NODES)
		trace_bad(sim_timeline.line, "a cluster of %u nodes: at most %u", count,
			  SIM_NODES);
	if (cfg->founders != KQ_NODES_UPTO(count))
		trace_bad(sim_timeline.line, "node ids other than 1..%u", count);
	if (s->d.nodes && (s->seed != cfg->cluster_id || s->d.nodes - s->d.joiners != count ||
			   s->d.segments != cfg->segments ||
			   s->d.segment_kib * 1024 != cfg->segment_bytes))
		trace_bad(sim_timeline.line, "nodes of two clusters, or with logs of two sizes");
	if (s->d.nodes)
		return;
	s->seed = cfg->cluster_id;
	s->set = cfg->set;
	/* Whoever is not among the founders may still join. */
	s->d.nodes = SIM_NODES;
	s->d.joiners = SIM_NODES - count;
	s->d.segments = cfg->segments;
	s->d.segment_kib = cfg->segment_bytes / 1024;
	s->d.heartbeat_ms = cfg->set.heartbeat_ms;
	s->d.lease_ms = cfg->set.lease_ms;
	s->d.delta_ms = cfg->set.delta_ms;
	s->d.drift_ppm = cfg->set.drift_ppm;
	for (i = 1; i <= s->d.nodes; i++) {
		s->node[i].id = i;
		disk_init(s, &s->node[i]);
	}
}

static void create(struct sim *s, struct life *l, const struct event *e)
{
	struct kq_config cfg = {
		.cluster_id = event_word(e, 0), .self = event_word(e, 1),
		.segments = event_word(e, 3),
		.set = {
			.heartbeat_ms = event_word(e, 4), .election_ms = event_word(e, 5),
			.lease_ms = event_word(e, 6), .delta_ms = event_word(e, 7),
			.drift_ppm = event_word(e, 8),
		},
		.segment_bytes = event_word(e, 9),
		.salt = event_word(e, 10), .joins = event_word(e, 11),
		.survivor = event_word(e, 12),
	};
	u64 count = event_word(e, 2);
	u32 i;

	if (cfg.self != l->node || !count || count > KQ_MAX_NODES ||
	    e->len != (CREATE_WORDS + count) * 8)
		trace_bad(e->line, "no configuration that this program understands");
	for (i = 0; i < count; i++)
		cfg.founders |= kq_node_bit(event_word(e, CREATE_WORDS + i) % (KQ_MAX_NODES + 1));
	configure(s, &cfg);
	memory[l->node].cfg = cfg;
	memset(memory[l->node].founder, 0, sizeof(memory[l->node].founder));
}

static void founder(struct life *l, const struct event *e)
{
	struct kquorum_conf_member *m = &memory[l->node].founder[e->a % (KQ_MAX_NODES + 1)];

	if (e->len != sizeof(*m))
		trace_bad(e->line, "a founder whose name cannot be read");
	memcpy(m, e->bytes, sizeof(*m));
}

/* The module read from its disk what this model had seen it make durable. */
static void compare_recovery(struct sim *s, struct sim_node *n, const struct event *e,
			     const struct kq_wal_report *r)
{
	const struct {
		const char *name;
		u64 here;
	} word[] = {
		{ "health", r->health }, { "last index", r->last_index }, { "term", r->hs.term },
		{ "vote", r->hs.vote }, { "incarnation", r->hs.incarnation },
		{ "commit index", r->hs.commit }, { "promise", r->hs.promise_ns },
		{ "knowing the vote", r->vote_known }, { "claimed end", r->claimed_index },
		{ "claimed term", r->claimed_term },
		{ "CRC of all entries", kq_log_crc(&n->core->log) },
		{ "CRC of starts and peers", kq_hard_state_crc(&r->hs) },
	};
	u32 i;

	if (e->len != ARRAY_SIZE(word) * 8)
		trace_bad(e->line, "no report that this program understands");
	for (i = 0; i < ARRAY_SIZE(word); i++)
		if (word[i].here != event_word(e, i))
			node_differs(s, e, "recovery: %s: %llu there, %llu by what it wrote before%s",
				     word[i].name, (unsigned long long)event_word(e, i),
				     (unsigned long long)word[i].here,
				     n->life ? "" : "; its log must be empty when the trace begins");
}

static void recovered(struct sim *s, struct life *l, const struct event *e,
		      struct kq_wal_report *rep)
{
	struct sim_node *n = &s->node[l->node];
	struct memory *m = &memory[l->node];

	if (n->up)
		node_differs(s, e, "two nodes %u at once", l->node);
	if (m->unknown || m->late)
		trace_bad(e->line, "a write to the disk of node %u %s: what it holds is not known here",
			  l->node, m->late ? "has not ended" : "failed");
	n->core = kq_core_create(&m->cfg);
	if (!n->core)
		abort();
	memcpy(n->core->founder, m->founder, sizeof(m->founder));
	n->core->trace = sim_core_trace;
	n->core->trace_ctx = s;
	n->up = true;
	n->installed = 0;
	if (e->a)
		return;		/* the disk could not be read: the node fails next */
	if (disk_recover(s, n, rep))
		abort();
	compare_recovery(s, n, e, rep);
	replayed.recoveries += rep->last_index > 0;
	n->life++;
}

/* The machine goes on; all that the node had in memory is gone. */
static void gone(struct sim *s, struct sim_node *n)
{
	struct memory *m = &memory[n->id];

	check_logs(s);
	check_node_gone(s, n);
	wire_node_gone(n->id);
	snap_daemon_gone(n);
	m->late = n->batch;
	if (n->batch)
		n->core->batch = NULL;
	n->batch = NULL;
	kq_core_destroy(n->core);
	program_gone(s, n);
	n->core = NULL;
	n->up = false;
}

/* --- calls ---------------------------------------------------------------------------------- */

static void disk_is_done(struct sim *s, struct sim_node *n, const struct event *e)
{
	struct kq_batch *b = n->batch;

	if (!b)
		node_differs(s, e, "a write ended, and none was under way");
	n->batch = NULL;
	if (e->a)
		memory[n->id].unknown = true;
	else
		disk_written(s, n, b);
	sim_trace(s, n, "disk: %s %llu..%llu slot %u offset %llu%s", b->probe ? "probe" : "batch",
		  (unsigned long long)b->first, (unsigned long long)b->last, b->slot,
		  (unsigned long long)b->offset, e->a ? " FAILS" : "");
	kq_core_disk_done(n->core, s->now, b, -(s32)e->a);
}

static void disk_is_late(struct life *l, const struct event *e, struct sim *s)
{
	struct memory *m = &memory[l->node];

	if (!m->late)
		node_differs(s, e, "a write ended after its node, and none was under way");
	if (e->a)
		m->unknown = true;
	else
		disk_written(s, &s->node[l->node], m->late);
	kq_batch_free(m->late);
	m->late = NULL;
}

static int peer_up(struct sim *s, struct sim_node *n, const struct event *e)
{
	int err;

	if (e->len != sizeof(struct kquorum_past))
		trace_bad(e->line, "a connection without the peer's past");
	err = kq_core_peer_up(n->core, s->now, e->a, (const void *)e->bytes);
	if (!err)
		wire_up(n->id, e->a, e->b);
	return err;
}

static int received(struct sim *s, struct sim_node *n, const struct event *e)
{
	const struct kq_wire_hdr *h = (const void *)e->bytes;
	const char *why = NULL;
	int err;

	if (e->len < sizeof(*h) || le32_to_cpu(h->len) + sizeof(*h) != e->len)
		trace_bad(e->line, "a message of %u bytes that is none", e->len);
	wire_take(s, n->id, e->a, e->bytes, e->len);
	replayed.received++;
	err = net_take(s, n, e->a, h, &why);
	if (why)
		sim_trace(s, n, "refuses it: %s", why);
	replayed.refused += !!err;
	return err;
}

static int campaign(struct sim *s, struct sim_node *n)
{
	int err = kq_core_campaign(n->core, s->now);

	if (!err)
		check_stands(s, n);
	return err;
}

static int reconfigure(struct sim *s, struct sim_node *n, const struct event *e)
{
	struct kq_conf_change change = {
		.to = { .voters = e->a, .learners = e->b },
		.based_on = e->c,
	};

	const u8 *p = e->bytes;
	struct kquorum_conf_settings set;
	__le64 settings;

	if (e->len != 2 * sizeof(__le64) + sizeof(change.member) + sizeof(set))
		trace_bad(e->line, "a change without the member or the settings that it is about");
	change.id = event_word(e, 0);
	p += sizeof(__le64);
	memcpy(&change.member, p, sizeof(change.member));
	p += sizeof(change.member);
	memcpy(&settings, p, sizeof(settings));
	memcpy(&set, p + sizeof(settings), sizeof(set));
	change.settings = settings;
	kq_settings_read(&change.to.now, &set);
	return kq_core_reconfigure(n->core, s->now, &change);
}

/* What was read then is not known here; what was done with the log is. */
static int scrub(struct kq_core *core, u64 now_ns, const struct event *e)
{
	switch (e->a) {
	case SCRUB_BEGIN:
		return kq_core_scrub_begin(core, now_ns);
	case SCRUB_MEND:
		return kq_core_scrub_mend(core, now_ns);
	default:
		kq_core_scrub_end(core, now_ns);
		return 0;
	}
}

static void fail(struct sim_node *n, const struct event *e)
{
	char why[256];

	snprintf(why, sizeof(why), "%.*s", (int)e->len, (const char *)e->bytes);
	kq_core_fail(n->core, -(s32)e->a, why);
}

/* Returns true when the call has a result, in @err or @value. */
static bool call(struct sim *s, struct sim_node *n, const struct event *e, int *err, u64 *value)
{
	const char *what = e->what;

	*err = 0;
	*value = 0;
	if (!strcmp(what, "tick")) {
		kq_core_tick(n->core, s->now);
		if (!e->a)
			check_ticked(s, n);
	} else if (!strcmp(what, "disk-done")) {
		disk_is_done(s, n, e);
	} else if (!strcmp(what, "peer-down")) {
		kq_core_peer_down(n->core, s->now, e->a);
		wire_down(n->id, e->a);
	} else if (!strcmp(what, "unlock")) {
		program_unlock(s, n, e);
	} else if (!strcmp(what, "drop-lease")) {
		kq_core_drop_lease(n->core, s->now);
	} else if (!strcmp(what, "stop")) {
		kq_core_stop(n->core, s->now, e->a);
	} else if (!strcmp(what, "fail")) {
		fail(n, e);
	} else if (!strcmp(what, "save-end")) {
		snap_daemon_gone(n);
	} else if (!strcmp(what, "recv")) {
		*err = received(s, n, e);
		return true;
	} else if (!strcmp(what, "peer-up")) {
		*err = peer_up(s, n, e);
		return true;
	} else if (!strcmp(what, "linger-over")) {
		*value = kq_core_linger_over(n->core, s->now);
		return true;
	} else if (!strcmp(what, "canvass")) {
		*err = kq_core_canvass(n->core, s->now);
		return true;
	} else if (!strcmp(what, "campaign")) {
		*err = campaign(s, n);
		return true;
	} else if (!strcmp(what, "transfer")) {
		*err = kq_core_transfer(n->core, s->now, e->a);
		return true;
	} else if (!strcmp(what, "reconfigure")) {
		*err = reconfigure(s, n, e);
		return true;
	} else if (!strcmp(what, "append")) {
		*err = program_append(s, n, e);
		return true;
	} else if (!strcmp(what, "lock")) {
		*err = program_lock(s, n, e);
		return true;
	} else if (!strcmp(what, "renew")) {
		*err = program_renew(s, n, e);
		return true;
	} else if (!strcmp(what, "save-begin")) {
		*err = snapshot_begin(n);
		return true;
	} else if (!strcmp(what, "save-next")) {
		*err = snapshot_next(s, n, e, value);
		return true;
	} else if (!strcmp(what, "adopt")) {
		*err = snapshot_adopt(s, n, e);
		return true;
	} else if (!strcmp(what, "scrub")) {
		*err = scrub(n->core, s->now, e);
		return true;
	} else if (!strcmp(what, "rewrite")) {
		*err = kq_core_scrub_rewrite(n->core, s->now, e->a, e->b);
		return true;
	} else if (!strcmp(what, "seed")) {
		trace_bad(e->line, "a node begins with a snapshot of another history, which is not in the trace");
	} else if (!strcmp(what, "install")) {
		*err = snapshot_install(s, n, e);
		return true;
	} else {
		trace_bad(e->line, "a call '%s' that this program does not know", what);
	}
	return false;
}

/* --- what comes out ------------------------------------------------------------------------- */

static void take_messages(struct sim *s, struct life *l, struct sim_node *n)
{
	u32 to;

	kq_for_each_node(KQ_NODES_UPTO(s->d.nodes), to) {
		LIST_HEAD(list);

		kq_core_take_msgs(n->core, to, &list);
		while (!list_empty(&list)) {
			struct kq_msg *m = list_first_entry(&list, struct kq_msg, node);
			const struct kq_wire_hdr *h = (const void *)m->data;
			const struct event *e;

			list_del(&m->node);
			e = expect(s, l, EVENT_OUT, "message", to, h->type, m->len,
				   kq_crc(0, m->data, m->len));
			net_leaves(s, n, to, m);
			if (!(e->d & FLAG))
				wire_send(n->id, to, m->data, m->len);
			replayed.messages++;
			kq_free(m);
		}
	}
}

static void take_batch(struct sim *s, struct life *l, struct sim_node *n)
{
	struct kq_batch *b = kq_core_take_batch(n->core);

	if (!b)
		return;
	expect(s, l, EVENT_OUT, "batch", b->slot, b->offset, b->len, kq_crc(0, b->data, b->len));
	disk_begins(s, n, b);
	replayed.batches++;
}

static void take_handles(struct sim *s, struct life *l, struct sim_node *n)
{
	struct kq_proposal *p;
	struct kq_owner *o;

	while ((p = kq_core_take_done(n->core))) {
		expect(s, l, EVENT_OUT, "outcome", -p->error, p->index, p->term, p->seq);
		program_outcome(s, n, p);
	}
	while ((o = kq_core_take_owner(n->core))) {
		expect(s, l, EVENT_OUT, "owner", o->id, o->state, o->token,
		       (u32)-o->error | (o->closed ? FLAG : 0));
		program_owner(s, n, o);
	}
}

static void compare_end(struct sim *s, struct life *l, const struct sim_node *n, u32 events,
			u32 wants)
{
	static const char *const state[] = { "recovering", "running", "damaged", "failed" };
	static const char *const role[] = { "follower", "canvassing", "candidate", "leader" };
	const struct event *e = life_next(l);
	const struct kq_core *c = n->core;
	char here[400];
	const char *there;

	if (!e || e->kind != EVENT_END)
		node_differs(s, e ? e : &l->events[l->count - 1],
			     "nothing more comes out of the core, the trace has:%s",
			     e ? e->text : " nothing more");
	sim_timeline.line = e->line;
	snprintf(here, sizeof(here), "%s %s term=%llu vote=%u leader=%u last=%llu commit=%llu applied=%llu durable=%llu deadline=%llu events=%x wants=%x",
		 state[c->state], role[c->role], (unsigned long long)c->hs.term, c->hs.vote,
		 c->leader, (unsigned long long)c->log.last, (unsigned long long)c->commit,
		 (unsigned long long)c->applied, (unsigned long long)c->durable,
		 (unsigned long long)c->local.deadline_ns, events, wants);
	there = strchr(strstr(e->text, " now=") + 1, ' ');
	if (!there || strcmp(there + 1, here))
		node_differs(s, e, "after the step the core is %s; the module:%s", here,
			     there ? there : e->text);
	l->at++;
}

static void take_all(struct sim *s, struct life *l, struct sim_node *n)
{
	u32 events, wants;

	take_messages(s, l, n);
	take_batch(s, l, n);
	take_handles(s, l, n);
	events = kq_core_take_events(n->core);
	wants = kq_core_take_linger(n->core) ? WANTS_LINGER : 0;
	if (kq_core_stopped(n->core))
		wants |= WANTS_DOWN;
	compare_end(s, l, n, events, wants);
}

/* --- a step --------------------------------------------------------------------------------- */

/* All calls of the step. Returns false when it is the last of this life. */
static bool calls(struct sim *s, struct life *l, struct sim_node *n)
{
	struct kq_wal_report rep = { 0 };
	struct event *e;

	while ((e = life_next(l)) && e->kind == EVENT_CALL) {
		u64 value;
		int err;

		sim_timeline.line = e->line;
		replayed.calls++;
		l->at++;
		if (!strcmp(e->what, "recovered")) {
			recovered(s, l, e, &rep);
			continue;
		}
		if (!n->up)
			node_differs(s, e, "it is called and is not up");
		/* Looked at once the node has started. */
		if (!strcmp(e->what, "restored")) {
			snapshot_restored(s, n, e, &rep);
			continue;
		}
		if (!strcmp(e->what, "no-snapshot")) {
			kq_core_restore_failed(n->core, "see the kernel's log");
			continue;
		}
		if (!strcmp(e->what, "down")) {
			kq_core_stop(n->core, s->now, true);
			return false;
		}
		if (!strcmp(e->what, "start")) {
			kq_core_start(n->core, s->now, &rep);
			check_node_started(s, n);
		} else if (call(s, n, e, &err, &value)) {
			expect(s, l, EVENT_OUT, "result", -err, value, 0, 0);
		}
		check_node(s, n);
	}
	return true;
}

/* What no core is needed for. Returns false: it is a step like others. */
static bool whole(struct sim *s, struct life *l)
{
	const struct event *e = life_next(l);

	if (!strcmp(e->what, "create"))
		create(s, l, e);
	else if (!strcmp(e->what, "founder"))
		founder(l, e);
	else if (!strcmp(e->what, "disk-late"))
		disk_is_late(l, e, s);
	else if (strcmp(e->what, "down") || !e->a)
		return false;
	l->at++;
	return true;
}

/**
 * node_step() - run one step of a node
 * @s: the world
 * @l: the life, with a step left
 */
void node_step(struct sim *s, struct life *l)
{
	struct sim_node *n = &s->node[l->node];
	const struct event *e = life_next(l);

	s->now = e->now;
	sim_timeline.line = e->line;
	replayed.steps++;
	if (whole(s, l))
		return;
	if (calls(s, l, n)) {
		take_all(s, l, n);
	} else {
		take_handles(s, l, n);
		compare_end(s, l, n, 0, 0);
		sim_trace(s, n, "down");
		gone(s, n);
	}
	if (!(replayed.steps % 256))
		check_logs(s);
}
