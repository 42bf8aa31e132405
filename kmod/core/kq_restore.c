// SPDX-License-Identifier: GPL-2.0
/*
 * Restoring: the state in a snapshot is built aside, in memory of its own and without a core, and
 * takes the place of a core's state in one step: at the start, or when a node has fallen so far
 * behind that the log which it lacks is gone everywhere. What stood there before goes away with
 * the struct kq_restore: nobody waits for that under the core's lock.
 */
#include "kq_int.h"

#define NEAR_SLOTS	16

/**
 * struct kq_restore - a snapshot that is being restored
 * @reader: of its bytes
 * @error: other than what the reader finds
 * @now_ns: the clock, when it began
 * @awaited: resources that somebody waits for, by @touched; empty once they were looked at
 * @checked: nobody waits for what he could have, or never will
 * @near: by process: for what resource its last claim was
 * @res: the resources; once it is in its place, those that stood there
 * @session: the sessions
 * @conf: entry with the configuration, NULL: it has none
 * @log: that stood in its way
 */
struct kq_restore {
	struct kq_snap_reader reader;
	int error;
	u64 now_ns;
	bool checked;
	struct list_head awaited;
	struct kq_resource *near[NEAR_SLOTS];
	struct kq_resources *res;
	struct kq_session session[KQ_MAX_NODES + 1];
	struct kq_entry *conf;
	struct kq_log log;
};

/**
 * kq_restore_create() - begin to restore a snapshot
 * @cfg: whose it must be
 * @now_ns: the clock
 *
 * Return: for kq_restore_free(); NULL without memory.
 */
struct kq_restore *kq_restore_create(const struct kq_config *cfg, u64 now_ns)
{
	struct kq_restore *rs = kq_alloc(sizeof(*rs));

	if (!rs)
		return NULL;
	rs->res = kq_resources_create();
	if (!rs->res) {
		kq_free(rs);
		return NULL;
	}
	rs->now_ns = now_ns;
	INIT_LIST_HEAD(&rs->awaited);
	kq_snap_reader_init(&rs->reader, cfg->cluster_id, 0);
	return rs;
}

/**
 * kq_restore_free() - give back what was restored, or what it took the place of
 * @rs: may be NULL
 *
 * Context: takes as long as there is state; not under the core's lock.
 */
void kq_restore_free(struct kq_restore *rs)
{
	if (!rs)
		return;
	kq_resources_free(rs->res);
	kq_entry_free(rs->conf);
	kq_log_destroy(&rs->log);
	kq_free(rs);
}

static const char *restore_conf(struct kq_restore *rs, const struct kq_snap_conf *s, u32 len)
{
	struct kq_record rec = { .index = s->index, .term = s->term,
				 .type = cpu_to_le16(KQ_ENTRY_CONF) };
	struct kq_conf conf;

	if (len < sizeof(*s) || rs->conf || !s->index || !s->term ||
	    le64_to_cpu(s->index) > rs->reader.ref.index ||
	    kq_conf_read(s + 1, len - sizeof(*s), &conf) ||
	    conf.origin != le64_to_cpu(rs->reader.head.origin))
		return "a configuration that cannot be used";
	rec.len = cpu_to_le32(len - sizeof(*s));
	rec.crc = cpu_to_le32(kq_entry_crc(&rec, s + 1));
	rs->conf = kq_entry_from_record(&rec, s + 1);
	if (!rs->conf)
		rs->error = -ENOMEM;
	return NULL;
}

static const char *restore_session(struct kq_restore *rs, const struct kq_snap_session *in, u32 len)
{
	u32 node = len == sizeof(*in) ? le32_to_cpu(in->node) : 0, i;
	struct kq_session *s;

	if (!node || node > KQ_MAX_NODES || rs->session[node].last_id || !in->last_id ||
	    le64_to_cpu(in->id) > le64_to_cpu(in->last_id) || le32_to_cpu(in->suspect) > 1)
		return "a session that cannot be";
	s = &rs->session[node];
	s->suspect = in->suspect;
	s->id = le64_to_cpu(in->id);
	s->last_id = le64_to_cpu(in->last_id);
	s->left_ns = le64_to_cpu(in->left_ns);
	s->settled = le64_to_cpu(in->settled);
	for (i = 0; i < KQ_SNAP_WINDOW; i++)
		s->applied[i] = le64_to_cpu(in->applied[i]);
	return NULL;
}

