// SPDX-License-Identifier: GPL-2.0
/*
 * kquorum append: lines into the log, one entry each.
 *
 * Up to 64 are under way at once; their results come in any order and are
 * printed in the order of the lines. Whatever ends the command, a line is either
 * acknowledged, known not to be in the log, or named as unknown.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

#define IN_FLIGHT 64

static const struct cli_option options[] = {
	{ 'w', "wait", "TIME", "wait for room, give up when no result comes for so long (exit 69 or 75)" },
	{ 0 },
};

/* A line on its way. They leave the ring in order, so that the output is in order. */
struct slot {
	char *data;
	size_t bytes;
	uint64_t line;
	uint64_t number;	/* of the write() in the stream; 0: to be written (again) */
	bool done;
	struct kquorum_append_result result;
};

struct append {
	int fd;
	uint64_t wait_ns;
	struct slot ring[IN_FLIGHT];
	unsigned int first, count;
	uint64_t lines, numbers;	/* read, written so far */
	uint64_t retry_at;		/* not before, after a refusal that may pass */
	int refusal;			/* the last one of that kind */
	uint64_t explain_at;		/* when to say why nothing comes */
	/* where lines come from: operands, then stdin */
	char **texts;
	bool from_stdin, eof;
	bool gone;		/* the node went down: no more results come */
	char *input;
	size_t have, room;
	int code;
};

static volatile sig_atomic_t interrupted;

static void on_signal(int signal)
{
	interrupted = signal;
}

static void take(int key, const char *arg, void *user)
{
	(void)key;
	*(uint64_t *)user = cli_duration("--wait", arg);
}

static struct slot *slot_at(struct append *a, unsigned int i)
{
	return &a->ring[(a->first + i) % IN_FLIGHT];
}

static void add_line(struct append *a, const char *data, size_t bytes)
{
	struct slot *s;

	a->lines++;
	if (!bytes || bytes > KQUORUM_PAYLOAD_MAX) {
		cli_error("line %" PRIu64 " has %zu bytes; an entry has 1 to %d: left out", a->lines, bytes,
			  KQUORUM_PAYLOAD_MAX);
		a->code = KQUORUM_EXIT_ERROR;
		return;
	}
	s = slot_at(a, a->count++);
	memset(s, 0, sizeof(*s));
	s->data = malloc(bytes);
	if (!s->data)
		abort();
	memcpy(s->data, data, bytes);
	s->bytes = bytes;
	s->line = a->lines;
}

/* Takes whole lines out of the input while the ring has room. */
static void take_lines(struct append *a)
{
	size_t used = 0;

	while (a->count < IN_FLIGHT && *a->texts) {
		add_line(a, *a->texts, strlen(*a->texts));
		a->texts++;
	}
	while (a->count < IN_FLIGHT && used < a->have) {
		const char *start = a->input + used;
		const char *end = memchr(start, '\n', a->have - used);

		if (!end && !a->eof)
			break;
		if (!end)
			end = a->input + a->have;
		add_line(a, start, end - start);
		used = end - a->input + (end < a->input + a->have);
	}
	if (used) {
		memmove(a->input, a->input + used, a->have - used);
		a->have -= used;
	}
}

static void read_input(struct append *a)
{
	ssize_t got;

	if (a->have == a->room) {
		a->room = a->room ? 2 * a->room : 64 * 1024;
		a->input = realloc(a->input, a->room);
		if (!a->input)
			abort();
	}
	got = read(STDIN_FILENO, a->input + a->have, a->room - a->have);
	if (got > 0) {
		a->have += got;
	} else if (!got) {
		a->eof = true;
	} else if (errno != EINTR && errno != EAGAIN) {
		cli_error("reading the standard input: %s", strerror(errno));
		a->code = KQUORUM_EXIT_ERROR;
		a->eof = true;
	}
}

/*
 * Not appended: is it to be tried once more, a little later? What is too busy has time soon. A log
 * that is full has room once a snapshot is saved, if that can be: who says how long to wait waits.
 */
static bool passes(struct append *a, int error)
{
	if (error != -EBUSY && (error != -ENOSPC || a->wait_ns == KQUORUM_NEVER))
		return false;
	a->refusal = error;
	a->retry_at = now_ns() + (error == -EBUSY ? 10 : 200) * NS_PER_MS;
	return true;
}

