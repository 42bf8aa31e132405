// SPDX-License-Identifier: GPL-2.0
/*
 * The check of everything, for a log of writes per node:
 *
 *	- at each flush and each FUA write, and with the writes up to it torn in several ways,
 *	  recovery finds a whole log or a torn end, never damage;
 *	- nothing that was durable at an earlier point is gone: term, vote, incarnation, whom it
 *	  met, promise, entries (a log gets shorter only where a later term put something else),
 *	  and what is committed never changes;
 *	- one index and term name one entry, on all nodes, at all points;
 *	- if the power of all nodes failed at a mark: what was acknowledged is on a majority of
 *	  them, a leader has the votes of one, and what a leader counts as durable on a node is
 *	  there.
 */
#include <stdarg.h>

#include "check.h"

#define PROBLEMS_SHOWN	8
#define DRAWS		3

/* A test of the TAP: counts what is wrong, shows the first few. */
struct test {
	const char *name;
	u32 problems;
	char shown[PROBLEMS_SHOWN][300];
};

enum {
	TEST_WHOLE,
	TEST_TORN,
	TEST_KEPT,
	TEST_KEPT_TORN,
	TEST_ONE_ENTRY,
	TEST_ACK,
	TEST_LEAD,
	TEST_MATCH,
	TEST_END,
	TESTS
};

/* A claim about the whole cluster: the nodes that bear it out. */
struct claim {
	struct mark mark;
	u64 marked;		/* nodes that had the mark, as bits */
	u64 holds;
};

struct name {			/* what a term put in one place of the log */
	u64 term;
	u32 print;
	char text[TEXT_MAX];
};

struct variety {		/* what the run has seen: a check of nothing proves nothing */
	u64 points, recoveries, torn_cuts, torn_found, matches;
	u64 terms, votes, starts, replaced, segments, recycled;
};

struct check {
	struct test tests[TESTS];
	struct variety seen;
	u32 nodes;
	struct claim *claims;
	u32 claim_count, claim_room;
	struct name *names[ENTRIES_MAX + 1];	/* per index */
	u32 name_count[ENTRIES_MAX + 1];
};

/* One node's way through its log. */
struct walk {
	struct check *check;
	struct volume *v;
	u64 cluster;		/* 0: its life has not begun */
	u64 committed;		/* index up to which nothing may change */
	u8 *earlier;		/* the files when it began */
	struct recovered now;	/* at the last point */
	struct recovered next;
	u8 *scratch;
};

__printf(3, 4)
static void problem(struct check *c, int test, const char *format, ...)
{
	struct test *t = &c->tests[test];
	va_list args;

	if (t->problems < PROBLEMS_SHOWN) {
		va_start(args, format);
		vsnprintf(t->shown[t->problems], sizeof(t->shown[0]), format, args);
		va_end(args);
	}
	t->problems++;
}

/* --- marks ------------------------------------------------------------------------------ */

bool mark_parse(const char *text, struct mark *m)
{
	memset(m, 0, sizeof(*m));
	if (sscanf(text, "life/%llx", &m->a) == 1)
		strcpy(m->kind, "life");
	else if (sscanf(text, "ack/%llu/%llu/%47s", &m->a, &m->b, m->text) == 3)
		strcpy(m->kind, "ack");
	else if (sscanf(text, "lead/%llu/%llu", &m->a, &m->b) == 2)
		strcpy(m->kind, "lead");
	else if (sscanf(text, "match/%llu/%llu", &m->a, &m->b) == 2)
		strcpy(m->kind, "match");
	else
		return false;
	return true;
}

static struct claim *claim_find(struct check *c, const struct mark *m)
{
	struct claim *last;
	u32 i;

	for (i = 0; i < c->claim_count; i++)
		if (!memcmp(&c->claims[i].mark, m, sizeof(*m)))
			return &c->claims[i];
	if (c->claim_count == c->claim_room) {
		c->claim_room = c->claim_room ? 2 * c->claim_room : 256;
		c->claims = realloc(c->claims, c->claim_room * sizeof(*c->claims));
		if (!c->claims)
			fail("no memory");
	}
	last = &c->claims[c->claim_count++];
	*last = (struct claim) { .mark = *m };
	return last;
}

