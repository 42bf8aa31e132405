// SPDX-License-Identifier: GPL-2.0
/*
 * kquorum member: who belongs to the cluster, and changes of that. A change is looked at and moved
 * on, step by step, until it is as it shall be; what comes next says member_plan.c.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "member.h"

enum { OPT_LEARNER = 256, OPT_ID, OPT_FORCE, OPT_PRIORITY, OPT_WITNESS, OPT_NO_WITNESS };

static const struct cli_option options[] = {
	{ 'w', "wait", "TIME", "how long to wait for it to come about (default 10m)" },
	{ OPT_LEARNER, "learner", NULL, "add: it gets the log and no vote" },
	{ OPT_ID, "id", "N", "add, replace: goes on with the new machine that has this number" },
	{ OPT_PRIORITY, "priority", "N", "add, set: 0 to 255 (100); the higher should rather lead" },
	{ OPT_WITNESS, "witness", NULL, "add, set: it votes, and leads only to hand over" },
	{ OPT_NO_WITNESS, "no-witness", NULL, "set: it is none any more" },
	{ OPT_FORCE, "force", NULL, "remove, demote: though fewer nodes may fail then" },
	{ 0 },
};

/* Which options were given, and which a change takes. */
enum { TAKES_WAIT = 1, TAKES_LEARNER = 2, TAKES_ID = 4, TAKES_FORCE = 8, TAKES_PRIORITY = 16,
       TAKES_WITNESS = 32, TAKES_NO_WITNESS = 64 };

struct member {
	struct kquorum *k;
	struct kquorum_events *events;
	struct kquorum_status st;
	const struct change *change;
	struct member_job job;
	uint64_t wait_ns;
	unsigned int given;
	bool json_line;		/* JSON is a line for each document */
	struct member_number number;
	int late;		/* exit code should the time be over now */
	struct cli_waiting waiting;
};

/* --- operands ------------------------------------------------------------------------------- */

static void take_address(struct member *m, const char *text)
{
	struct kquorum_address a;

	cli_node_address(NULL, text, &a);
	kquorum_address_format(&a, m->job.address, sizeof(m->job.address));
}

static void take_name(char *name, const char *text, size_t n)
{
	if (n > KQUORUM_NODE_NAME_MAX)
		cli_usage_error("\"%s\": a name has at most %d characters", text, KQUORUM_NODE_NAME_MAX);
	snprintf(name, KQUORUM_NODE_NAME_MAX + 1, "%.*s", (int)n, text);
	if (kquorum_name_check(name))
		cli_usage_error("bad node name \"%s\": letters, digits and . _ -", name);
}

/* NODE=ADDR[:PORT] */
static void take_new(struct member *m, char **operand)
{
	const char *equals = strchr(operand[0], '=');

	if (!equals)
		cli_usage_error("\"%s\" is not NODE=ADDR[:PORT]", operand[0]);
	take_name(m->job.name, operand[0], equals - operand[0]);
	take_address(m, equals + 1);
}

static void take_old(struct member *m, char **operand)
{
	take_name(m->job.name, operand[0], strlen(operand[0]));
}

static void take_old_and_address(struct member *m, char **operand)
{
	take_old(m, operand);
	take_address(m, operand[1]);
}

static void take_old_and_new(struct member *m, char **operand)
{
	take_name(m->job.old_name, operand[0], strlen(operand[0]));
	take_new(m, operand + 1);
}

/* --- the table ------------------------------------------------------------------------------ */

static const struct change {
	const char *name;
	int operands;
	const char *usage;
	unsigned int takes;
	bool final;			/* no majority to agree to it: nobody waits for one */
	void (*take)(struct member *m, char **operand);
	enum member_next (*plan)(struct member_job *job, const struct kquorum_status *st);
	const char *done;
} changes[] = {
	{ "add", 1, "NODE=ADDR[:PORT]", TAKES_WAIT | TAKES_LEARNER | TAKES_ID | TAKES_PRIORITY |
	  TAKES_WITNESS, false, take_new,
	  member_plan_add, "is a member" },
	{ "remove", 1, "NODE", TAKES_WAIT | TAKES_FORCE, true, take_old, member_plan_remove,
	  "has left" },
	{ "promote", 1, "NODE", TAKES_WAIT, false, take_old, member_plan_promote, "is a voter" },
	{ "demote", 1, "NODE", TAKES_WAIT | TAKES_FORCE, true, take_old, member_plan_demote,
	  "is a learner" },
	{ "set", 1, "NODE", TAKES_WAIT | TAKES_PRIORITY | TAKES_WITNESS | TAKES_NO_WITNESS, false,
	  take_old, member_plan_set, "is preferred so" },
	{ "set-address", 2, "NODE ADDR[:PORT]", TAKES_WAIT, false, take_old_and_address,
	  member_plan_address, "is known there\n"
	  "  unless it listens on all addresses: put the new one into its kquorum.conf, as listen and as\n"
	  "  advertise, then, on it, systemctl reload kquorumd (or pkill -HUP kquorumd)" },
	{ "replace", 2, "OLD NEW=ADDR[:PORT]", TAKES_WAIT | TAKES_ID, false, take_old_and_new,
	  member_plan_replace, "has taken its place" },
};

