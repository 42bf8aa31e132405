// SPDX-License-Identifier: GPL-2.0
/* kquorum settings: the cluster's lease and clock settings, and changes of them. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

static const struct cli_option options[] = {
	{ 'w', "wait", "TIME", "set: how long to wait until it is in effect (default 10s)" },
	{ 0 },
};

/* What can be set, in the order in which it is shown. */
static const struct setting {
	const char *name, *json, *help;
	size_t at;			/* in struct kquorum_settings */
	bool ppm;			/* no time: parts in a million */
} settings[] = {
#define SETTING(name, field, ...) { name, #field, __VA_ARGS__ }
	SETTING("heartbeat", heartbeat_ms, "between two heartbeats of a leader",
		offsetof(struct kquorum_settings, heartbeat_ms), false),
	SETTING("election", election_ms, "the shortest election timeout",
		offsetof(struct kquorum_settings, election_ms), false),
	SETTING("lease", lease_ms, "session lease",
		offsetof(struct kquorum_settings, lease_ms), false),
	SETTING("delta", delta_ms, "largest clock error during a lease",
		offsetof(struct kquorum_settings, delta_ms), false),
	SETTING("drift", drift_ppm, "bound on each clock's rate error",
		offsetof(struct kquorum_settings, drift_ppm), true),
#undef SETTING
};

#define N_SETTINGS (sizeof(settings) / sizeof(settings[0]))

struct job {
	struct kquorum *k;
	struct kquorum_events *events;
	struct kquorum_status st;
	uint64_t wait_ns;
	bool waits;			/* --wait was given */
	bool given[N_SETTINGS];
	uint32_t value[N_SETTINGS];
	struct kquorum_settings wanted;
	char why[512];
	int late;			/* exit code should the time be over now */
};

static uint32_t *field(struct kquorum_settings *set, const struct setting *s)
{
	return (uint32_t *)((char *)set + s->at);
}

static uint32_t value_of(const struct kquorum_settings *set, const struct setting *s)
{
	return *(const uint32_t *)((const char *)set + s->at);
}

/* As an operand of set has it. */
static const char *format_value(char *buf, const struct setting *s, uint32_t value)
{
	if (s->ppm)
		snprintf(buf, FORMAT_MAX, "%u", value);
	else if (value && !(value % 1000))
		snprintf(buf, FORMAT_MAX, "%us", value / 1000);
	else
		snprintf(buf, FORMAT_MAX, "%ums", value);
	return buf;
}

/* --- operands ------------------------------------------------------------------------------- */

static size_t find_setting(const char *name, size_t len)
{
	const char *names[N_SETTINGS], *close;
	char word[64];
	size_t i;

	for (i = 0; i < N_SETTINGS; i++) {
		names[i] = settings[i].name;
		if (strlen(names[i]) == len && !strncmp(names[i], name, len))
			return i;
	}
	snprintf(word, sizeof(word), "%.*s", (int)len, name);
	close = cli_nearest(word, names, N_SETTINGS);
	if (close)
		cli_usage_error("no setting \"%s\": did you mean %s?", word, close);
	cli_usage_error("no setting \"%s\": heartbeat, election, lease, delta or drift", word);
}

static void take_operand(struct job *j, const char *text)
{
	const char *equals = strchr(text, '=');
	uint64_t ns;
	size_t i;

	if (!equals || equals == text)
		cli_usage_error("\"%s\" is not SETTING=VALUE, such as lease=20s", text);
	i = find_setting(text, equals - text);
	if (j->given[i])
		cli_usage_error("%s is given twice", settings[i].name);
	j->given[i] = true;
	if (settings[i].ppm) {
		j->value[i] = cli_number(settings[i].name, equals + 1, 0, KQUORUM_DRIFT_PPM_MAX);
		return;
	}
	ns = cli_duration(settings[i].name, equals + 1);
	if (ns % NS_PER_MS || ns / NS_PER_MS > KQUORUM_LEASE_MS_MAX)
		cli_usage_error("%s: \"%s\" is not a whole number of milliseconds up to an hour",
				settings[i].name, equals + 1);
	j->value[i] = ns / NS_PER_MS;
}

static const char *same_command(const struct job *j, char *buf, size_t size)
{
	size_t at = snprintf(buf, size, "kquorum settings set"), i;
	char value[FORMAT_MAX];

	for (i = 0; i < N_SETTINGS; i++)
		if (j->given[i] && at < size)
			at += snprintf(buf + at, size - at, " %s=%s", settings[i].name,
				       format_value(value, &settings[i], j->value[i]));
	return buf;
}

/* --- showing -------------------------------------------------------------------------------- */

static cJSON *settings_json(const struct kquorum_settings *set)
{
	cJSON *o = cJSON_CreateObject();
	size_t i;

	for (i = 0; i < N_SETTINGS; i++)
		json_u64(o, settings[i].json, value_of(set, &settings[i]));
	return o;
}

