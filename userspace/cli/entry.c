// SPDX-License-Identifier: GPL-2.0
/* What an entry of the log means; the layouts are those of kmod/core/kq_entry.h. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "kq_entry.h"
#include "say.h"

struct decoded {
	const struct kq_session_cmd *session;
	const struct kq_acquire_cmd *acquire;
	const struct kq_release_cmd *release;
	const struct kq_define_cmd *define;
	const struct kq_evict_cmd *evict;
	const struct kq_fence_cmd *fence;
	const struct kquorum_conf *conf;
	const char *name;	/* of the resource, without NUL */
	unsigned int name_len;
	const char *info;	/* of @acquire, behind the name: what for */
	unsigned int info_len;
};

/* What follows the first @fixed bytes of a payload that has those: names, whole. */
static bool decode_name(const struct kquorum_log_entry *e, struct decoded *d, size_t fixed,
			unsigned int name_len, unsigned int info_len)
{
	d->name = (const char *)e->payload + fixed;
	d->name_len = name_len;
	d->info = d->name + name_len;
	d->info_len = info_len;
	return fixed + name_len + info_len <= e->bytes;
}

/* Bytes before the names. */
static size_t fixed_bytes(uint32_t type)
{
	switch (type) {
	case KQUORUM_ENTRY_ACQUIRE:
		return sizeof(struct kq_acquire_cmd);
	case KQUORUM_ENTRY_RELEASE:
		return sizeof(struct kq_release_cmd);
	case KQUORUM_ENTRY_DEFINE:
		return sizeof(struct kq_define_cmd);
	case KQUORUM_ENTRY_EVICT:
		return sizeof(struct kq_evict_cmd);
	case KQUORUM_ENTRY_FENCE:
		return sizeof(struct kq_fence_cmd);
	default:
		return sizeof(struct kq_undefine_cmd);
	}
}

static bool decode_resource(const struct kquorum_log_entry *e, struct decoded *d)
{
	size_t fixed = fixed_bytes(e->type);

	if (!e->payload || e->bytes < fixed)
		return false;
	switch (e->type) {
	case KQUORUM_ENTRY_ACQUIRE:
		d->acquire = e->payload;
		return decode_name(e, d, fixed, le16_to_cpu(d->acquire->name_len),
				   le16_to_cpu(d->acquire->info_len));
	case KQUORUM_ENTRY_RELEASE:
		d->release = e->payload;
		return decode_name(e, d, fixed, le16_to_cpu(d->release->name_len), 0);
	case KQUORUM_ENTRY_DEFINE:
		d->define = e->payload;
		return decode_name(e, d, fixed, le16_to_cpu(d->define->name_len), 0);
	case KQUORUM_ENTRY_EVICT:
		d->evict = e->payload;
		return decode_name(e, d, fixed, le16_to_cpu(d->evict->name_len), 0);
	case KQUORUM_ENTRY_FENCE:
		d->fence = e->payload;
		return decode_name(e, d, fixed, le16_to_cpu(d->fence->name_len), 0);
	default:
		return decode_name(e, d, fixed,
				   le16_to_cpu(((const struct kq_undefine_cmd *)e->payload)->name_len), 0);
	}
}

/* False: the payload is too short for its type, or was left out. */
static bool decode(const struct kquorum_log_entry *e, struct decoded *d)
{
	memset(d, 0, sizeof(*d));
	switch (e->type) {
	case KQUORUM_ENTRY_OPEN:
	case KQUORUM_ENTRY_CLOSE:
	case KQUORUM_ENTRY_SUSPECT:
	case KQUORUM_ENTRY_CLEAR:
	case KQUORUM_ENTRY_EXPIRE:
		d->session = e->payload;
		return e->payload && e->bytes >= sizeof(*d->session);
	case KQUORUM_ENTRY_CONF:
		d->conf = e->payload;
		return e->payload && e->bytes >= sizeof(*d->conf);
	case KQUORUM_ENTRY_ACQUIRE:
	case KQUORUM_ENTRY_RELEASE:
	case KQUORUM_ENTRY_DEFINE:
	case KQUORUM_ENTRY_UNDEFINE:
	case KQUORUM_ENTRY_EVICT:
	case KQUORUM_ENTRY_FENCE:
		return decode_resource(e, d);
	default:
		return true;
	}
}

