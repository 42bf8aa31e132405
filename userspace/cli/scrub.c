// SPDX-License-Identifier: GPL-2.0
/* kquorum scrub: the log on disk is read while the node runs, and mended. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>

#include "cli.h"

#define RATE_MIN	(64ULL << 10)
#define RATE_MAX	(1ULL << 40)

enum { OPT_RATE = 256, OPT_WAIT };

static const struct cli_option options[] = {
	{ OPT_RATE, "rate", "SIZE", "read so much in a second (default 8M)" },
	{ OPT_WAIT, "wait", NULL, "wait until it has ended; exit 1 when it could not do what it should" },
	{ 0 },
};

struct scrub {
	uint64_t rate;
	bool has_rate, wait;
};

static void take(int key, const char *arg, void *user)
{
	struct scrub *s = user;

	if (key == OPT_WAIT) {
		s->wait = true;
		return;
	}
	s->has_rate = true;
	if (parse_size(arg, &s->rate) || s->rate < RATE_MIN || s->rate > RATE_MAX)
		cli_usage_error("--rate wants a size from 64K to 1T, as 8M: not \"%s\"", arg);
}

static const char *state_of(const struct kquorum_scrub_status *s)
{
	return !s->count ? "never" : s->running ? "running" :
		!s->error ? "done" : s->error == -EINTR ? "stopped" : "failed";
}

static void print_json(const struct kquorum_scrub_status *s)
{
	cJSON *o = cJSON_CreateObject();

	cJSON_AddStringToObject(o, "state", state_of(s));
	json_u64(o, "rate_bytes", s->rate);
	json_u64(o, "done_bytes", s->done_bytes);
	json_u64(o, "total_bytes", s->total_bytes);
	json_u64(o, "damaged_places", s->damaged_places);
	json_u64(o, "entries_missing", s->missing);
	json_u64(o, "entries_rewritten", s->rewritten);
	json_u64(o, "segment", s->segment);
	json_u64(o, "offset_bytes", s->offset_bytes);
	json_time(o, "ended_ago_ms", s->count && !s->running ? s->ended_ns : KQUORUM_NEVER);
	cJSON_AddStringToObject(o, "reason", s->reason);
	json_print(o, false);
}

static void print_damage(const struct kquorum_scrub_status *s)
{
	if (!s->damaged_places) {
		if (!s->running && !s->error)
			printf("all of it can be read\n");
		return;
	}
	printf("damaged in %u place%s, the first in segment-%04u at byte %" PRIu64 "\n",
	       s->damaged_places, s->damaged_places == 1 ? "" : "s", s->segment, s->offset_bytes);
	if (!s->running && !s->error)
		printf("%" PRIu64 " entries were lost there: %" PRIu64
		       " written again, a snapshot stands for the rest\n"
		       "nothing is missing now; check the disk: what has gone bad once may do so again\n",
		       s->missing, s->rewritten);
}

static void print_text(const struct kquorum_scrub_status *s)
{
	char done[FORMAT_MAX], total[FORMAT_MAX], rate[FORMAT_MAX], ago[FORMAT_MAX];

	if (!s->count) {
		printf("the log has not been scrubbed since this node was started: kquorum scrub start\n");
		return;
	}
	format_bytes(done, s->done_bytes);
	format_bytes(total, s->total_bytes);
	if (s->running)
		printf("scrub running: %s of %s read, %s/s\n", done, total,
		       format_bytes(rate, s->rate));
	else
		printf("scrub %s %s ago: %s read\n", state_of(s), format_duration(ago, s->ended_ns),
		       done);
	print_damage(s);
	if (!s->running && s->error)
		printf("it ended early: %s\n", s->reason[0] ? s->reason : strerror(-s->error));
}

static int show(const struct kquorum_scrub_status *s)
{
	if (cli.json)
		print_json(s);
	else
		print_text(s);
	return !s->running && s->error && s->error != -EINTR ? KQUORUM_EXIT_ERROR :
		KQUORUM_EXIT_DONE;
}

/* Until scrub number @count has ended. */
static int wait_end(struct kquorum *k, struct kquorum_events *e, uint64_t count,
		    struct kquorum_status *st)
{
	for (;;) {
		struct pollfd p = { kquorum_events_fd(e), POLLIN, 0 };
		struct kquorum_event_record record;
		int ret = kquorum_status(k, st);

		if (ret) {
			cli_error("%s", kquorum_error(k));
			return cli_exit_code(ret);
		}
		if (!st->scrub.running || st->scrub.count != count)
			return 0;
		poll(&p, 1, 500);
		while (!(ret = kquorum_events_read(e, &record)) || ret == -ENOBUFS)
			;
	}
}