static bool terms_can_be(const struct kq_snap_pool *in)
{
	u32 units = le32_to_cpu(in->units);

	return units && units <= KQ_UNITS_MAX && le32_to_cpu(in->ttl_ms) <= KQ_GRANT_MS_MAX &&
		le32_to_cpu(in->hold_ms) <= KQ_GRANT_MS_MAX &&
		!(le16_to_cpu(in->mode) & ~KQ_MODE_BITS) && le16_to_cpu(in->fenced) <= 1;
}

static bool pool_can_be(const struct kq_restore *rs, const struct kq_snap_pool *in, u32 len)
{
	u64 index, fence, last = rs->reader.ref.index;

	if (len <= sizeof(*in) || len > KQ_SNAP_POOL_MAX || rs->res->pools >= KQ_MAX_POOLS ||
	    in->zero || !terms_can_be(in))
		return false;
	index = le64_to_cpu(in->index);
	fence = le64_to_cpu(in->fence);
	/* A fence begins with a token that somebody was given, or could have been. */
	if ((in->fenced && !fence) || fence >> KQ_TOKEN_SHIFT > last ||
	    fence & ((1ULL << KQ_TOKEN_SHIFT) - 1))
		return false;
	return index && index <= last;
}

/* Found, from @near on, or made. Returns NULL without memory. */
static struct kq_resource *resource_of(struct kq_restore *rs, struct kq_resource *near,
				       const char *name, u32 len)
{
	struct kq_resource_place place;
	struct kq_resource *r;

	r = kq_resources_locate_near(rs->res, near, name, len, &place);
	if (r)
		return r;
	r = kq_resource_alloc(name, len);
	if (r)
		kq_resources_add(rs->res, r, &place);
	return r;
}

static const char *restore_pool(struct kq_restore *rs, const struct kq_snap_pool *in, u32 len)
{
	struct kq_resource *r;
	struct kq_pool *pool;

	if (!pool_can_be(rs, in, len))
		return "a resource that cannot be";
	pool = kq_alloc(sizeof(*pool));
	r = pool ? resource_of(rs, NULL, (const char *)(in + 1), len - sizeof(*in)) : NULL;
	if (!r || r->pool) {
		kq_free(pool);
		if (!r)
			rs->error = -ENOMEM;
		return r ? "a resource twice" : NULL;
	}
	pool->index = le64_to_cpu(in->index);
	pool->fence = le64_to_cpu(in->fence);
	pool->is = (struct kq_terms){
		.units = le32_to_cpu(in->units),
		.max_waiters = le32_to_cpu(in->max_waiters),
		.ttl_ms = le32_to_cpu(in->ttl_ms),
		.hold_ms = le32_to_cpu(in->hold_ms),
		.uid = le32_to_cpu(in->uid),
		.gid = le32_to_cpu(in->gid),
		.mode = le16_to_cpu(in->mode),
		.fenced = le16_to_cpu(in->fenced),
	};
	kq_resources_define(rs->res, r, pool);
	return NULL;
}

static bool units_can_be(const struct kq_snap_claim *in)
{
	u32 units = le32_to_cpu(in->units), numbers = le16_to_cpu(in->numbers);

	if (in->mode != KQ_CLAIM_UNITS)
		return in->mode < KQ_CLAIM_UNITS && !units && !numbers;
	if (!units || units > KQ_UNITS_MAX)
		return false;
	return !numbers || (in->token && numbers == units && numbers <= KQ_NUMBERED);
}