#define N_CHANGES (sizeof(changes) / sizeof(changes[0]))

/* The command that goes on with it, here or elsewhere. */
static const char *same_command(const struct member *m, char *buf, size_t size)
{
	const struct member_job *j = &m->job;
	char address[2 * KQUORUM_ADDRESS_MAX], id[16] = "", priority[24] = "";

	if (j->has_priority)
		snprintf(priority, sizeof(priority), " --priority %u", j->priority);
	shell_quote(address, sizeof(address), j->address);
	/* Before it is a member, only its number tells which machine is meant. */
	if (m->number.told_id && !status_is_member(&m->st, m->number.told_id))
		snprintf(id, sizeof(id), " --id %u", m->number.told_id);
	snprintf(buf, size, "kquorum member %s %s%s%s%s%s%s%s%s%s%s", m->change->name, j->old_name,
		 j->old_name[0] ? " " : "", j->name,
		 !j->address[0] ? "" : m->change->take == take_old_and_address ? " " : "=",
		 j->address[0] ? address : "", j->learner ? " --learner" : "",
		 j->force ? " --force" : "", priority,
		 !j->has_witness ? "" : j->witness ? " --witness" : " --no-witness", id);
	return buf;
}

/* --- steps ---------------------------------------------------------------------------------- */

static int find_part(const struct kquorum_log_entry *e, void *user)
{
	struct member_job *j = user;
	int part = entry_conf_part(e, j->wanted);

	if (!part || !e->committed)
		return 0;
	/* That it has left says nothing about its vote. */
	if (part < 3)
		j->history = part == 2 ? HISTORY_VOTER : HISTORY_LEARNER;
	else if (j->history == HISTORY_NEVER)
		j->history = HISTORY_LEARNER;
	return 0;
}

/* What a node was that is none any more stands in the log. 0 or an exit code. */
static int ask_history(struct member *m)
{
	int ret;

	m->job.history = HISTORY_NEVER;
	ret = kquorum_log_dump(m->k, 1, m->st.conf_index, find_part, &m->job);
	if (!ret)
		return 0;
	cli_error("the log cannot be read: %s", kquorum_error(m->k));
	return cli_exit_code(ret);
}

/* What comes next, with what the plan asks for. Below 0: an exit code, negative. */
static int look_ahead(struct member *m)
{
	int next = member_next(&m->job, &m->st), ret;

	if (next == MEMBER_HISTORY) {
		ret = ask_history(m);
		if (ret)
			return -ret;
		next = member_next(&m->job, &m->st);
	}
	return next;
}

/* The newcomer's number is only given away where the change is made. */
static int look_with_number(struct member *m, int next)
{
	int ret;

	if (next == MEMBER_NUMBER) {
		ret = member_choose_number(&m->number, &m->job, &m->st);
		if (ret)
			return -ret;
		next = member_next(&m->job, &m->st);
	}
	if (m->job.id && m->change->takes & TAKES_ID && !status_is_member(&m->st, m->job.id) &&
	    next != MEMBER_REFUSE)
		member_print_line(&m->number, &m->job, &m->st);
	return next;
}

/* What passes by itself, or when the node that joins is there. */
static bool is_transient(const struct member *m, int error)
{
	switch (-error) {
	case EREMOTE:
	case EAGAIN:
	case EBUSY:
	case ESTALE:
	case EALREADY:
	case EEXIST:
	case EHOSTUNREACH:
		return true;
	case ENOTCONN:
		return !m->change->final;
	default:
		return false;
	}
}

/* 0: look again; or an exit code. */
static int request(struct member *m)
{
	struct member_job *j = &m->job;
	int ret = kquorum_reconfigure(m->k, &j->change);
	char missing[128] = "";

	m->late = KQUORUM_EXIT_BLOCKED;
	if (!ret) {
		snprintf(j->why, sizeof(j->why), "the change is in the log");
		return 0;
	}
	if (ret == -ENOTCONN)
		nodes_missing(&m->st, j->change.voters, 80, missing, sizeof(missing));
	snprintf(j->why, sizeof(j->why), "%s%s%s", kquorum_error(m->k), missing[0] ? ":\n  " : "",
		 missing);
	if (is_transient(m, ret))
		return 0;
	cli_error("%s", j->why);
	return cli_exit_code(ret);
}

