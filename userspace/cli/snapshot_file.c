// SPDX-License-Identifier: GPL-2.0
/*
 * Reading a snapshot: kmod/core/kq_snap_read.c checks the stream, what is here each record. Claims
 * and what was said of resources are checked one by one only: that holders of one resource go
 * together the module checks when it takes a snapshot, and no damage that passes the checksums can
 * change it.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "snapshot_file.h"

#define PIECE	(64 * 1024)

void snapshot_reader_init(struct snapshot_reader *r, uint64_t cluster_id, snapshot_record_cb cb,
			  void *user)
{
	memset(r, 0, sizeof(*r));
	kq_snap_reader_init(&r->raw, cluster_id, 0);
	r->cb = cb;
	r->user = user;
}

static const char *take_conf(struct snapshot_reader *r, struct snapshot_conf *c,
			     const void *payload, uint32_t len)
{
	const struct kq_snap_conf *s = payload;

	if (len < sizeof(*s) || r->has_conf)
		return "a configuration that cannot be used";
	c->index = le64_to_cpu(s->index);
	c->term = le64_to_cpu(s->term);
	c->payload = s + 1;
	c->bytes = len - sizeof(*s);
	if (!c->index || !c->term || c->index > r->raw.ref.index ||
	    kq_conf_read(c->payload, c->bytes, &c->conf) ||
	    c->conf.origin != le64_to_cpu(r->raw.head.origin))
		return "a configuration that cannot be used";
	r->has_conf = true;
	r->before = c->conf.before;
	r->now = c->conf.now;
	return NULL;
}

static const char *take_session(struct snapshot_reader *r, struct snapshot_session *s,
				const void *payload, uint32_t len)
{
	const struct kq_snap_session *in = payload;
	unsigned int i;

	if (len != sizeof(*in))
		return "a session that cannot be";
	s->node = le32_to_cpu(in->node);
	s->silent = le32_to_cpu(in->suspect);
	s->id = le64_to_cpu(in->id);
	s->last_id = le64_to_cpu(in->last_id);
	s->left_ns = le64_to_cpu(in->left_ns);
	s->settled = le64_to_cpu(in->settled);
	for (i = 0; i < KQ_SNAP_WINDOW; i++)
		s->applied[i] = le64_to_cpu(in->applied[i]);
	if (!s->node || s->node > KQUORUM_MAX_NODES || r->sessions & node_bit(s->node) ||
	    !s->last_id || s->id > s->last_id || le32_to_cpu(in->suspect) > 1)
		return "a session that cannot be";
	r->sessions |= node_bit(s->node);
	r->session[s->node] = s->id;
	r->open_sessions += !!s->id;
	return NULL;
}

/* Each is a bit; they rise, so that none is there twice. */
static bool take_numbers(struct snapshot_claim *c, const uint8_t *number, uint32_t n)
{
	uint32_t i;

	memset(c->numbers, 0, sizeof(c->numbers));
	for (i = 0; i < n; i++) {
		if (i && number[i] <= number[i - 1])
			return false;
		c->numbers[number[i] / 64] |= 1ULL << (number[i] % 64);
	}
	return true;
}

/* Whoever has numbers holds so many units, and has one for each. */
static bool units_can_be(const struct kq_snap_claim *in)
{
	uint32_t units = le32_to_cpu(in->units), numbers = le16_to_cpu(in->numbers);

	if (in->mode != KQUORUM_CLAIM_MODE_UNITS)
		return in->mode < KQUORUM_CLAIM_MODE_UNITS && !units && !numbers;
	if (!units || units > KQUORUM_UNITS_MAX)
		return false;
	return !numbers || (in->token && numbers == units && numbers <= KQUORUM_NUMBERED);
}

static bool is_zero(const uint8_t *bytes, size_t n)
{
	while (n && !bytes[n - 1])
		n--;
	return !n;
}

static bool time_can_be(__le32 ms)
{
	return le32_to_cpu(ms) <= KQUORUM_GRANT_MS_MAX;
}

/* Only who holds it can have to give it back. */
static bool times_can_be(const struct kq_snap_claim *in)
{
	if (!time_can_be(in->ttl_ms) || !time_can_be(in->hold_ms) || !time_can_be(in->drain_ms))
		return false;
	return in->evicted ? in->evicted == 1 && in->token : !in->drain_ms;
}