static bool times_can_be(const struct kq_snap_claim *in)
{
	if (le32_to_cpu(in->ttl_ms) > KQ_GRANT_MS_MAX || le32_to_cpu(in->hold_ms) > KQ_GRANT_MS_MAX)
		return false;
	if (!in->evicted)
		return !in->drain_ms;
	return in->evicted == 1 && in->token && le32_to_cpu(in->drain_ms) <= KQ_GRANT_MS_MAX;
}

static bool claim_can_be(const struct kq_restore *rs, const struct kq_snap_claim *in, u32 len)
{
	u64 last = rs->reader.ref.index;
	u32 node;

	if (len <= sizeof(*in) || len > KQ_SNAP_CLAIM_MAX || rs->res->claims >= KQ_MAX_CLAIMS ||
	    !units_can_be(in) || !times_can_be(in) || memchr_inv(in->zero, 0, sizeof(in->zero)))
		return false;
	if (!in->name_len || in->name_len > KQ_RESOURCE_MAX || in->info_len > KQ_INFO_MAX ||
	    len != sizeof(*in) + in->name_len + in->info_len + le16_to_cpu(in->numbers))
		return false;
	node = le32_to_cpu(in->node);
	return node && node <= KQ_MAX_NODES && in->session && in->index &&
		le64_to_cpu(in->session) == rs->session[node].id &&
		le64_to_cpu(in->index) <= last && le64_to_cpu(in->token) >> KQ_TOKEN_SHIFT <= last;
}

/* Who takes many locks often takes them in order: so its last one is where to look first. */
static struct kq_resource *resource_near(struct kq_restore *rs, const struct kq_snap_claim *in)
{
	struct kq_resource **near = &rs->near[le32_to_cpu(in->pid) % NEAR_SLOTS];
	struct kq_resource *r = resource_of(rs, *near, (const char *)(in + 1), in->name_len);

	if (r)
		*near = r;
	return r;
}

/* First come, first served. What was written before its turn came early: mostly this is the end. */
static const char *enqueue(struct kq_restore *rs, struct kq_resource *r, struct kq_claim *c)
{
	struct list_head *at = r->queue.prev;

	while (at != &r->queue && list_entry(at, struct kq_claim, node)->index > c->index)
		at = at->prev;
	if (at != &r->queue && list_entry(at, struct kq_claim, node)->index == c->index)
		return "two claims of one request";
	kq_claim_wait(c, at);
	if (list_empty(&r->touched))
		list_add_tail(&r->touched, &rs->awaited);
	return NULL;
}

/* In the order of their grants; several of one entry in that of their requests. */
static bool held_before(const struct kq_claim *a, const struct kq_claim *b)
{
	return a->token != b->token ? a->token < b->token : a->index < b->index;
}

static const char *let_hold(struct kq_resource *r, struct kq_claim *c)
{
	struct list_head *at = r->holders.prev;
	const struct kq_claim *other = list_first_entry_or_null(&r->holders, struct kq_claim, node);

	if (other && (other->mode != c->mode || c->mode == KQ_CLAIM_EXCLUSIVE))
		return "holders of one resource that do not go together";
	while (at != &r->holders && held_before(c, list_entry(at, struct kq_claim, node)))
		at = at->prev;
	return kq_claim_held(c, at) ? NULL : "two holders of one unit";
}

static const char *restore_claim(struct kq_restore *rs, const struct kq_snap_claim *in, u32 len)
{
	struct kq_resource *r;
	struct kq_claim *c;

	if (!claim_can_be(rs, in, len))
		return "a claim that cannot be";
	c = kq_claim_alloc(in->info_len, le32_to_cpu(in->units));
	r = c ? resource_near(rs, in) : NULL;
	if (!r) {
		kq_free(c);
		rs->error = -ENOMEM;
		return NULL;
	}
	c->session = le64_to_cpu(in->session);
	c->owner = le64_to_cpu(in->owner);
	c->index = le64_to_cpu(in->index);
	c->token = le64_to_cpu(in->token);
	c->holder_node = le32_to_cpu(in->node);
	c->pid = le32_to_cpu(in->pid);
	c->mode = in->mode;
	c->numbers = le16_to_cpu(in->numbers);
	c->ttl_ms = le32_to_cpu(in->ttl_ms);
	c->hold_ms = le32_to_cpu(in->hold_ms);
	c->uid = le32_to_cpu(in->uid);
	c->since_ns = rs->now_ns;
	memcpy(c->comm, in->comm, sizeof(c->comm));
	memcpy(c->bytes, (const char *)(in + 1) + in->name_len, c->info_len + c->numbers);
	if (!kq_resources_claim(rs->res, r, c)) {
		kq_free(c);
		/* The table knows it by its claims: without any it would be left behind. */
		if (!r->claims && !r->pool)
			kq_resources_remove(rs->res, r);
		return "two claims of one owner";
	}
	if (in->evicted && !KQ_BREAK(EVICT_LOST))
		kq_claim_evict(rs->res, c, le32_to_cpu(in->drain_ms), rs->now_ns);
	return c->token ? let_hold(r, c) : enqueue(rs, r, c);
}

