// SPDX-License-Identifier: GPL-2.0
/* kquorum init --from FILE: looks, and carries out what comes next, until all is so. */
#include <errno.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "member.h"
#include "rollout.h"

#define PAUSE_MS	500
#define STOP_NS		(30 * NS_PER_SEC)
#define START_NS	(60 * NS_PER_SEC)

struct run {
	struct rollout r;
	const struct rollout_options *o;
	struct init *in;
	struct kquorum *k;		/* NULL: not yet */
	bool made, started;		/* by this command */
	uint32_t taken;			/* bit n: node n, likewise */
	struct cli_waiting waiting;
	int late;			/* exit code should the time be over now */
};

/* --- which of them is this machine? --------------------------------------------------------- */

static const struct kquorum_config_member *by_name(const struct kquorum_config *c,
						   const char *name, size_t n)
{
	unsigned int i;

	for (i = 0; i < c->n_members; i++)
		if (strlen(c->members[i].name) == n && !strncmp(c->members[i].name, name, n))
			return &c->members[i];
	return NULL;
}

static bool has_address(const struct ifaddrs *list, const char *host)
{
	char text[NI_MAXHOST];

	for (; list; list = list->ifa_next) {
		socklen_t len;

		if (!list->ifa_addr || (list->ifa_addr->sa_family != AF_INET &&
					list->ifa_addr->sa_family != AF_INET6))
			continue;
		len = list->ifa_addr->sa_family == AF_INET ? sizeof(struct sockaddr_in) :
			sizeof(struct sockaddr_in6);
		if (!getnameinfo(list->ifa_addr, len, text, sizeof(text), NULL, 0,
				 NI_NUMERICHOST) && !strcmp(text, host))
			return true;
	}
	return false;
}

/* The only one whose address this machine has; NULL: none, or several. */
static const struct kquorum_config_member *by_address(const struct kquorum_config *c)
{
	const struct kquorum_config_member *found = NULL;
	struct ifaddrs *list;
	unsigned int i, n = 0;

	if (getifaddrs(&list))
		return NULL;
	for (i = 0; i < c->n_members; i++) {
		if (!has_address(list, c->members[i].address.host))
			continue;
		found = &c->members[i];
		n++;
	}
	freeifaddrs(list);
	return n == 1 ? found : NULL;
}

static void find_self(struct run *u)
{
	const struct kquorum_config *c = &u->r.file;
	const char *given = u->in->c.node_name;
	char host[256] = "";

	if (given[0]) {
		u->r.self = by_name(c, given, strlen(given));
		if (!u->r.self)
			cli_usage_error("%s has no line for %s in [members]", u->o->file, given);
		return;
	}
	gethostname(host, sizeof(host) - 1);
	u->r.self = by_name(c, host, strlen(host));
	if (!u->r.self)
		u->r.self = by_name(c, host, strcspn(host, "."));
	if (!u->r.self)
		u->r.self = by_address(c);
	if (!u->r.self)
		cli_usage_error("which node of %s is this machine? --node says it; neither its host name, %s,\n"
				"  nor exactly one of the addresses is in [members]", u->o->file, host);
}

/* --- looking -------------------------------------------------------------------------------- */

/* What is in the directory: 0 or an exit code. */
static int look_at_directory(struct run *u)
{
	static char broken[1024];
	struct rollout *r = &u->r;
	char path[512], err[512];
	int ret;

	snprintf(path, sizeof(path), "%s/%s", r->dir, KQUORUM_CONFIG_FILE);
	ret = kquorum_config_read(path, &r->own, err, sizeof(err));
	r->made = !ret;
	r->broken = NULL;
	broken[0] = '\0';
	if (ret == -ENOENT && directory_has_segments(r->dir))
		snprintf(broken, sizeof(broken), "%s has segment files but no %s (an init that was cut short?)\n"
			 "  move them out of the way; but if it was a node, bring its %s back", r->dir,
			 KQUORUM_CONFIG_FILE, KQUORUM_CONFIG_FILE);
	else if (ret == -ENOENT && directory_has_mark(r->dir))
		snprintf(broken, sizeof(broken), "%s was a node of a cluster that has begun, and its files are gone\n"
			 "  bring them back; or, on the leader: kquorum member replace %s %s=ADDR", r->dir,
			 r->self->name, r->self->name);
	else if (ret && ret != -ENOENT)
		snprintf(broken, sizeof(broken), "%s", err);
	else if (!ret && (strcmp(r->own.name, r->file.name) ||
			  strcmp(r->own.node_name, r->self->name)))
		snprintf(broken, sizeof(broken), "%s is of node %s of cluster %s, not of %s of %s", r->dir,
			 r->own.node_name, r->own.name, r->self->name, r->file.name);
	if (broken[0])
		r->broken = broken;
	return 0;
}