static bool bears_out(const struct recovered *r, const struct mark *m)
{
	const struct kq_hard_state *hs = &r->report.hs;

	if (!strcmp(m->kind, "ack"))
		return r->last >= m->a && r->entries[m->a].term == m->b &&
		       !strncmp(r->entries[m->a].text, m->text, strlen(m->text));
	return hs->term > m->a || (hs->term == m->a && hs->vote == m->b);
}

/* From here on there is something to lose. What an earlier life wrote stands in the files. */
static void walk_begin(struct walk *w, u64 cluster, u64 at)
{
	u64 bytes = (u64)w->v->segments * w->v->segment_bytes;

	if (w->cluster)
		fail("n%u: a second life begins", w->v->node);
	w->cluster = cluster;
	volume_replay(w->v, at);
	w->earlier = allocate(bytes);
	memcpy(w->earlier, w->v->files, bytes);
	volume_recover(w->v, w->v->files, cluster, &w->now);
}

static void walk_mark(struct walk *w, const char *text, u64 at)
{
	const struct recovered *r = &w->now;
	u64 bit = 1ULL << w->v->node;
	struct claim *claim;
	struct mark m;

	if (!mark_parse(text, &m))
		return;
	if (!strcmp(m.kind, "life"))
		return walk_begin(w, m.a, at);
	if (!w->cluster)
		fail("n%u: mark %s before the life it belongs to", w->v->node, text);
	if (!strcmp(m.kind, "match")) {
		w->check->seen.matches++;
		/* In a later term its leader may have put something else there. */
		if (r->last < m.a && r->report.hs.term <= m.b)
			problem(w->check, TEST_MATCH,
				"n%u: at mark %s its log ends at %llu, term %llu", w->v->node,
				text, (unsigned long long)r->last,
				(unsigned long long)r->report.hs.term);
		return;
	}
	claim = claim_find(w->check, &m);
	if (claim->marked & bit)	/* said again: it was to be so the first time */
		return;
	claim->marked |= bit;
	if (!bears_out(r, &m))
		return;
	claim->holds |= bit;
	/* All up to an acknowledged entry is committed. */
	if (!strcmp(m.kind, "ack"))
		w->committed = max_t(u64, w->committed, m.a);
}

/* What was acknowledged is on every node in the end, when all have caught up. */
static void walk_end(struct walk *w)
{
	u32 i;

	for (i = 0; i < w->check->claim_count; i++) {
		const struct mark *m = &w->check->claims[i].mark;

		if (!strcmp(m->kind, "ack") && !bears_out(&w->now, m))
			problem(w->check, TEST_END, "n%u: index %llu term %llu, %s",
				w->v->node, m->a, m->b, m->text);
	}
}

static void claims_check(struct check *c)
{
	u32 i;

	for (i = 0; i < c->claim_count; i++) {
		const struct claim *claim = &c->claims[i];
		const struct mark *m = &claim->mark;
		int have = __builtin_popcountll(claim->holds);
		bool ack = !strcmp(m->kind, "ack");

		if (__builtin_popcountll(claim->marked) != (int)c->nodes)
			fail("mark %s/%llu/%llu is not in every log", m->kind, m->a, m->b);
		if (have > (int)c->nodes / 2)
			continue;
		if (ack)
			problem(c, TEST_ACK,
				"index %llu term %llu, %s: on %d of %u nodes when acknowledged",
				m->a, m->b, m->text, have, c->nodes);
		else
			problem(c, TEST_LEAD,
				"term %llu, node %llu: voted for by %d of %u nodes when it led",
				m->a, m->b, have, c->nodes);
	}
}

/* --- states ----------------------------------------------------------------------------- */

static struct name *name_find(struct check *c, u64 index, const struct seen *e)
{
	u32 i, count = c->name_count[index];

	for (i = 0; i < count; i++)
		if (c->names[index][i].term == e->term)
			return &c->names[index][i];
	c->names[index] = realloc(c->names[index], (count + 1) * sizeof(*c->names[index]));
	if (!c->names[index])
		fail("no memory");
	c->name_count[index]++;
	c->names[index][count] = (struct name) { .term = e->term, .print = e->print };
	strcpy(c->names[index][count].text, e->text);
	return &c->names[index][count];
}

