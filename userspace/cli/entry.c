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

static bool decode_resource(const struct kquorum_log_entry *e, struct decoded *d)
{
	const struct kq_undefine_cmd *undefine = e->payload;
	size_t fixed = e->type == KQUORUM_ENTRY_ACQUIRE ? sizeof(*d->acquire) :
		e->type == KQUORUM_ENTRY_RELEASE ? sizeof(*d->release) :
		e->type == KQUORUM_ENTRY_DEFINE ? sizeof(*d->define) : sizeof(*undefine);

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
	default:
		return decode_name(e, d, fixed, le16_to_cpu(undefine->name_len), 0);
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

static void describe_acquire(const struct decoded *d, struct text *t)
{
	const struct kq_acquire_cmd *a = d->acquire;
	char what[CLAIM_WHAT_MAX], comm[4 * KQ_COMM_MAX], info[4 * KQ_INFO_MAX + 1];

	if (mode_of(a) != KQUORUM_CLAIM_EXCLUSIVE)
		say(t, ", %s", claim_what(what, mode_of(a), le32_to_cpu(a->units), NULL));
	format_text(comm, sizeof(comm), a->comm, strnlen(a->comm, KQ_COMM_MAX));
	say(t, ", owner %" PRIu64 ", pid %u (%s)", (uint64_t)le64_to_cpu(a->owner), le32_to_cpu(a->pid),
	    comm);
	if (le16_to_cpu(a->flags) & KQ_ACQUIRE_TRY)
		say(t, ", without waiting");
	format_text(info, sizeof(info), d->info, d->info_len);
	if (*info)
		say(t, ": %s", info);
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
}

static void describe_resource(const struct decoded *d, char *buf, size_t size)
{
	struct text t = { buf, size, 0 };
	char name[160];

	format_text(name, sizeof(name), d->name, d->name_len);
	say(&t, "%s", name);
	if (d->acquire)
		describe_acquire(d, &t);
	else if (d->release)
		say(&t, ", owner %" PRIu64, (uint64_t)le64_to_cpu(d->release->owner));
	else if (d->define)
		describe_define(d->define, &t);
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

/* What came of an entry, other than that it took effect. */
static const struct result {
	int error;
	const char *name, *remark;
} results[] = {
	{ -EALREADY, "repeated", "(again, no effect) " },
	{ -ESTALE, "session_over", "(session over, no effect) " },
	{ -EAGAIN, "held", "(held, not granted) " },
	{ -ERANGE, "too_few_units", "(has fewer units) " },
	{ -EUSERS, "too_many_wait", "(too many wait) " },
	{ -ENFILE, "no_room", "(no room in the cluster) " },
	{ -EEXIST, "exists", "(exists already) " },
	{ -ENOENT, "not_found", "(not there) " },
	{ -EBUSY, "in_use", "(in use) " },
};

static const struct result *result_of(int error)
{
	static const struct result other = { 0, "refused", "(refused) " };
	size_t i;

	for (i = 0; i < sizeof(results) / sizeof(results[0]); i++)
		if (results[i].error == error)
			return &results[i];
	return &other;
}

const char *entry_remark(const struct kquorum_log_entry *e)
{
	if (!e->committed)
		return "(not committed) ";
	return e->applied && e->result ? result_of(e->result)->remark : "";
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
		describe_resource(&d, buf, size);
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

	cJSON_AddBoolToObject(o, "create", flags & KQ_DEFINE_NEW);
	said_json(o, "units", flags & KQ_DEFINE_UNITS, le32_to_cpu(c->units));
	said_json(o, "max_waiters", flags & KQ_DEFINE_MAX_WAITERS, le32_to_cpu(c->max_waiters));
}

static void resource_json(cJSON *o, const struct decoded *d)
{
	char name[4 * 4096 + 4];

	format_text(name, sizeof(name), d->name, d->name_len);
	cJSON_AddStringToObject(o, "resource", name);
	if (d->acquire)
		acquire_json(o, d);
	else if (d->release)
		json_u64(o, "owner", le64_to_cpu(d->release->owner));
	else if (d->define)
		define_json(o, d->define);
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
		cJSON_AddStringToObject(o, "result", e->result ? result_of(e->result)->name : "done");
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
		resource_json(o, &d);
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