static void describe_session(const struct kquorum_log_entry *e, const struct kquorum_status *st,
			     const struct kq_session_cmd *s, char *buf, size_t size)
{
	const char *node = node_name(st, le32_to_cpu(s->node));
	uint64_t session = le64_to_cpu(s->session);
	char left[FORMAT_MAX];

	switch (e->type) {
	case KQUORUM_ENTRY_OPEN:
		snprintf(buf, size, "session %" PRIu64 " of %s begins", session, node);
		break;
	case KQUORUM_ENTRY_CLOSE:
		snprintf(buf, size, "session %" PRIu64 " of %s ends by its own wish", session, node);
		break;
	case KQUORUM_ENTRY_SUSPECT:
		snprintf(buf, size, "session %" PRIu64 " of %s is silent, %s left", session, node,
			 format_duration(left, le64_to_cpu(s->left_ns)));
		break;
	case KQUORUM_ENTRY_CLEAR:
		snprintf(buf, size, "session %" PRIu64 " of %s is heard again", session, node);
		break;
	default:
		snprintf(buf, size, "session %" PRIu64 " of %s expired: all that it held is released",
			 session, node);
	}
}

static uint32_t mode_of(const struct kq_acquire_cmd *a)
{
	if (le16_to_cpu(a->flags) & KQ_ACQUIRE_SHARED)
		return KQUORUM_CLAIM_SHARED;
	return a->units ? KQUORUM_CLAIM_MODE_UNITS : KQUORUM_CLAIM_EXCLUSIVE;
}

/* Not at all, when there is none. */
static void say_ms(struct text *t, const char *format, uint32_t ms)
{
	char time[FORMAT_MAX], words[80];

	if (!ms)
		return;
	snprintf(words, sizeof(words), format, format_duration(time, ms * NS_PER_MS));
	say(t, "%s", words);
}

static void describe_acquire(const struct decoded *d, struct text *t)
{
	const struct kq_acquire_cmd *a = d->acquire;
	char what[CLAIM_WHAT_MAX], comm[4 * KQ_COMM_MAX], info[4 * KQ_INFO_MAX + 1], user[CLAIM_USER_MAX];

	if (mode_of(a) != KQUORUM_CLAIM_EXCLUSIVE)
		say(t, ", %s", claim_what(what, mode_of(a), le32_to_cpu(a->units), NULL));
	format_text(comm, sizeof(comm), a->comm, strnlen(a->comm, KQ_COMM_MAX));
	say(t, ", owner %" PRIu64 ", pid %u (%s)", (uint64_t)le64_to_cpu(a->owner), le32_to_cpu(a->pid),
	    comm);
	if (a->uid)
		say(t, " of %s", claim_user(user, sizeof(user), le32_to_cpu(a->uid)));
	say_ms(t, ", renewed within %s", le32_to_cpu(a->ttl_ms));
	say_ms(t, ", for %s at most", le32_to_cpu(a->hold_ms));
	if (le16_to_cpu(a->flags) & KQ_ACQUIRE_TRY)
		say(t, ", without waiting");
	format_text(info, sizeof(info), d->info, d->info_len);
	if (*info)
		say(t, ": %s", info);
}

static void describe_terms(const struct kq_define_cmd *c, uint32_t flags, struct text *t)
{
	if (flags & KQ_DEFINE_TTL && !c->ttl_ms)
		say(t, ", need not be renewed");
	say_ms(t, ", renewed within %s", le32_to_cpu(c->ttl_ms));
	if (flags & KQ_DEFINE_HOLD && !c->hold_ms)
		say(t, ", held without end");
	say_ms(t, ", held for %s at most", le32_to_cpu(c->hold_ms));
	if (flags & KQ_DEFINE_UID)
		say(t, ", owner %u", le32_to_cpu(c->uid));
	if (flags & KQ_DEFINE_GID)
		say(t, ", group %u", le32_to_cpu(c->gid));
	if (flags & KQ_DEFINE_MODE)
		say(t, ", mode %04o", le16_to_cpu(c->mode));
	if (flags & KQ_DEFINE_FENCED)
		say(t, c->fenced ? ", fenced" : ", not fenced");
}