/* Is @len what its parts say, and are they what they can be? */
static bool claim_can_be(const struct kq_snap_claim *in, uint32_t len)
{
	return len > sizeof(*in) && len <= KQ_SNAP_CLAIM_MAX && in->name_len &&
		in->name_len <= KQUORUM_RESOURCE_NAME_MAX && in->info_len <= KQUORUM_INFO_MAX &&
		len == sizeof(*in) + in->name_len + in->info_len + le16_to_cpu(in->numbers) &&
		units_can_be(in) && times_can_be(in) && is_zero(in->zero, sizeof(in->zero));
}

/* Returns what follows. */
static const char *take_text(char *to, uint32_t *bytes, const char *from, uint32_t len)
{
	memcpy(to, from, len);
	to[len] = '\0';
	*bytes = len;
	return from + len;
}

static const char *take_claim(struct snapshot_reader *r, struct snapshot_claim *c,
			      const void *payload, uint32_t len)
{
	const struct kq_snap_claim *in = payload;
	const char *at;

	if (len < sizeof(*in) || !claim_can_be(in, len))
		return "a claim that cannot be";
	c->session = le64_to_cpu(in->session);
	c->owner = le64_to_cpu(in->owner);
	c->index = le64_to_cpu(in->index);
	c->token = le64_to_cpu(in->token);
	c->node = le32_to_cpu(in->node);
	c->pid = le32_to_cpu(in->pid);
	c->mode = in->mode;
	c->units = le32_to_cpu(in->units);
	c->ttl_ms = le32_to_cpu(in->ttl_ms);
	c->hold_ms = le32_to_cpu(in->hold_ms);
	c->uid = le32_to_cpu(in->uid);
	c->evicted = in->evicted;
	c->drain_ms = le32_to_cpu(in->drain_ms);
	snprintf(c->comm, sizeof(c->comm), "%.*s", (int)sizeof(in->comm), in->comm);
	at = take_text(c->resource, &c->resource_bytes, (const char *)(in + 1), in->name_len);
	at = take_text(c->info, &c->info_bytes, at, in->info_len);
	/* Node 0 has no session. */
	if (!take_numbers(c, (const uint8_t *)at, le16_to_cpu(in->numbers)) ||
	    c->node > KQUORUM_MAX_NODES || !c->session || c->session != r->session[c->node] ||
	    !c->index || c->index > r->raw.ref.index)
		return "a claim that cannot be";
	r->claims++;
	r->held += !!c->token;
	return NULL;
}

/* A fence begins with a token that somebody was given, or could have been, up to entry @last. */
static bool terms_can_be(const struct kq_snap_pool *in, uint64_t last)
{
	return time_can_be(in->ttl_ms) && time_can_be(in->hold_ms) && !(le16_to_cpu(in->mode) & ~0666) &&
		le16_to_cpu(in->fenced) <= 1 && !in->zero && (in->fence || !in->fenced) &&
		le64_to_cpu(in->fence) >> SNAPSHOT_TOKEN_SHIFT <= last;
}

static const char *take_pool(struct snapshot_reader *r, struct snapshot_pool *p,
			     const void *payload, uint32_t len)
{
	const struct kq_snap_pool *in = payload;

	if (len <= sizeof(*in) || len > KQ_SNAP_POOL_MAX)
		return "a resource that cannot be";
	p->index = le64_to_cpu(in->index);
	p->units = le32_to_cpu(in->units);
	p->max_waiters = le32_to_cpu(in->max_waiters);
	p->ttl_ms = le32_to_cpu(in->ttl_ms);
	p->hold_ms = le32_to_cpu(in->hold_ms);
	p->uid = le32_to_cpu(in->uid);
	p->gid = le32_to_cpu(in->gid);
	p->mode = le16_to_cpu(in->mode);
	p->fenced = in->fenced;
	p->fence = le64_to_cpu(in->fence);
	take_text(p->resource, &p->resource_bytes, (const char *)(in + 1), len - sizeof(*in));
	if (!p->index || p->index > r->raw.ref.index || !p->units || p->units > KQUORUM_UNITS_MAX ||
	    !terms_can_be(in, r->raw.ref.index))
		return "a resource that cannot be";
	r->pools++;
	return NULL;
}

static const char *take_record(void *ctx, u16 type, const void *payload, u32 len)
{
	struct snapshot_record rec = { .type = type };
	struct snapshot_reader *r = ctx;
	const char *why;

	if (r->stopped)
		return NULL;
	switch (type) {
	case KQ_SNAP_CONF:
		why = take_conf(r, &rec.conf, payload, len);
		break;
	case KQ_SNAP_SESSION:
		why = take_session(r, &rec.session, payload, len);
		break;
	case KQ_SNAP_POOL:
		why = take_pool(r, &rec.pool, payload, len);
		break;
	default:
		why = take_claim(r, &rec.claim, payload, len);
	}
	if (!why && r->cb)
		r->stopped = r->cb(&rec, r->user);
	return why;
}

