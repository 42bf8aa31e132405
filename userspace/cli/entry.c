// SPDX-License-Identifier: GPL-2.0
/* What an entry of the log means; the layouts are those of kmod/core/kq_entry.h. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "cli.h"
#include "kq_entry.h"

struct decoded {
	const struct kq_session_cmd *session;
	const struct kq_acquire_cmd *acquire;
	const struct kq_release_cmd *release;
	const struct kquorum_conf *conf;
	const char *name;	/* of the resource, without NUL */
	unsigned int name_len;
};

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
		if (!e->payload || e->bytes < sizeof(*d->acquire))
			return false;
		d->acquire = e->payload;
		d->name = (const char *)(d->acquire + 1);
		d->name_len = le16_to_cpu(d->acquire->name_len);
		return sizeof(*d->acquire) + d->name_len <= e->bytes;
	case KQUORUM_ENTRY_RELEASE:
		if (!e->payload || e->bytes < sizeof(*d->release))
			return false;
		d->release = e->payload;
		d->name = (const char *)(d->release + 1);
		d->name_len = le16_to_cpu(d->release->name_len);
		return sizeof(*d->release) + d->name_len <= e->bytes;
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

static void describe_lock(const struct decoded *d, char *buf, size_t size)
{
	char name[160], comm[4 * KQ_COMM_MAX];

	format_text(name, sizeof(name), d->name, d->name_len);
	if (d->release) {
		snprintf(buf, size, "%s, owner %" PRIu64, name,
			 (uint64_t)le64_to_cpu(d->release->owner));
		return;
	}
	format_text(comm, sizeof(comm), d->acquire->comm, strnlen(d->acquire->comm, KQ_COMM_MAX));
	snprintf(buf, size, "%s, owner %" PRIu64 ", pid %u (%s)%s", name,
		 (uint64_t)le64_to_cpu(d->acquire->owner), le32_to_cpu(d->acquire->pid), comm,
		 le16_to_cpu(d->acquire->flags) & KQ_ACQUIRE_TRY ? ", without waiting" : "");
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

const char *entry_remark(const struct kquorum_log_entry *e)
{
	if (!e->committed)
		return "(not committed) ";
	if (!e->applied || !e->result)
		return "";
	switch (e->result) {
	case -EALREADY:
		return "(again, no effect) ";
	case -ESTALE:
		return "(session over, no effect) ";
	case -EAGAIN:
		return "(held, not granted) ";
	default:
		return "(refused) ";
	}
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
		describe_lock(&d, buf, size);
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
	if (e->applied)
		cJSON_AddBoolToObject(o, "effect", !e->result);
	else
		cJSON_AddNullToObject(o, "effect");
	payload_json(o, e);
	if (!decode(e, &d))
		return o;
	if (d.session) {
		json_u64(o, "of_session", le64_to_cpu(d.session->session));
		cJSON_AddStringToObject(o, "of_node", node_name(st, le32_to_cpu(d.session->node)));
		json_time(o, "left_ms", le64_to_cpu(d.session->left_ns));
	} else if (d.name) {
		format_text(text, sizeof(text), d.name, d.name_len);
		cJSON_AddStringToObject(o, "resource", text);
		json_u64(o, "owner", le64_to_cpu(d.acquire ? d.acquire->owner : d.release->owner));
		if (d.acquire) {
			json_u64(o, "pid", le32_to_cpu(d.acquire->pid));
			format_text(text, sizeof(text), d.acquire->comm,
				    strnlen(d.acquire->comm, KQ_COMM_MAX));
			cJSON_AddStringToObject(o, "comm", text);
			cJSON_AddBoolToObject(o, "try", le16_to_cpu(d.acquire->flags) & KQ_ACQUIRE_TRY);
		}
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
