// SPDX-License-Identifier: GPL-2.0
/* kquorum log: the agreed history, entry by entry. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>

#include "cli.h"

enum { OPT_FROM = 256, OPT_TO };

static const struct cli_option options[] = {
	{ OPT_FROM, "from", "INDEX", "first entry to show" },
	{ OPT_TO, "to", "INDEX", "last entry to show" },
	{ 'n', "lines", "COUNT", "only the last COUNT entries" },
	{ 'f', "follow", NULL, "go on as entries are committed" },
	{ 0 },
};

struct log_options {
	uint64_t from, to, count;
	bool follow;
};

struct showing {
	const struct kquorum_status *st;
	uint64_t shown;
	bool committed_only;	/* when following: what is not may still be replaced */
	uint64_t next;
};

static void take(int key, const char *arg, void *user)
{
	struct log_options *o = user;

	switch (key) {
	case OPT_FROM:
		o->from = cli_number("--from", arg, 1, UINT64_MAX);
		break;
	case OPT_TO:
		o->to = cli_number("--to", arg, 1, UINT64_MAX);
		break;
	case 'n':
		o->count = cli_number("-n", arg, 1, UINT64_MAX);
		break;
	case 'f':
		o->follow = true;
		break;
	}
}

static int show_entry(const struct kquorum_log_entry *e, void *user)
{
	struct showing *s = user;
	const char *remark = entry_remark(e);
	/* Index, term, node and type take 45 of 100 columns, and a few more when indexes are long. */
	char text[51];

	if (e->index < s->next)
		return 0;
	if (s->committed_only && !e->committed)
		return 1;
	s->next = e->index + 1;
	if (cli.json) {
		json_print(entry_json(e, s->st), true);
		return 0;
	}
	entry_describe(e, s->st, text, sizeof(text) - strlen(remark));
	if (!s->shown++)
		puts("     INDEX    TERM  NODE     TYPE          WHAT");
	printf("%10" PRIu64 "%c %6" PRIu64 "  %-8.8s %-13s %s%s\n", e->index, e->committed ? ' ' : '?', e->term,
	       node_name(s->st, e->node), entry_type_name(e->type), remark, text);
	return 0;
}

static uint64_t first_to_show(const struct log_options *o, const struct kquorum_status *st)
{
	uint64_t first = o->from ? o->from : st->first_index ? st->first_index : 1;
	uint64_t last = o->to && o->to < st->last_index ? o->to : st->last_index;

	if (o->count && last >= o->count && first < last - o->count + 1)
		first = last - o->count + 1;
	return first;
}

static int show(struct kquorum *k, const struct log_options *o, struct kquorum_status *st)
{
	struct showing s = { .st = st, .committed_only = o->follow };
	int ret;

	s.next = first_to_show(o, st);
	for (;;) {
		ret = kquorum_log_dump(k, s.next, o->to, show_entry, &s);
		if (ret < 0 && ret != -ENOENT && ret != -ERANGE) {
			cli_error("%s", kquorum_error(k));
			return cli_exit_code(ret);
		}
		if (!o->follow || (o->to && s.next > o->to))
			return KQUORUM_EXIT_DONE;
		if (fflush(stdout))
			return KQUORUM_EXIT_ERROR;
		/* Commits are far more frequent than events could be: look again. */
		do {
			sleep_ms(100);
			ret = kquorum_status(k, st);
		} while (!ret && st->commit_index < s.next);
		if (ret) {
			cli_error("%s", kquorum_error(k));
			return cli_exit_code(ret);
		}
	}
}

/* What was asked for may be gone: that it shows nothing would say that nothing was there. */
static void note_begin(const struct log_options *o, const struct kquorum_status *st)
{
	if (o->from && o->from < st->first_index)
		cli_note("the log begins at index %" PRIu64 "; what came of the entries before is in the "
			 "snapshot", st->first_index);
}

static int run(int argc, char **argv)
{
	struct log_options o = { 0 };
	int at = cli_parse(argc, argv, take, &o), ret;
	struct kquorum_status st;
	struct kquorum *k;

	if (at < argc)
		cli_usage_error("\"%s\" is one word too many", argv[at]);
	if (o.to && o.from > o.to)
		cli_usage_error("--from is above --to");
	ret = cli_open(&k);
	if (ret)
		return ret;
	ret = kquorum_status(k, &st);
	if (ret) {
		cli_error("%s", kquorum_error(k));
		ret = cli_exit_code(ret);
	} else {
		note_begin(&o, &st);
		ret = show(k, &o, &st);
	}
	kquorum_close(k);
	return ret;
}

const struct cli_command command_log = {
	.name = "log",
	.synopsis = "[--from INDEX] [--to INDEX] [-n COUNT] [-f]",
	.summary = "show the entries of the log",
	.details = "NODE is who proposed it. A \"?\" marks an entry that this node does not know to be committed.\n"
		   "A request whose fate was not known is asked again, and may be in the log twice: it takes\n"
		   "effect once, and the other is marked. With --json each entry is one line; \"effect\" is null\n"
		   "until it is applied.\n",
	.options = options,
	.json = true,
	.run = run,
};