/* What is not said stays as it is. */
static void describe_define(const struct kq_define_cmd *c, struct text *t)
{
	uint32_t flags = le16_to_cpu(c->flags), units = le32_to_cpu(c->units);

	if (flags & KQ_DEFINE_NEW)
		say(t, ", new");
	if (flags & KQ_DEFINE_UNITS)
		say(t, ", %u unit%s", units, units == 1 ? "" : "s");
	if (flags & KQ_DEFINE_MAX_WAITERS && c->max_waiters)
		say(t, ", at most %u may wait", le32_to_cpu(c->max_waiters));
	else if (flags & (KQ_DEFINE_MAX_WAITERS | KQ_DEFINE_NEW))
		say(t, ", any number may wait");
	describe_terms(c, flags, t);
}

static const char *const release_whys[] = {
	[KQ_RELEASE_ASKED] = "asked", [KQ_RELEASE_UNRENEWED] = "not_renewed",
	[KQ_RELEASE_OVERDUE] = "held_too_long", [KQ_RELEASE_EVICTED] = "evicted",
};

static const char *release_why(const struct kq_release_cmd *r)
{
	return le16_to_cpu(r->why) < KQ_RELEASE_WHYS ? release_whys[le16_to_cpu(r->why)] : "unknown";
}

static void describe_release(const struct kq_release_cmd *r, struct text *t)
{
	static const char *const words[] = {
		[KQ_RELEASE_ASKED] = "", [KQ_RELEASE_UNRENEWED] = ": it was not renewed in time",
		[KQ_RELEASE_OVERDUE] = ": it was held as long as it may be",
		[KQ_RELEASE_EVICTED] = ": an operator took it",
	};

	say(t, ", owner %" PRIu64, (uint64_t)le64_to_cpu(r->owner));
	if (le16_to_cpu(r->why) < KQ_RELEASE_WHYS)
		say(t, "%s", words[le16_to_cpu(r->why)]);
}

static void describe_evict(const struct kq_evict_cmd *c, bool by_leader, const struct kquorum_status *st,
			   struct text *t)
{
	char drain[FORMAT_MAX];

	say(t, ", owner %" PRIu64 " of %s, session %" PRIu64, (uint64_t)le64_to_cpu(c->owner),
	    node_name(st, le32_to_cpu(c->node)), (uint64_t)le64_to_cpu(c->session));
	if (by_leader)
		say(t, ": its node is silent, so the leader takes it");
	else
		say(t, ", has %s to end", c->drain_ms ?
		    format_duration(drain, le32_to_cpu(c->drain_ms) * NS_PER_MS) : "no time");
}

static void describe_resource(const struct kquorum_log_entry *e, const struct kquorum_status *st,
			      const struct decoded *d, char *buf, size_t size)
{
	struct text t = { buf, size, 0 };
	char name[160];

	format_text(name, sizeof(name), d->name, d->name_len);
	say(&t, "%s", name);
	if (d->acquire)
		describe_acquire(d, &t);
	else if (d->release)
		describe_release(d->release, &t);
	else if (d->define)
		describe_define(d->define, &t);
	else if (d->evict)
		describe_evict(d->evict, !e->session, st, &t);
	else if (d->fence)
		say(&t, ", token %" PRIu64, (uint64_t)le64_to_cpu(d->fence->token));
}

/* "WORD n1, n2", if @nodes has any; after something else. */
static void append_nodes(char *buf, size_t size, const struct kquorum_status *st, const char *word,
			 uint32_t nodes)
{
	const char *between = buf[0] ? "; " : "";
	uint32_t id;

	for (id = 1; id <= KQUORUM_MAX_NODES; id++) {
		size_t at = strlen(buf);

		if (!(nodes >> id & 1))
			continue;
		snprintf(buf + at, size - at, "%s%s%s", between, word, node_name(st, id));
		between = ", ";
		word = "";
	}
}