/* Whether the node runs: 0 or an exit code. */
static int look_at_node(struct run *u)
{
	struct rollout *r = &u->r;
	int ret;

	r->runs = false;
	if (!u->k) {
		ret = cli_open(&u->k);
		if (ret)
			return ret;
	}
	ret = kquorum_status(u->k, &r->st);
	if (ret == -ENODEV)
		return 0;
	if (ret) {
		cli_error("%s", kquorum_error(u->k));
		return cli_exit_code(ret);
	}
	if (!r->made || r->st.cluster_id != r->own.cluster_id || r->st.node_id != r->own.node_id) {
		cli_error("a node of cluster %s runs here already, not that of %s\n"
			  "  one network namespace has one node: kquorum stop first", r->st.name, r->dir);
		return KQUORUM_EXIT_ERROR;
	}
	r->runs = true;
	return 0;
}

/* --- acting --------------------------------------------------------------------------------- */

static void say(const struct run *u, const char *what)
{
	if (!cli.json)
		printf("%s: %s\n", u->r.file.name, what);
	fflush(stdout);
}

static int make(struct run *u, bool anew)
{
	struct init *in = u->in;
	char text[256];
	int ret;

	in->c = u->r.make;
	in->joins = u->r.joins;
	in->force = anew;
	in->empty = anew;
	in->made_dir = false;
	ret = init_make(in);
	if (ret)
		return ret;
	u->made = true;
	snprintf(text, sizeof(text), "made %.100s %s: node %s, number %u%s", u->r.dir,
		 anew ? "anew" : "a node's directory", in->c.node_name, in->c.node_id,
		 in->joins ? ", which joins" : "");
	say(u, text);
	return 0;
}

/* It has nothing, so nobody misses it. */
static int stop(struct run *u)
{
	uint64_t until = now_ns() + STOP_NS;
	struct kquorum_status st;
	int ret = kquorum_node_stop(u->k, false);

	while (!ret && now_ns() < until) {
		ret = kquorum_status(u->k, &st);
		if (ret == -ENODEV)
			return 0;
		sleep_ms(50);
	}
	cli_error("the node here does not stop%s%s", ret ? ": " : "", ret ? kquorum_error(u->k) : "");
	return ret ? cli_exit_code(ret) : KQUORUM_EXIT_BLOCKED;
}

static int remake(struct run *u)
{
	int ret;

	say(u, u->r.why);
	ret = stop(u);
	return ret ? ret : make(u, true);
}

/* What it has is known once its log is read. A long one goes on being read by itself. */
static void wait_for_recovery(struct run *u)
{
	uint64_t until = now_ns() + START_NS;
	struct kquorum_status st;

	while (!kquorum_status(u->k, &st) && st.state == KQUORUM_NODE_RECOVERING &&
	       now_ns() < until)
		sleep_ms(50);
}

static int start(struct run *u)
{
	int ret = node_start_from(u->k, u->r.dir, &u->r.own);

	if (!ret)
		wait_for_recovery(u);
	if (!ret && !u->o->no_daemon)
		ret = daemon_ensure(u->k, u->r.dir, START_NS);
	if (ret)
		return ret;
	u->started = true;
	say(u, "started the node");
	return 0;
}

/* A node without a daemon is connected with nobody. */
static int ensure_daemon(struct run *u)
{
	if (!u->r.runs || u->r.st.daemon || u->o->no_daemon)
		return 0;
	return daemon_ensure(u->k, u->r.dir, START_NS);
}

/* The leader takes in who has come. What stands against it for the moment is waited for. */
static int take_in(struct run *u)
{
	struct member_job job = { .plan = member_plan_add, .id = u->r.take_id };
	const struct kquorum_config_member *m = u->r.take;
	char text[128];
	int ret;

	snprintf(job.name, sizeof(job.name), "%s", m->name);
	kquorum_address_format(&m->address, job.address, sizeof(job.address));
	switch (member_next(&job, &u->r.st)) {
	case MEMBER_CHANGE:
		break;
	case MEMBER_REFUSE:
		cli_error("%s", job.why);
		return job.code;
	default:
		snprintf(u->r.why, sizeof(u->r.why), "%s", job.why[0] ? job.why : m->name);
		return 0;
	}
	ret = kquorum_reconfigure(u->k, &job.change);
	if (ret) {
		snprintf(u->r.why, sizeof(u->r.why), "%s is not taken in: %.300s", m->name,
			 kquorum_error(u->k));
		return ret == -EPERM ? KQUORUM_EXIT_DENIED : 0;
	}
	u->taken |= node_bit(u->r.take_id);
	snprintf(text, sizeof(text), "took %s in, number %u", m->name, u->r.take_id);
	say(u, text);
	return 0;
}