static void print_json(const struct kquorum_status *st)
{
	cJSON *o = cJSON_CreateObject();

	json_u64(o, "configuration_index", st->conf_index);
	cJSON_AddBoolToObject(o, "configuration_settled", status_settled(st));
	cJSON_AddItemToObject(o, "settings", settings_json(&st->settings));
	if (st->overlap)
		cJSON_AddItemToObject(o, "before", settings_json(&st->before));
	else
		cJSON_AddNullToObject(o, "before");
	json_time(o, "overlap_left_ns", st->overlap ? st->overlap_left_ns : KQUORUM_NEVER);
	json_print(o, false);
}

/* How long it lasts only the leader knows. */
static void print_overlap(const struct kquorum_status *st)
{
	char left[FORMAT_MAX];

	if (!st->overlap)
		return;
	puts("Both count until nobody can rely on those before: the shorter lease is granted, the longer kept.");
	if (st->overlap_left_ns != KQUORUM_NEVER)
		printf("That is in %s.\n", format_duration(left, st->overlap_left_ns));
	else if (st->role != KQUORUM_LEADER && st->leader)
		printf("When that is knows the leader, %s.\n", node_name(st, st->leader));
}

static void print_table(const struct kquorum_status *st)
{
	struct table t = { 0 };
	size_t i;

	table_row(&t, 4, (const char *[]){ "SETTING", "VALUE", st->overlap ? "BEFORE" : "",
		  "WHAT IT IS" });
	for (i = 0; i < N_SETTINGS; i++) {
		const struct setting *s = &settings[i];
		char now[FORMAT_MAX], before[FORMAT_MAX] = "";

		format_value(now, s, value_of(&st->settings, s));
		if (st->overlap)
			format_value(before, s, value_of(&st->before, s));
		table_row(&t, 4, (const char *[]){ s->name, now, before, s->help });
	}
	table_print(&t, stdout);
	print_overlap(st);
	if (!st->conf_index)
		puts("This node has no configuration yet: these are of its kquorum.conf, with which a cluster\n"
		     "that it founds begins. One that it joins has its own.");
}

static void print_settings(const struct kquorum_status *st)
{
	if (cli.json)
		print_json(st);
	else
		print_table(st);
}

/* --- changing ------------------------------------------------------------------------------- */

static bool is_so(const struct job *j)
{
	size_t i;

	for (i = 0; i < N_SETTINGS; i++)
		if (value_of(&j->st.settings, &settings[i]) != value_of(&j->wanted, &settings[i]))
			return false;
	return true;
}

/* What stays as it is goes with what changes. */
static int complete(struct job *j)
{
	char err[256];
	size_t i;

	j->wanted = j->st.settings;
	for (i = 0; i < N_SETTINGS; i++)
		if (j->given[i])
			*field(&j->wanted, &settings[i]) = j->value[i];
	if (!kquorum_settings_check(&j->wanted, err, sizeof(err)))
		return 0;
	cli_error("that cannot be (kquorum settings shows what is in effect):\n  %s", err);
	return KQUORUM_EXIT_USAGE;
}

/* Whoever leads makes the change. 0: this node; or an exit code; below 0: wait for a leader. */
static int check_leader(struct job *j)
{
	char command[256];

	if (j->st.left) {
		cli_error("this node has left the cluster: the leader makes changes");
		return KQUORUM_EXIT_ERROR;
	}
	if (j->st.role == KQUORUM_LEADER && j->st.quorum)
		return 0;
	if (j->st.quorum && j->st.leader) {
		cli_error("%s leads: run there\n  %s", node_name(&j->st, j->st.leader),
			  same_command(j, command, sizeof(command)));
		return KQUORUM_EXIT_BLOCKED;
	}
	snprintf(j->why, sizeof(j->why), "there is no leader: kquorum status says why");
	j->late = KQUORUM_EXIT_NO_QUORUM;
	return -1;
}

static bool is_transient(int error)
{
	return error == -EAGAIN || error == -EBUSY || error == -ESTALE || error == -EREMOTE ||
		error == -EALREADY;
}

/* 0: look again; or an exit code. */
static int request(struct job *j)
{
	struct kquorum_change c = {
		.based_on = j->st.conf_index, .voters = j->st.voters, .learners = j->st.learners,
		.settings = &j->wanted,
	};
	char left[FORMAT_MAX];
	int ret;

	if (j->st.overlap) {
		format_duration(left, j->st.overlap_left_ns == KQUORUM_NEVER ? 0 :
				j->st.overlap_left_ns);
		cli_error("the change before is not over: its old settings are relied on%s%s\n"
			  "  try again then; kquorum settings shows how long it lasts",
			  j->st.overlap_left_ns == KQUORUM_NEVER ? "" : " for another ",
			  j->st.overlap_left_ns == KQUORUM_NEVER ? "" : left);
		return KQUORUM_EXIT_BLOCKED;
	}
	ret = kquorum_reconfigure(j->k, &c);
	j->late = KQUORUM_EXIT_BLOCKED;
	snprintf(j->why, sizeof(j->why), "%s", ret ? kquorum_error(j->k) : "it is in the log");
	if (!ret || is_transient(ret))
		return 0;
	cli_error("%s", j->why);
	return cli_exit_code(ret);
}