static void describe_conf(const struct kquorum_conf *c, const struct kquorum_status *st, char *buf,
			  size_t size)
{
	const struct kquorum_lineage *l = &c->lineage;

	/* First, where it is not cut off. */
	if (l->how)
		snprintf(buf, size, "%s from index %" PRIu64 " of %016" PRIx64,
			 lineage_name(le32_to_cpu(l->how)), (uint64_t)le64_to_cpu(l->index),
			 (uint64_t)le64_to_cpu(l->cluster));
	append_nodes(buf, size, st, "voters ", le32_to_cpu(c->voters));
	append_nodes(buf, size, st, "replacing ", le32_to_cpu(c->outgoing));
	append_nodes(buf, size, st, "learners ", le32_to_cpu(c->learners));
}

/* What came of an entry, other than that it took effect; with a type: of such ones only. */
static const struct result {
	int error;
	const char *name, *remark;
	uint32_t type;
} results[] = {
	{ -ESTALE, "stale_token", "(a higher token was shown) ", KQUORUM_ENTRY_FENCE },
	{ -EINVAL, "no_such_token", "(nobody was given that one) ", KQUORUM_ENTRY_FENCE },
	{ -ENOENT, "no_such_request", "(no such request) ", KQUORUM_ENTRY_EVICT },
	{ -EPERM, "not_fenced", "(not fenced any more) ", KQUORUM_ENTRY_EVICT },
	{ -EALREADY, "repeated", "(again, no effect) ", 0 },
	{ -ESTALE, "session_over", "(session over, no effect) ", 0 },
	{ -EAGAIN, "held", "(held, not granted) ", 0 },
	{ -ERANGE, "too_few_units", "(has fewer units) ", 0 },
	{ -EUSERS, "too_many_wait", "(too many wait) ", 0 },
	{ -ENFILE, "no_room", "(no room in the cluster) ", 0 },
	{ -EEXIST, "exists", "(exists already) ", 0 },
	{ -ENOENT, "not_found", "(not there) ", 0 },
	{ -EBUSY, "in_use", "(in use) ", 0 },
	{ -EACCES, "denied", "(not for this user) ", 0 },
	{ -EMEDIUMTYPE, "not_fenced", "(not fenced, or several units) ", 0 },
};

static const struct result *result_of(const struct kquorum_log_entry *e)
{
	static const struct result other = { 0, "refused", "(refused) ", 0 };
	size_t i;

	for (i = 0; i < sizeof(results) / sizeof(results[0]); i++)
		if (results[i].error == e->result && (!results[i].type || results[i].type == e->type))
			return &results[i];
	return &other;
}

const char *entry_remark(const struct kquorum_log_entry *e)
{
	if (!e->committed)
		return "(not committed) ";
	return e->applied && e->result ? result_of(e)->remark : "";
}

void entry_describe(const struct kquorum_log_entry *e, const struct kquorum_status *st, char *buf,
		    size_t size)
{
	struct decoded d;

	buf[0] = '\0';
	if (!decode(e, &d)) {
		snprintf(buf, size, "payload of %u bytes, not shown", e->bytes);
		return;
	}
	if (d.session)
		describe_session(e, st, d.session, buf, size);
	else if (d.name)
		describe_resource(e, st, &d, buf, size);
	else if (d.conf)
		describe_conf(d.conf, st, buf, size);
	else if (e->type == KQUORUM_ENTRY_NOOP)
		snprintf(buf, size, "term %" PRIu64 " begins", e->term);
	else if (!e->payload)
		snprintf(buf, size, "payload of %u bytes, not shown", e->bytes);
	else
		format_text(buf, size, e->payload, e->bytes);
}