/* Whoever leads makes the change. 0: this node; or an exit code; below 0: wait for a leader. */
static int check_leader(struct member *m)
{
	char command[MEMBER_COMMAND_MAX];

	if (m->st.left) {
		cli_error("this node has left the cluster: the leader makes changes");
		return KQUORUM_EXIT_ERROR;
	}
	if (m->st.role == KQUORUM_LEADER && m->st.quorum)
		return 0;
	if (m->st.quorum && m->st.leader) {
		cli_error("%s leads: run there\n  %s", node_name(&m->st, m->st.leader),
			  same_command(m, command, sizeof(command)));
		return KQUORUM_EXIT_BLOCKED;
	}
	if (m->st.state != KQUORUM_NODE_RUNNING && m->st.state != KQUORUM_NODE_RECOVERING) {
		cli_error("this node does not serve: kquorum status says why");
		return KQUORUM_EXIT_NO_QUORUM;
	}
	snprintf(m->job.why, sizeof(m->job.why), "there is no leader: kquorum status says why");
	m->late = KQUORUM_EXIT_NO_QUORUM;
	return -1;
}

static void report(const struct member *m)
{
	if (cli.json)
		member_print_list(&m->st, m->json_line);
	else if (m->job.why[0])
		printf("%s\n", m->job.why);
	else
		printf("%s %s\n", m->job.name, m->change->done);
}

/* One look, and what follows from it. True: that is the end, with exit code @code. */
static bool step(struct member *m, int *code)
{
	int next = look_ahead(m);

	*code = KQUORUM_EXIT_DONE;
	m->late = KQUORUM_EXIT_BLOCKED;
	/* That it is so is seen everywhere: a leader that has made itself go is none any more. */
	if (next == MEMBER_DONE && (m->st.quorum || m->st.left)) {
		report(m);
		return true;
	}
	*code = check_leader(m);
	if (*code)
		return *code > 0;
	next = look_with_number(m, next);
	switch (next) {
	case MEMBER_CHANGE:
		*code = request(m);
		return *code;
	case MEMBER_WAIT:
		return false;
	case MEMBER_REFUSE:
		cli_error("%s", m->job.why);
		*code = m->job.code;
		return true;
	default:
		*code = -next;
		return true;
	}
}

static int give_up(const struct member *m)
{
	char command[MEMBER_COMMAND_MAX];

	cli_error("%s: not yet: %s\n  to go on with it: %s", m->job.name, m->job.why,
		  same_command(m, command, sizeof(command)));
	return m->late;
}

static void pause_for_news(const struct member *m, uint64_t until)
{
	struct pollfd p = { kquorum_events_fd(m->events), POLLIN, 0 };
	struct kquorum_event_record record;
	int ret;

	poll(&p, 1, poll_ms(until, 200));
	while (!(ret = kquorum_events_read(m->events, &record)) || ret == -ENOBUFS)
		;
}

/* Until it is so, or the time is over. */
static int carry_out(struct member *m)
{
	uint64_t until = now_ns() + m->wait_ns;
	int ret;

	for (;;) {
		ret = kquorum_status(m->k, &m->st);
		if (ret) {
			cli_error("%s", kquorum_error(m->k));
			return cli_exit_code(ret);
		}
		if (step(m, &ret))
			return ret;
		cli_waiting(&m->waiting, m->job.why);
		if (now_ns() >= until)
			return give_up(m);
		pause_for_news(m, until);
	}
}

/* --- the command ---------------------------------------------------------------------------- */

static int list(struct member *m)
{
	int ret = kquorum_status(m->k, &m->st);

	if (ret) {
		cli_error("%s", kquorum_error(m->k));
		return cli_exit_code(ret);
	}
	member_print_list(&m->st, false);
	return KQUORUM_EXIT_DONE;
}

static void take(int key, const char *arg, void *user)
{
	struct member *m = user;

	switch (key) {
	case 'w':
		m->wait_ns = cli_duration("--wait", arg);
		m->given |= TAKES_WAIT;
		break;
	case OPT_LEARNER:
		m->job.learner = true;
		m->given |= TAKES_LEARNER;
		break;
	case OPT_ID:
		m->job.given_id = cli_number("--id", arg, 1, KQUORUM_MAX_NODES);
		m->given |= TAKES_ID;
		break;
	case OPT_PRIORITY:
		m->job.priority = cli_number("--priority", arg, 0, KQUORUM_PRIORITY_MAX);
		m->job.has_priority = true;
		m->given |= TAKES_PRIORITY;
		break;
	case OPT_WITNESS:
	case OPT_NO_WITNESS:
		m->job.witness = key == OPT_WITNESS;
		m->job.has_witness = true;
		m->given |= key == OPT_WITNESS ? TAKES_WITNESS : TAKES_NO_WITNESS;
		break;
	case OPT_FORCE:
		m->job.force = true;
		m->given |= TAKES_FORCE;
		break;
	}
}