/* --- the end -------------------------------------------------------------------------------- */

static void report(const struct run *u)
{
	const struct rollout *r = &u->r;
	cJSON *o, *taken;
	uint32_t id;

	if (!cli.json) {
		printf("%s: node %s is a member, and so are all of %s\n", r->file.name, r->self->name,
		       u->o->file);
		return;
	}
	o = cJSON_CreateObject();
	cJSON_AddStringToObject(o, "name", r->file.name);
	json_hex(o, "cluster_id", r->own.cluster_id);
	cJSON_AddStringToObject(o, "node", r->self->name);
	json_u64(o, "node_id", r->own.node_id);
	cJSON_AddStringToObject(o, "dir", r->dir);
	cJSON_AddBoolToObject(o, "made", u->made);
	cJSON_AddBoolToObject(o, "started", u->started);
	taken = cJSON_AddArrayToObject(o, "taken_in");
	for (id = 1; id <= KQUORUM_MAX_NODES; id++)
		if (u->taken & node_bit(id))
			cJSON_AddItemToArray(taken, cJSON_CreateString(node_name(&r->st, id)));
	cJSON_AddStringToObject(o, "role", node_role(&r->st, r->st.node_id));
	json_print(o, false);
}

enum step { STEP_ACTED, STEP_WAITS, STEP_ENDED };

/* What is to be done next is done. */
static enum step act(struct run *u, enum rollout_next next, int *code)
{
	uint32_t taken = u->taken;

	switch (next) {
	case ROLLOUT_MAKE:
		*code = make(u, false);
		break;
	case ROLLOUT_REMAKE:
		*code = remake(u);
		break;
	case ROLLOUT_START:
		*code = start(u);
		break;
	case ROLLOUT_TAKE_IN:
		*code = take_in(u);
		if (!*code && u->taken == taken)
			return STEP_WAITS;
		break;
	case ROLLOUT_WAIT:
		return STEP_WAITS;
	case ROLLOUT_DONE:
		report(u);
		return STEP_ENDED;
	case ROLLOUT_REFUSE:
		cli_error("%s", u->r.why);
		*code = u->r.code;
		return STEP_ENDED;
	}
	return *code ? STEP_ENDED : STEP_ACTED;
}

/* One look, and what follows; when that is the end, with exit code @code. */
static enum step step(struct run *u, int *code)
{
	enum rollout_next next;

	*code = look_at_directory(u);
	if (!*code)
		*code = look_at_node(u);
	if (!*code)
		*code = ensure_daemon(u);
	if (*code)
		return STEP_ENDED;
	rollout_ask(&u->r);
	next = rollout_next(&u->r);
	/* One that has not begun has no quorum to miss. */
	u->late = u->r.runs && !u->r.st.quorum && status_is_member(&u->r.st, u->r.st.node_id) ?
		KQUORUM_EXIT_NO_QUORUM : KQUORUM_EXIT_BLOCKED;
	return act(u, next, code);
}

/* What can be done at once is done, however little time there is. */
static int carry_out(struct run *u)
{
	uint64_t until = now_ns() + u->o->wait_ns;
	enum step did;
	int ret = 0;

	while ((did = step(u, &ret)) != STEP_ENDED) {
		if (did == STEP_ACTED)
			continue;
		cli_waiting(&u->waiting, u->r.why);
		if (now_ns() >= until) {
			cli_error("not yet: %s\n  the same command goes on with it", u->r.why);
			return u->late;
		}
		sleep_ms(PAUSE_MS);
	}
	return ret;
}

int rollout_run(struct init *in, const struct rollout_options *o)
{
	struct run *u = calloc(1, sizeof(*u));
	char err[512];
	int ret;

	if (!u) {
		cli_error("out of memory");
		return KQUORUM_EXIT_ERROR;
	}
	u->in = in;
	u->o = o;
	ret = kquorum_config_read_plan(o->file, &u->r.file, err, sizeof(err));
	if (ret) {
		cli_error("%s", err);
		free(u);
		return ret == -EINVAL ? KQUORUM_EXIT_ERROR : cli_exit_code(ret);
	}
	/* It begins by itself: should there be one with that id, it would be a second one of it. */
	if (u->r.file.n_members == 1 && u->r.file.cluster_id) {
		cli_error("%s: a cluster of one gets an id of its own: leave id out", o->file);
		free(u);
		return KQUORUM_EXIT_ERROR;
	}
	find_self(u);
	u->r.listen = in->c.listen;
	init_directory(in, u->r.file.name);
	u->r.dir = in->dir;
	ret = carry_out(u);
	if (u->k)
		kquorum_close(u->k);
	free(u);
	return ret;
}