/* True when the handle takes more; false: poll for it. */
static bool write_slot(struct append *a, struct slot *s)
{
	ssize_t wrote = write(a->fd, s->data, s->bytes);

	if (wrote < 0 && (errno == EAGAIN || errno == EINTR || passes(a, -errno)))
		return false;
	if (wrote == (ssize_t)s->bytes) {
		s->number = ++a->numbers;
		return true;
	}
	s->done = true;
	s->result.error = wrote < 0 ? -errno : -EIO;
	return true;
}

static void write_lines(struct append *a)
{
	unsigned int i;

	if (now_ns() < a->retry_at)
		return;
	for (i = 0; i < a->count; i++) {
		struct slot *s = slot_at(a, i);

		if (!s->number && !s->done && !write_slot(a, s))
			return;
	}
}

/* Returns false: that entry's outcome is still to come. */
static bool take_result(struct append *a, const struct kquorum_append_result *r)
{
	unsigned int i;

	for (i = 0; i < a->count; i++) {
		struct slot *s = slot_at(a, i);

		if (s->number != r->number || s->done)
			continue;
		if (passes(a, r->error)) {
			s->number = 0;
			return false;
		}
		s->result = *r;
		s->done = true;
		break;
	}
	return true;
}

/* Returns how many outcomes came. */
static unsigned int read_results(struct append *a)
{
	struct kquorum_append_result r[IN_FLIGHT];
	unsigned int results = 0, i;
	ssize_t got;

	while ((got = read(a->fd, r, sizeof(r))) > 0) {
		for (i = 0; i < got / sizeof(r[0]); i++)
			results += take_result(a, &r[i]);
	}
	if (!got || (got < 0 && errno != EAGAIN && errno != EINTR)) {
		cli_error("no more results: %s", got ? strerror(errno) : "the node went down");
		a->gone = true;
	}
	return results;
}

static void report_failure(struct append *a, const struct slot *s)
{
	int error = s->result.error;

	a->code = cli_exit_code(error);
	if (error == -EHOSTDOWN) {
		cli_error("line %" PRIu64 ": outcome unknown; it may be in the log as session %llu, seq %llu",
			  s->line, s->result.session, s->result.seq);
		a->code = KQUORUM_EXIT_ERROR;
	} else if (error == -ENOSPC) {
		cli_error("line %" PRIu64 ": not appended, the log is full", s->line);
	} else {
		cli_error("line %" PRIu64 ": not appended: %s", s->line, strerror(-error));
	}
}

static void report_slot(struct append *a, const struct slot *s)
{
	const struct kquorum_append_result *r = &s->result;
	cJSON *o;

	if (r->error)
		report_failure(a, s);
	if (cli.json) {
		o = cJSON_CreateObject();
		json_u64(o, "line", s->line);
		cJSON_AddStringToObject(o, "outcome", !r->error ? "committed" :
					r->error == -EHOSTDOWN ? "unknown" : "not_appended");
		json_u64(o, "index", r->index);
		json_u64(o, "term", r->term);
		json_u64(o, "session", r->session);
		json_u64(o, "seq", r->seq);
		json_print(o, true);
	} else if (!r->error) {
		printf("%llu %llu\n", r->index, r->term);
	}
}

static void retire(struct append *a)
{
	bool any = false;

	while (a->count && a->ring[a->first].done) {
		report_slot(a, &a->ring[a->first]);
		free(a->ring[a->first].data);
		a->first = (a->first + 1) % IN_FLIGHT;
		a->count--;
		any = true;
	}
	if (any)
		fflush(stdout);
}

/* The end came before all results did. */
static void report_rest(struct append *a)
{
	unsigned int i;

	for (i = 0; i < a->count; i++) {
		struct slot *s = slot_at(a, i);

		if (s->done)
			report_slot(a, s);
		else if (s->number)
			cli_error("line %" PRIu64 ": outcome unknown; look in the log", s->line);
		else
			cli_error("line %" PRIu64 ": not appended", s->line);
		free(s->data);
	}
	a->count = 0;
}

static bool wants_input(const struct append *a)
{
	return a->from_stdin && !a->eof && a->count < IN_FLIGHT;
}

static unsigned int unwritten(struct append *a)
{
	unsigned int i, n = 0;

	for (i = 0; i < a->count; i++)
		n += !slot_at(a, i)->number && !slot_at(a, i)->done;
	return n;
}

static void explain(struct kquorum *k, struct append *a)
{
	struct kquorum_status st;

	if (a->refusal == -ENOSPC && unwritten(a))
		wait_explain_refused(NULL, a->refusal);
	else if (!kquorum_status(k, &st))
		wait_explain(&st, NULL);
	a->explain_at = now_ns() + 10 * NS_PER_SEC;
}