int entry_conf_part(const struct kquorum_log_entry *e, const char *name)
{
	const struct kquorum_conf_member *m;
	const struct kquorum_conf_left *l;
	uint32_t voters, learners, id;
	struct decoded d;
	const char *end;

	if (!decode(e, &d) || !d.conf)
		return 0;
	end = (const char *)e->payload + e->bytes;
	voters = le32_to_cpu(d.conf->voters) | le32_to_cpu(d.conf->outgoing);
	learners = le32_to_cpu(d.conf->learners) & ~voters;
	m = d.conf->member;
	for (id = 1; id <= KQUORUM_MAX_NODES && (const char *)(m + 1) <= end; id++) {
		if (!((voters | learners) >> id & 1))
			continue;
		if (!strncmp(m->name, name, sizeof(m->name)))
			return voters >> id & 1 ? 2 : 1;
		m++;
	}
	/* Behind them stands who has left, however long ago. */
	for (l = (const void *)m; (const char *)(l + 1) <= end; l++)
		if (!strncmp(l->name, name, sizeof(l->name)))
			return 3;
	return 0;
}

static void payload_json(cJSON *o, const struct kquorum_log_entry *e)
{
	static const char digits[] = "0123456789abcdef";
	char hex[2 * 4096 + 1];
	const unsigned char *p = e->payload;
	uint32_t i, n = e->bytes <= 4096 ? e->bytes : 4096;

	json_u64(o, "payload_bytes", e->bytes);
	if (!p || n < e->bytes) {
		cJSON_AddNullToObject(o, "payload_hex");
		return;
	}
	for (i = 0; i < n; i++) {
		hex[2 * i] = digits[p[i] >> 4];
		hex[2 * i + 1] = digits[p[i] & 15];
	}
	hex[2 * n] = '\0';
	cJSON_AddStringToObject(o, "payload_hex", hex);
}

static void nodes_json(cJSON *o, const char *name, const struct kquorum_status *st, uint32_t nodes)
{
	cJSON *list = cJSON_AddArrayToObject(o, name);
	uint32_t id;

	for (id = 1; id <= KQUORUM_MAX_NODES; id++)
		if (nodes >> id & 1)
			cJSON_AddItemToArray(list, cJSON_CreateString(node_name(st, id)));
}

static void acquire_json(cJSON *o, const struct decoded *d)
{
	const struct kq_acquire_cmd *a = d->acquire;
	char text[4 * KQ_INFO_MAX + 1];

	json_u64(o, "owner", le64_to_cpu(a->owner));
	json_u64(o, "pid", le32_to_cpu(a->pid));
	format_text(text, sizeof(text), a->comm, strnlen(a->comm, KQ_COMM_MAX));
	cJSON_AddStringToObject(o, "comm", text);
	cJSON_AddBoolToObject(o, "try", le16_to_cpu(a->flags) & KQ_ACQUIRE_TRY);
	claim_what_json(o, mode_of(a), le32_to_cpu(a->units), NULL);
	format_text(text, sizeof(text), d->info, d->info_len);
	cJSON_AddStringToObject(o, "info", text);
	json_u64(o, "uid", le32_to_cpu(a->uid));
	json_u64(o, "ttl_ms", le32_to_cpu(a->ttl_ms));		/* 0: as the resource says */
	json_u64(o, "hold_ms", le32_to_cpu(a->hold_ms));	/* likewise */
}

/* @said: null where it is not. */
static void said_json(cJSON *o, const char *name, bool said, uint32_t value)
{
	if (said)
		json_u64(o, name, value);
	else
		cJSON_AddNullToObject(o, name);
}