/* One look, and what follows from it. True: that is the end, with exit code @code. */
static bool step(struct job *j, int *code)
{
	*code = KQUORUM_EXIT_DONE;
	if (j->st.conf_index && is_so(j) && j->st.quorum) {
		if (j->st.commit_index < j->st.conf_index) {
			snprintf(j->why, sizeof(j->why), "it is in the log, and not committed yet");
			j->late = KQUORUM_EXIT_BLOCKED;
			return false;
		}
		print_settings(&j->st);
		return true;
	}
	*code = check_leader(j);
	if (*code)
		return *code > 0;
	*code = request(j);
	return *code;
}

static void pause_for_news(const struct job *j, uint64_t until)
{
	struct pollfd p = { kquorum_events_fd(j->events), POLLIN, 0 };
	struct kquorum_event_record record;
	int ret;

	poll(&p, 1, poll_ms(until, 200));
	while (!(ret = kquorum_events_read(j->events, &record)) || ret == -ENOBUFS)
		;
}

static int look(struct job *j)
{
	int ret = kquorum_status(j->k, &j->st);

	if (!ret)
		return 0;
	cli_error("%s", kquorum_error(j->k));
	return cli_exit_code(ret);
}

static int carry_out(struct job *j)
{
	uint64_t until = now_ns() + j->wait_ns;
	char command[256];
	int ret = look(j);

	if (!ret)
		ret = complete(j);
	while (!ret) {
		if (step(j, &ret))
			return ret;
		if (now_ns() >= until) {
			cli_error("not yet: %s\n  to go on with it: %s", j->why,
				  same_command(j, command, sizeof(command)));
			return j->late;
		}
		pause_for_news(j, until);
		ret = look(j);
	}
	return ret;
}

static int set(struct job *j)
{
	char err[512];
	int ret = kquorum_events_open(&j->events, err, sizeof(err));

	if (ret) {
		cli_error("%s", err);
		return cli_exit_code(ret);
	}
	ret = carry_out(j);
	kquorum_events_close(j->events);
	return ret;
}

static int show(struct job *j)
{
	int ret = look(j);

	if (!ret)
		print_settings(&j->st);
	return ret;
}

/* --- the command ---------------------------------------------------------------------------- */

static void take(int key, const char *arg, void *user)
{
	struct job *j = user;

	(void)key;
	j->wait_ns = cli_duration("--wait", arg);
	j->waits = true;
}

static int run(int argc, char **argv)
{
	static const char *const words[] = { "show", "set" };
	struct job j = { .wait_ns = 10 * NS_PER_SEC };
	int at = cli_parse(argc, argv, take, &j), ret;
	bool sets = at < argc && !strcmp(argv[at], "set");
	const char *close;

	if (at < argc && !sets && strcmp(argv[at], "show")) {
		close = cli_nearest(argv[at], words, 2);
		cli_usage_error("no \"%s\": %s%s", argv[at], close ? "did you mean " : "show or set",
				close ? close : "");
	}
	if (at < argc)
		at++;
	if (!sets && at < argc)
		cli_usage_error("\"%s\" is one word too many: kquorum settings set %s", argv[at],
				strchr(argv[at], '=') ? argv[at] : "SETTING=VALUE...");
	if (!sets && j.waits)
		cli_usage_error("--wait is for set");
	if (sets && at == argc)
		cli_usage_error("what is to be set? kquorum settings set SETTING=VALUE...");
	for (; at < argc; at++)
		take_operand(&j, argv[at]);
	ret = cli_open(&j.k);
	if (ret)
		return ret;
	ret = sets ? set(&j) : show(&j);
	kquorum_close(j.k);
	return ret;
}

const struct cli_command command_settings = {
	.name = "settings",
	.synopsis = "[show | set SETTING=VALUE... [--wait TIME]]",
	.summary = "show the cluster's lease and clock settings, or change them",
	.details = "Settings are heartbeat, election, lease and delta (times) and drift (parts in a million). All\n"
		   "nodes have the same: they stand in the log, and kquorum.conf only says what a new cluster\n"
		   "begins with. Changes are made on the leader, one at a time. While somebody may still rely on\n"
		   "the settings before, both count: the shorter lease is granted, the longer one is kept.\n"
		   "Clocks must keep to both until then.\n"
		   "  kquorum settings set lease=20s delta=500ms\n",
	.options = options,
	.json = true,
	.run = run,
};