static void heard(struct append *a, uint64_t *heard_at)
{
	*heard_at = now_ns();
	a->explain_at = cli_progress_wanted() ? *heard_at + NS_PER_SEC : KQUORUM_NEVER;
}

/* Returns false when nothing came in the time allowed. */
static bool turn(struct kquorum *k, struct append *a, uint64_t *heard_at)
{
	struct pollfd p[2] = {
		{ a->fd, POLLIN, 0 }, { wants_input(a) ? STDIN_FILENO : -1, POLLIN, 0 },
	};
	uint64_t until = a->wait_ns != KQUORUM_NEVER && a->count ? *heard_at + a->wait_ns : KQUORUM_NEVER;
	int timeout = poll_ms(until, a->count ? poll_ms(a->explain_at, -1) : -1);

	if (unwritten(a)) {
		if (now_ns() < a->retry_at)
			timeout = poll_ms(a->retry_at, timeout);
		else
			p[0].events |= POLLOUT;
	}
	poll(p, 2, timeout);
	if (read_results(a))
		heard(a, heard_at);
	else if (a->count && now_ns() >= a->explain_at && now_ns() < until)
		explain(k, a);
	if (p[1].revents)
		read_input(a);
	return now_ns() < until || !a->count;
}

/* Says why there was no result in time; returns the exit code. */
static int give_up(struct kquorum *k, struct append *a)
{
	struct kquorum_status st;
	int ret;

	retire(a);
	if (a->refusal == -ENOSPC && unwritten(a)) {
		cli_error("the log is full, and no room came in time: kquorum status");
		report_rest(a);
		return cli_exit_code(-ENOSPC);
	}
	ret = kquorum_status(k, &st) ? 0 : wait_give_up(&st, NULL, "no result in time");
	if (!ret)
		cli_error("no result in time");
	report_rest(a);
	return ret ? ret : KQUORUM_EXIT_BLOCKED;
}

static int append(struct kquorum *k, struct append *a)
{
	uint64_t heard_at;

	heard(a, &heard_at);
	for (;;) {
		/* ORDER: what is done makes room first; else nothing would be under way to wait for. */
		retire(a);
		if (!a->count)
			heard(a, &heard_at);
		take_lines(a);
		write_lines(a);
		if (!a->count && !*a->texts && !a->have && (!a->from_stdin || a->eof))
			return a->code;
		if (interrupted || a->gone || ferror(stdout))
			break;
		if (a->count && a->ring[a->first].done)
			continue;
		if (!turn(k, a, &heard_at))
			return give_up(k, a);
	}
	retire(a);
	report_rest(a);
	return interrupted ? 128 + interrupted : KQUORUM_EXIT_ERROR;
}

static int run(int argc, char **argv)
{
	/* No SA_RESTART: a signal has to end poll(). */
	struct sigaction catch = { .sa_handler = on_signal };
	struct append *a = calloc(1, sizeof(*a));
	struct kquorum *k;
	int at, ret;

	if (!a)
		abort();
	a->wait_ns = KQUORUM_NEVER;
	at = cli_parse(argc, argv, take, &a->wait_ns);
	a->texts = argv + at;
	if (at == argc || (argc - at == 1 && !strcmp(argv[at], "-"))) {
		a->from_stdin = true;
		a->texts = argv + argc;
	}
	ret = cli_open(&k);
	if (ret)
		goto out_free;
	a->fd = kquorum_append_open(k);
	if (a->fd < 0) {
		cli_error("%s", kquorum_error(k));
		ret = cli_exit_code(a->fd);
		goto out_close;
	}
	fcntl(a->fd, F_SETFL, fcntl(a->fd, F_GETFL) | O_NONBLOCK);
	sigaction(SIGINT, &catch, NULL);
	sigaction(SIGTERM, &catch, NULL);
	ret = append(k, a);
	close(a->fd);
out_close:
	kquorum_close(k);
out_free:
	free(a->input);
	free(a);
	return ret;
}

const struct cli_command command_append = {
	.name = "append",
	.synopsis = "[TEXT... | -]",
	.summary = "put lines into the log, durably and in one agreed order",
	.details = "Each TEXT, or each line of the standard input, is one entry. For each that is committed and\n"
		   "durable \"INDEX TERM\" is printed, in the order of the lines. A line that the cluster was too\n"
		   "busy for is sent again, and may then stand after later ones. Without a quorum it waits, and\n"
		   "says so on a terminal after a second. A log that is full takes no line: with --wait it is\n"
		   "waited for room, which there is once a snapshot is saved.\n",
	.options = options,
	.json = true,
	.run = run,
};