static void define_json(cJSON *o, const struct kq_define_cmd *c)
{
	uint32_t flags = le16_to_cpu(c->flags);
	char mode[8];

	cJSON_AddBoolToObject(o, "create", flags & KQ_DEFINE_NEW);
	said_json(o, "units", flags & KQ_DEFINE_UNITS, le32_to_cpu(c->units));
	said_json(o, "max_waiters", flags & KQ_DEFINE_MAX_WAITERS, le32_to_cpu(c->max_waiters));
	said_json(o, "ttl_ms", flags & KQ_DEFINE_TTL, le32_to_cpu(c->ttl_ms));
	said_json(o, "hold_ms", flags & KQ_DEFINE_HOLD, le32_to_cpu(c->hold_ms));
	said_json(o, "uid", flags & KQ_DEFINE_UID, le32_to_cpu(c->uid));
	said_json(o, "gid", flags & KQ_DEFINE_GID, le32_to_cpu(c->gid));
	if (flags & KQ_DEFINE_MODE) {
		snprintf(mode, sizeof(mode), "%04o", le16_to_cpu(c->mode));
		cJSON_AddStringToObject(o, "access", mode);
	} else {
		cJSON_AddNullToObject(o, "access");
	}
	if (flags & KQ_DEFINE_FENCED)
		cJSON_AddBoolToObject(o, "fenced", c->fenced);
	else
		cJSON_AddNullToObject(o, "fenced");
}

static void evict_json(cJSON *o, const struct kq_evict_cmd *c, bool by_leader,
		       const struct kquorum_status *st)
{
	json_u64(o, "owner", le64_to_cpu(c->owner));
	cJSON_AddStringToObject(o, "of_node", node_name(st, le32_to_cpu(c->node)));
	json_u64(o, "of_session", le64_to_cpu(c->session));
	json_u64(o, "drain_ms", le32_to_cpu(c->drain_ms));
	cJSON_AddBoolToObject(o, "by_leader", by_leader);
}

static void resource_json(cJSON *o, const struct kquorum_log_entry *e, const struct kquorum_status *st,
			  const struct decoded *d)
{
	char name[4 * 4096 + 4];

	format_text(name, sizeof(name), d->name, d->name_len);
	cJSON_AddStringToObject(o, "resource", name);
	if (d->acquire) {
		acquire_json(o, d);
	} else if (d->release) {
		json_u64(o, "owner", le64_to_cpu(d->release->owner));
		cJSON_AddStringToObject(o, "why", release_why(d->release));
	} else if (d->define) {
		define_json(o, d->define);
	} else if (d->evict) {
		evict_json(o, d->evict, !e->session, st);
	} else if (d->fence) {
		json_u64(o, "token", le64_to_cpu(d->fence->token));
		json_u64(o, "uid", le32_to_cpu(d->fence->uid));
	}
}

cJSON *entry_json(const struct kquorum_log_entry *e, const struct kquorum_status *st)
{
	cJSON *o = cJSON_CreateObject();
	char text[4 * 4096 + 4];
	struct decoded d;

	json_u64(o, "index", e->index);
	json_u64(o, "term", e->term);
	cJSON_AddStringToObject(o, "type", entry_type_name(e->type));
	cJSON_AddBoolToObject(o, "committed", e->committed);
	cJSON_AddStringToObject(o, "node", node_name(st, e->node));
	json_u64(o, "session", e->session);
	json_u64(o, "seq", e->seq);
	if (e->applied) {
		cJSON_AddBoolToObject(o, "effect", !e->result);
		cJSON_AddStringToObject(o, "result", e->result ? result_of(e)->name : "done");
	} else {
		cJSON_AddNullToObject(o, "effect");
		cJSON_AddNullToObject(o, "result");
	}
	payload_json(o, e);
	if (!decode(e, &d))
		return o;
	if (d.session) {
		json_u64(o, "of_session", le64_to_cpu(d.session->session));
		cJSON_AddStringToObject(o, "of_node", node_name(st, le32_to_cpu(d.session->node)));
		json_time(o, "left_ms", le64_to_cpu(d.session->left_ns));
	} else if (d.name) {
		resource_json(o, e, st, &d);
	} else if (d.conf) {
		nodes_json(o, "voters", st, le32_to_cpu(d.conf->voters));
		nodes_json(o, "outgoing", st, le32_to_cpu(d.conf->outgoing));
		nodes_json(o, "learners", st, le32_to_cpu(d.conf->learners));
	} else if (e->type == KQUORUM_ENTRY_APPEND && e->payload) {
		format_text(text, sizeof(text), e->payload, e->bytes);
		cJSON_AddStringToObject(o, "text", text);
	}
	return o;
}