static const char *restore_record(void *ctx, u16 type, const void *payload, u32 len)
{
	struct kq_restore *rs = ctx;

	if (rs->error)
		return NULL;
	switch (type) {
	case KQ_SNAP_CONF:
		return restore_conf(rs, payload, len);
	case KQ_SNAP_SESSION:
		return restore_session(rs, payload, len);
	case KQ_SNAP_POOL:
		return restore_pool(rs, payload, len);
	default:
		return restore_claim(rs, payload, len);
	}
}

/**
 * kq_restore_feed() - the next bytes of the snapshot
 * @rs: the restore
 * @data: bytes
 * @len: how many, as it comes
 *
 * Context: needs no core, and so no lock of one.
 * Return: 0; -ENOMEM; or as kq_snap_read(), see kq_restore_why(). It stays at the first error.
 */
int kq_restore_feed(struct kq_restore *rs, const void *data, size_t len)
{
	int err = rs->error ? 0 : kq_snap_read(&rs->reader, data, len, restore_record, rs);

	return rs->error ? rs->error : err;
}

/* Nobody waits whose turn it is, or for what will never be his. Returns what is wrong. */
static const char *wait_wrongly(struct kq_restore *rs)
{
	struct kq_resource *r, *next;
	const struct kq_claim *c;

	list_for_each_entry_safe(r, next, &rs->awaited, touched) {
		list_del_init(&r->touched);
		if (kq_claim_fits(r, list_first_entry(&r->queue, struct kq_claim, node)))
			return "somebody waits for what could be had";
		list_for_each_entry(c, &r->queue, node)
			if (c->units > kq_resource_units(r))
				return "somebody waits for more than there are";
	}
	return NULL;
}

/**
 * kq_restore_finish() - nothing more comes
 * @rs: the restore
 *
 * Return: 0: it may take the place of a core's state; or as kq_restore_feed(); -ENODATA: it was cut
 * off.
 */
int kq_restore_finish(struct kq_restore *rs)
{
	int err = rs->error ? rs->error : kq_snap_read_end(&rs->reader);
	const char *why = err ? NULL : wait_wrongly(rs);

	if (why) {
		snprintf(rs->reader.why, sizeof(rs->reader.why), "damaged: %s", why);
		rs->reader.error = -EBADMSG;
		err = -EBADMSG;
	}
	rs->checked = !err;
	return err;
}

/**
 * kq_restore_why() - what is wrong with the snapshot
 * @rs: the restore
 *
 * Return: for a person.
 */
const char *kq_restore_why(const struct kq_restore *rs)
{
	return rs->error ? "no memory for the state in it" : rs->reader.why;
}

/**
 * kq_restore_ref() - which snapshot is it?
 * @rs: the restore
 *
 * Return: whole once kq_restore_finish() returned 0.
 */
const struct kq_snap_ref *kq_restore_ref(const struct kq_restore *rs)
{
	return &rs->reader.ref;
}

/**
 * kq_restore_conf() - the configuration in a snapshot
 * @rs: the restore
 * @conf: filled in
 *
 * Return: false: it is not finished, or has none.
 */