static int fail(struct snapshot_reader *r, int error, const char *why, uint64_t offset)
{
	r->error = error;
	r->offset = offset;
	snprintf(r->why, sizeof(r->why), "%s", why);
	return error;
}

int snapshot_reader_feed(struct snapshot_reader *r, const void *data, size_t len)
{
	const char *p = data;

	/* Piece by piece, so that the place of one that is wrong is known. */
	while (len && !r->error && !r->stopped) {
		uint64_t at = r->raw.ref.bytes - r->raw.have;
		size_t n = r->raw.need - r->raw.have;

		if (n > len)
			n = len;
		if (kq_snap_read(&r->raw, p, n, take_record, r))
			return fail(r, r->raw.error, r->raw.why, at);
		p += n;
		len -= n;
	}
	return r->error ? r->error : r->stopped;
}

int snapshot_reader_end(struct snapshot_reader *r)
{
	if (r->error || r->stopped)
		return r->error ? r->error : r->stopped;
	if (kq_snap_read_end(&r->raw))
		return fail(r, r->raw.error, r->raw.why, r->raw.ref.bytes);
	return 0;
}

int snapshot_file_read(struct snapshot_reader *r, int fd)
{
	static char piece[PIECE];
	ssize_t got;
	int ret = 0;

	while (!ret) {
		got = read(fd, piece, sizeof(piece));
		if (got < 0 && errno == EINTR)
			continue;
		/* Whatever number a file system gives it: those of the format mean others. */
		if (got < 0)
			return fail(r, -EIO, strerror(errno), r->raw.ref.bytes);
		if (!got)
			return snapshot_reader_end(r);
		ret = snapshot_reader_feed(r, piece, got);
	}
	return ret;
}

int snapshot_path_read(struct snapshot_reader *r, const char *path)
{
	bool given = !strcmp(path, "-");
	int fd = given ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC), ret;

	if (fd < 0)
		return fail(r, -errno, strerror(errno), 0);
	ret = snapshot_file_read(r, fd);
	if (!given)
		close(fd);
	return ret;
}

static const struct {
	int error;
	const char *name, *hint;
	int code;
} errors[] = {
	{ -ENODATA, "cut_off",
	  "copy it again; or take one on a node that runs: kquorum snapshot save",
	  KQUORUM_EXIT_ERROR },
	{ -EBADMSG, "damaged",
	  "it is of no use: copy it again; or take one on a node that runs: kquorum snapshot save",
	  KQUORUM_EXIT_ERROR },
	{ -EPROTONOSUPPORT, "newer_version",
	  "kquorum version says what this one is; nothing is wrong with the file so far",
	  KQUORUM_EXIT_ERROR },
	{ -EXDEV, "other_cluster",
	  "kquorum snapshot show says more about it; nothing is wrong with the file so far",
	  KQUORUM_EXIT_ERROR },
	{ -EINVAL, "no_snapshot",
	  "a compressed one has to be unpacked first; kquorum snapshot save makes one",
	  KQUORUM_EXIT_ERROR },
	/* Of the file, not of what is in it. */
	{ -ENOENT, "not_found", "", KQUORUM_EXIT_NOT_FOUND },
	{ -EACCES, "unreadable", "", KQUORUM_EXIT_DENIED },
	{ -EPERM, "unreadable", "", KQUORUM_EXIT_DENIED },
};

#define N_ERRORS (sizeof(errors) / sizeof(errors[0]))

static size_t row_of(int error)
{
	size_t i;

	for (i = 0; i < N_ERRORS && errors[i].error != error; i++)
		;
	return i;
}

const char *snapshot_error_name(int error)
{
	size_t i = row_of(error);

	return i < N_ERRORS ? errors[i].name : "unreadable";
}

const char *snapshot_error_hint(int error)
{
	size_t i = row_of(error);

	return i < N_ERRORS ? errors[i].hint : "";
}

int snapshot_exit_code(int error)
{
	size_t i = row_of(error);

	if (!error)
		return KQUORUM_EXIT_DONE;
	return i < N_ERRORS ? errors[i].code : KQUORUM_EXIT_ERROR;
}