/* One index and term name one entry. */
static void names_check(struct walk *w, const struct recovered *r)
{
	u64 i;

	for (i = 1; i <= r->last; i++) {
		const struct seen *e = &r->entries[i];
		const struct name *n = name_find(w->check, i, e);

		if (n->print != e->print)
			problem(w->check, TEST_ONE_ENTRY, "n%u: index %llu term %llu: %s, was %s",
				w->v->node, (unsigned long long)i, (unsigned long long)e->term,
				e->text, n->text);
	}
}

static void state_check(struct walk *w, const struct recovered *r, bool torn,
			const char *where)
{
	const char *bad = recovered_bad(r);

	w->check->seen.recoveries++;
	if (bad) {
		problem(w->check, torn ? TEST_TORN : TEST_WHOLE, "n%u: %s: %s (%s)",
			w->v->node, where, bad, r->report.reason);
		return;
	}
	bad = recovered_forgot(&w->now, r, w->committed);
	if (bad)
		problem(w->check, torn ? TEST_KEPT_TORN : TEST_KEPT,
			"n%u: %s: %s (log end %llu, was %llu; term %llu, was %llu)",
			w->v->node, where, bad, (unsigned long long)r->last,
			(unsigned long long)w->now.last,
			(unsigned long long)r->report.hs.term,
			(unsigned long long)w->now.report.hs.term);
}

static void walk_cut(struct walk *w, u64 end, enum torn how, u64 seed)
{
	static const char * const names[] = {
		[TORN_ALL] = "the last write missing",
		[TORN_TAIL] = "half of the last write missing",
		[TORN_HEAD] = "the first half of the last write missing",
		[TORN_DRAWN] = "sectors missing by lot",
	};
	char where[100];

	memcpy(w->scratch, w->v->files, (u64)w->v->segments * w->v->segment_bytes);
	volume_tear(w->v, w->scratch, w->v->next, end, how, seed);
	volume_recover(w->v, w->scratch, w->cluster, &w->next);
	snprintf(where, sizeof(where), "before entry %llu, %s", (unsigned long long)end - 1,
		 names[how]);
	state_check(w, &w->next, true, where);
	w->check->seen.torn_cuts++;
	w->check->seen.torn_found += w->next.report.health == KQ_WAL_TORN;
}

/* What the test brought about: else it has not shown that it is survived. */
static void variety_note(struct walk *w)
{
	const struct kq_hard_state *was = &w->now.report.hs, *is = &w->next.report.hs;
	struct variety *seen = &w->check->seen;

	seen->terms += is->term > was->term;
	seen->votes += is->vote && (is->term > was->term || is->vote != was->vote);
	seen->starts += is->incarnation > was->incarnation;
	seen->replaced += w->next.replaced > w->now.replaced;
}

static void walk_point(struct walk *w, u64 end)
{
	bool touched = false;
	char where[40];
	u32 k;
	u64 i;

	for (i = w->v->next; i < end; i++)
		touched |= volume_touched(w->v, &w->v->log.entries[i]);
	w->check->seen.points++;
	if (!touched) {		/* of the file system alone: the same files, the same recovery */
		volume_replay(w->v, end);
		return;
	}
	walk_cut(w, end, TORN_ALL, 0);
	walk_cut(w, end, TORN_TAIL, 0);
	walk_cut(w, end, TORN_HEAD, 0);
	for (k = 0; k < DRAWS; k++)
		walk_cut(w, end, TORN_DRAWN, end * DRAWS + k);
	volume_replay(w->v, end);
	volume_recover(w->v, w->v->files, w->cluster, &w->next);
	snprintf(where, sizeof(where), "after entry %llu", (unsigned long long)end - 1);
	state_check(w, &w->next, false, where);
	variety_note(w);
	names_check(w, &w->next);
	w->committed = max_t(u64, w->committed, w->next.report.hs.commit);
	recovered_copy(&w->now, &w->next);
}

/* Segments that the log came to use, and those of them that held an earlier life's. */
static void segments_note(struct walk *w)
{
	u32 i;

	for (i = 0; i < w->v->segments; i++) {
		u64 at = (u64)i * w->v->segment_bytes;
		bool used = memcmp(w->v->files + at, w->earlier + at, KQ_WAL_BLOCK);

		w->check->seen.segments += used;
		w->check->seen.recycled += used && w->earlier[at];
	}
}