bool kq_restore_conf(const struct kq_restore *rs, struct kq_conf *conf)
{
	return rs->reader.ended && rs->conf &&
		!kq_conf_read(rs->conf->data, kq_entry_len(rs->conf), conf);
}

/* --- in its place ---------------------------------------------------------------------- */

static bool is_whole(const struct kq_restore *rs)
{
	return rs->reader.ended && !rs->reader.error && !rs->error && rs->checked && rs->res;
}

/* One step: before it the state is the old one, behind it the new one. */
static void swap_state(struct kq_core *core, struct kq_restore *rs)
{
	struct kq_resources *res = core->res;
	u64 index = rs->reader.ref.index;

	KQ_ASSERT(core, rs->res->sum[KQ_SNAP_CLAIM] ==
		  le64_to_cpu(rs->reader.head.sum[KQ_SNAP_CLAIM]));
	KQ_ASSERT(core, rs->res->sum[KQ_SNAP_POOL] ==
		  le64_to_cpu(rs->reader.head.sum[KQ_SNAP_POOL]));
	KQ_ASSERT(core, rs->res->claims == le64_to_cpu(rs->reader.head.claims));
	core->res = rs->res;
	rs->res = res;
	memcpy(core->session, rs->session, sizeof(core->session));
	core->conf_applied = rs->conf ? kq_entry_index(rs->conf) : 0;
	core->applied = index;
	core->commit = index;
	/* Where the log has this configuration itself, it is not needed. */
	if (rs->conf && kq_entry_index(rs->conf) <= core->log.base_index) {
		struct kq_entry *e = core->base_conf;

		core->base_conf = rs->conf;
		rs->conf = e;
	}
}

/**
 * kq_core_restore() - a node starts with the snapshot that its log refers to
 * @core: the core, all entries delivered, not started
 * @rs: finished
 * @report: how recovery went
 *
 * Return: 0; -EINVAL: @rs is not whole; -ESTALE: it is another than @report->hs.snap; -EUCLEAN: the
 * log does not go with it. The core then starts without: kq_core_restore_failed().
 */
int kq_core_restore(struct kq_core *core, struct kq_restore *rs, const struct kq_wal_report *report)
{
	const struct kq_snap_ref *ref = &rs->reader.ref;

	if (!is_whole(rs) || core->state != KQUORUM_NODE_RECOVERING)
		return -EINVAL;
	if (!kq_snap_same(ref, &report->hs.snap))
		return -ESTALE;
	kq_trim_missing(core, ref);
	if (ref->index < core->log.base_index || ref->index > core->log.last ||
	    kq_log_term(&core->log, ref->index) != ref->term)
		return -EUCLEAN;
	swap_state(core, rs);
	core->snap = *ref;
	return 0;
}

/**
 * kq_core_restore_failed() - the snapshot that the log refers to cannot be had
 * @core: the core, not started
 * @why: for a person: what is wrong with it
 *
 * As long as the log still begins with its first entry the node goes on without. Else it starts as
 * one that is damaged, until a snapshot is installed.
 */
void kq_core_restore_failed(struct kq_core *core, const char *why)
{
	snprintf(core->reason, sizeof(core->reason), "snapshot: %s", why);
}

/* Its log goes on behind the snapshot; what stood there is of a dead branch, or ends before. */
static void restart_log(struct kq_core *core, struct kq_restore *rs)
{
	const struct kq_snap_ref *ref = &rs->reader.ref;

	memset(&core->repair, 0, sizeof(core->repair));
	rs->log = core->log;
	memset(&core->log, 0, sizeof(core->log));
	kq_log_reset(&core->log, ref->index, ref->term);
	core->write_next = ref->index + 1;
	core->written_bytes = 0;
	/* What is under way to the disk counts for nothing; what is there does, until then. */
	core->durable = 0;
	if (core->batch && core->batch->first)
		core->batch->last = 0;
	core->restart_at = ref->index;
	core->hs.snap = *ref;
	core->snap_next.index = 0;
	core->snap_version = ++core->hs_version;
}