/* A node that does not serve would only be told in the module's words. */
static int begin(struct kquorum *k, const struct scrub *s)
{
	struct kquorum_status st;
	int ret = kquorum_status(k, &st);

	if (!ret && st.state != KQUORUM_NODE_RUNNING) {
		cli_error("this node is %s: its log cannot be scrubbed; kquorum status says why",
			  state_name(st.state));
		return KQUORUM_EXIT_ERROR;
	}
	if (!ret)
		ret = kquorum_scrub_start(k, s->rate);
	if (ret == -EALREADY && s->wait && !s->has_rate)
		ret = 0;
	if (ret == -EALREADY)
		cli_error("a scrub is under way: kquorum scrub status, kquorum scrub stop");
	else if (ret)
		cli_error("%s", kquorum_error(k));
	return ret ? cli_exit_code(ret) : 0;
}

static int scrub(struct kquorum *k, struct kquorum_events *e, const char *verb,
		 const struct scrub *s)
{
	struct kquorum_status st;
	int ret = 0;

	if (!strcmp(verb, "start"))
		ret = begin(k, s);
	else if (!strcmp(verb, "stop") && (ret = kquorum_scrub_stop(k)))
		cli_error("%s", kquorum_error(k));
	if (ret)
		return ret < 0 ? cli_exit_code(ret) : ret;
	ret = kquorum_status(k, &st);
	if (ret) {
		cli_error("%s", kquorum_error(k));
		return cli_exit_code(ret);
	}
	/* One that is told to stop does so in a moment. */
	if (s->wait || !strcmp(verb, "stop"))
		ret = wait_end(k, e, st.scrub.count, &st);
	return ret ? ret : show(&st.scrub);
}

static int run(int argc, char **argv)
{
	static const char *const verbs[] = { "start", "stop", "status" };
	struct scrub s = { .rate = 8 << 20 };
	int at = cli_parse(argc, argv, take, &s), ret;
	const char *verb = at < argc ? argv[at] : "start", *close;
	struct kquorum_events *e;
	struct kquorum *k;
	char err[512];

	if (argc - at > 1)
		cli_usage_error("\"%s\" is one word too many", argv[at + 1]);
	if (strcmp(verb, "start") && strcmp(verb, "stop") && strcmp(verb, "status")) {
		close = cli_nearest(verb, verbs, 3);
		cli_usage_error("no \"%s\": %s%s", verb, close ? "did you mean " :
				"start, stop or status", close ? close : "");
	}
	if (s.has_rate && strcmp(verb, "start"))
		cli_usage_error("--rate goes with start");
	ret = cli_open(&k);
	if (ret)
		return ret;
	/* Subscribed before it starts: its end cannot be missed. */
	ret = kquorum_events_open(&e, err, sizeof(err));
	if (ret) {
		cli_error("%s", err);
		ret = cli_exit_code(ret);
	} else {
		ret = scrub(k, e, verb, &s);
	}
	kquorum_events_close(e);
	kquorum_close(k);
	return ret;
}

const struct cli_command command_scrub = {
	.name = "scrub",
	.synopsis = "[start [--rate SIZE] | stop | status] [--wait]",
	.summary = "read this node's log on disk, and mend what is damaged",
	.details = "Damage that nobody looks for is found at the next start, and by then the same may be lost\n"
		   "on other nodes too. A scrub reads all of the log while the node goes on, and writes again what\n"
		   "a start would miss; no other node is needed for it.\n"
		   "  start   begin one, in the background; so does kquorum scrub alone\n"
		   "  stop    end it\n"
		   "  status  how far it is, or how the last one ended\n"
		   "kquorumd starts one every week: [scrub] in kquorum.conf.\n",
	.options = options,
	.json = true,
	.run = run,
};