static const struct change *find_change(const char *word)
{
	const char *names[N_CHANGES + 1] = { "list" }, *close;
	size_t i;

	for (i = 0; i < N_CHANGES; i++) {
		names[i + 1] = changes[i].name;
		if (!strcmp(word, changes[i].name))
			return &changes[i];
	}
	close = cli_nearest(word, names, N_CHANGES + 1);
	if (close)
		cli_usage_error("no \"%s\": did you mean %s?", word, close);
	cli_usage_error("no \"%s\": list, add, remove, promote, demote, set, set-address or replace", word);
}

static void refuse_options(const struct member *m)
{
	static const struct { unsigned int takes; const char *option; } table[] = {
		{ TAKES_WAIT, "--wait is for changes" },
		{ TAKES_LEARNER, "--learner is for add" },
		{ TAKES_ID, "--id is for add and replace" },
		{ TAKES_FORCE, "--force is for remove and demote" },
		{ TAKES_PRIORITY, "--priority is for add and set" },
		{ TAKES_WITNESS, "--witness is for add and set" },
		{ TAKES_NO_WITNESS, "--no-witness is for set" },
	};
	unsigned int wrong = m->given & ~(m->change ? m->change->takes : 0);
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (wrong & table[i].takes)
			cli_usage_error("%s", table[i].option);
}

static int run_change(struct member *m)
{
	char err[512];
	int ret;

	ret = kquorum_events_open(&m->events, err, sizeof(err));
	if (ret) {
		cli_error("%s", err);
		return cli_exit_code(ret);
	}
	ret = carry_out(m);
	member_release_number(&m->number);
	kquorum_events_close(m->events);
	return ret;
}

static int run(int argc, char **argv)
{
	struct member m = { .wait_ns = 600 * NS_PER_SEC, .number.reservation = -1 };
	int at = cli_parse(argc, argv, take, &m), ret;

	if (at < argc && strcmp(argv[at], "list"))
		m.change = find_change(argv[at]);
	if (at < argc)
		at++;
	refuse_options(&m);
	if (!m.change && at < argc)
		cli_usage_error("\"%s\" is one word too many: list takes none", argv[at]);
	if (m.change && argc - at != m.change->operands)
		cli_usage_error("%s takes %s", m.change->name, m.change->usage);
	if (m.given & TAKES_WITNESS && m.given & TAKES_NO_WITNESS)
		cli_usage_error("--witness or --no-witness");
	if (m.change && m.change->plan == member_plan_set && !m.job.has_priority && !m.job.has_witness)
		cli_usage_error("what is to be set? --priority N, --witness or --no-witness");
	if (m.change) {
		m.job.plan = m.change->plan;
		m.json_line = m.change->takes & TAKES_ID;
		m.change->take(&m, argv + at);
	}
	ret = cli_open(&m.k);
	if (ret)
		return ret;
	ret = m.change ? run_change(&m) : list(&m);
	kquorum_close(m.k);
	return ret;
}

const struct cli_command command_member = {
	.name = "member",
	.synopsis = "[list | add NODE=ADDR | remove NODE | promote NODE | demote NODE |\n"
		    "                       set NODE | set-address NODE ADDR | replace OLD NEW=ADDR] [OPTION]...",
	.summary = "show who belongs to the cluster, or change it",
	.details = "Changes are made on the leader, one at a time, and the command waits until they have come\n"
		   "about; broken off, the same command goes on with it.\n"
		   "  add      prints the line that makes the new machine a node, waits for it, lets it catch up\n"
		   "           as a learner and gives it a vote\n"
		   "  replace  likewise, and the old node loses its vote in the same moment: for a machine that is\n"
		   "           dead or has lost its disk\n"
		   "  set      says which node should rather lead; a leader hands over to one with a higher priority\n"
		   "           when that has been steady for a while, a witness to any that has caught up\n"
		   "  remove   is refused while no majority of those that stay is up and has caught up; --force\n"
		   "           is needed when none of them may fail any more, or one that is down would stay\n"
		   "  set-address\n"
		   "           says where the others reach it from now on; where it listens says its kquorum.conf:\n"
		   "           change listen and advertise there too, then, on it, systemctl reload kquorumd\n"
		   "           (or pkill -HUP kquorumd); until then its kquorum status says so\n"
		   "Broken off before the new machine was taken in, --id with the number in its line goes on.\n",
	.options = options,
	.json = true,
	.run = run,
};