/* Has the log this very entry, so that what follows it may be what the leader has too? */
static bool log_goes_on(const struct kq_core *core, const struct kq_snap_ref *ref)
{
	if (core->repair.total)
		return !kq_repair_covers(core, ref);
	if (ref->index > core->log.last || ref->index < core->log.base_index)
		return false;
	return kq_log_term(&core->log, ref->index) == ref->term || KQ_BREAK(INSTALL_RACES);
}

static int may_install(const struct kq_core *core, const struct kq_restore *rs)
{
	const struct kq_snap_ref *ref = &rs->reader.ref;
	u64 origin = le64_to_cpu(rs->reader.head.origin);

	if (!is_whole(rs))
		return -EINVAL;
	if (core->state != KQUORUM_NODE_RUNNING && !core->stateless && !core->repair.total)
		return -EIO;
	if (core->conf.origin && origin != core->conf.origin)
		return -EXDEV;
	if (kq_is_leader(core))
		return -EBUSY;
	/* Without a state there is a log all the same: it goes on from one that is no older. */
	if (core->stateless && ref->index < max(core->hs.snap.index, core->log.base_index))
		return -ESTALE;
	if (core->repair.total && !kq_repair_covers(core, ref) && !kq_repair_goes_on(core, ref))
		return -ESTALE;
	return ref->index <= core->commit && !KQ_BREAK(INSTALL_BELOW) ? -ESTALE : 0;
}

/**
 * kq_core_install() - a snapshot of another node takes the place of this node's state
 * @core: the core
 * @now_ns: the clock
 * @rs: finished; its file is on disk. For kq_restore_free() afterwards in any case
 *
 * Its last entry is committed in the term in which it was saved, and perhaps not before: a leader
 * of an earlier term may have another one there, so this node follows none of those from here on.
 *
 * Return: 0; -EINVAL: @rs is not whole; -ESTALE: the node is no further behind; -EXDEV: of another
 * history; -EBUSY: the node leads; -EIO: it has failed, or its log is damaged beyond repair.
 */
int kq_core_install(struct kq_core *core, u64 now_ns, struct kq_restore *rs)
{
	const struct kq_snap_ref *ref = &rs->reader.ref;
	u64 term = le64_to_cpu(rs->reader.head.saved_term);
	int err = may_install(core, rs);

	if (err == -ESTALE)
		kq_repair_refused(core, ref);
	if (err)
		return err;
	core->now_ns = now_ns;
	if (!KQ_ASSERT(core, ref->index > core->commit || KQ_BREAK(INSTALL_BELOW)))
		return -EIO;
	kq_save_fail(core, -ESTALE);
	if (KQ_BREAK(INSTALL_TERM))
		term = 0;
	/* Who stands does so by a configuration, and a log, that go with the old state. */
	if (term > core->hs.term || core->role != KQUORUM_FOLLOWER)
		kq_become_follower(core, max(term, core->hs.term),
				   term > core->hs.term ? 0 : core->leader);
	if (!log_goes_on(core, ref)) {
		restart_log(core, rs);
	} else {
		core->snap_next = *ref;
		if (core->repair.total)
			kq_repair_installed(core, ref);
	}
	swap_state(core, rs);
	kq_evict_keep(core, rs->res);
	core->verified = max(core->verified, ref->index);
	core->stateless = false;
	/* Who is being repaired is so until its disk names this snapshot. */
	if (core->state == KQUORUM_NODE_DAMAGED && !core->repair.total) {
		core->state = KQUORUM_NODE_RUNNING;
		core->disk_state = KQUORUM_DISK_OK;
		core->reason[0] = '\0';
		core->events |= KQUORUM_EVENT_STATE | KQUORUM_EVENT_DISK;
	}
	kq_trace(core, "installs the snapshot of %llu%s", (unsigned long long)ref->index,
		 core->restart_at ? ", its log begins anew" : "");
	kq_member_cut(core);
	kq_lease_installed(core);
	kq_owners_installed(core);
	kq_lease_applied(core);
	kq_snap_settle(core);
	kq_propose_pump(core);
	kq_disk_pump(core);
	return 0;
}