static void walk_node(struct check *c, const char *dir, u32 node)
{
	struct walk *w = allocate(sizeof(*w));
	u64 i;

	w->check = c;
	w->v = allocate(sizeof(*w->v));
	volume_read(w->v, dir, node);
	w->scratch = allocate((u64)w->v->segments * w->v->segment_bytes);
	for (i = 0; i < w->v->log.count; i++) {
		const struct write_entry *e = &w->v->log.entries[i];

		if (e->mark)
			walk_mark(w, e->mark, i);
		else if (w->cluster && write_is_point(e))
			walk_point(w, i + 1);
	}
	if (!w->cluster)
		fail("n%u: no life begins in its log", node);
	walk_end(w);
	segments_note(w);
	volume_free(w->v);
	free(w->earlier);
	free(w->scratch);
	free(w);
}

/* --- report ----------------------------------------------------------------------------- */

static bool report_tests(const struct check *c)
{
	static const char * const names[TESTS] = {
		[TEST_WHOLE] = "at each flush and FUA write recovery finds no damage",
		[TEST_TORN] = "nor is it with the writes up to it missing or torn",
		[TEST_KEPT] = "nothing that was durable before is gone: term, vote, entries",
		[TEST_KEPT_TORN] = "nor is it with the writes after it missing or torn",
		[TEST_ONE_ENTRY] = "one index and term name one entry, on all nodes",
		[TEST_ACK] = "each line was durable on a majority when it was acknowledged",
		[TEST_LEAD] = "each leader's votes were durable on a majority when it led",
		[TEST_MATCH] = "what a leader counted as durable on a node was durable there",
		[TEST_END] = "in the end each line acknowledged is on every node",
	};
	bool good = true;
	u32 i, k;

	for (i = 0; i < TESTS; i++) {
		const struct test *t = &c->tests[i];

		good &= !t->problems;
		printf("%sok %u - %s\n", t->problems ? "not " : "", i + 1, names[i]);
		for (k = 0; k < t->problems && k < PROBLEMS_SHOWN; k++)
			printf("# %s\n", t->shown[k]);
		if (t->problems > PROBLEMS_SHOWN)
			printf("# and %u more\n", t->problems - PROBLEMS_SHOWN);
	}
	return good;
}

static u32 claims_of(const struct check *c, const char *kind)
{
	u32 n = 0, i;

	for (i = 0; i < c->claim_count; i++)
		n += !strcmp(c->claims[i].mark.kind, kind);
	return n;
}

/* A run in which nothing happened shows nothing: what must have been there to be survived. */
static bool report_variety(const struct check *c)
{
	const struct variety *s = &c->seen;
	const struct {
		const char *what;
		u64 seen, least;
	} rows[] = {
		{ "points replayed to", s->points, 300 },
		{ "recoveries", s->recoveries, 1000 },
		{ "cuts before a point", s->torn_cuts, 1000 },
		{ "of them with a torn end", s->torn_found, 300 },
		{ "lines acknowledged", claims_of(c, "ack"), 60 },
		{ "leaders", claims_of(c, "lead"), 3 },
		{ "marks of durable ends", s->matches, 30 },
		{ "times that a node's term rose", s->terms, 6 },
		{ "votes", s->votes, 6 },
		{ "starts of a node", s->starts, 4 },
		{ "truncations", s->replaced, 1 },
		{ "segments begun", s->segments, 6 },
		{ "of them over an earlier life's", s->recycled, 6 },
	};
	bool good = true;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(rows); i++)
		good &= rows[i].seen >= rows[i].least;
	printf("%sok %u - the run had what there is to survive\n", good ? "" : "not ",
	       TESTS + 1);
	for (i = 0; i < ARRAY_SIZE(rows); i++)
		printf("# %llu %s%s\n", (unsigned long long)rows[i].seen, rows[i].what,
		       rows[i].seen >= rows[i].least ? "" : ": too few");
	return good;
}

/**
 * check_all() - replay the logs of all nodes and check all that can be checked
 * @dir: has n1.log, n1.extents, n2.log, ...
 * @nodes: how many
 *
 * Prints TAP.
 * Return: true: all tests are good.
 */
bool check_all(const char *dir, u32 nodes)
{
	struct check *c = allocate(sizeof(*c));
	bool good;
	u32 i;

	c->nodes = nodes;
	for (i = 1; i <= nodes; i++)
		walk_node(c, dir, i);
	claims_check(c);
	good = report_tests(c);
	good &= report_variety(c);
	printf("1..%u\n", TESTS + 1);
	return good;
}
