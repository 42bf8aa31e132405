// SPDX-License-Identifier: GPL-2.0
/*
 * kquorum recover: when a majority of a cluster is gone for good, a new one out of what one
 * survivor has. The survivor's node is started once more, only to give its state away; a new
 * directory is made beside the old one, and takes its place in one step.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "seed_file.h"
#include "snapshot.h"

enum { OPT_YES = OPT_INIT_END, OPT_INDEX };

#define WAIT_NS	(600 * NS_PER_SEC)

static const struct cli_option options[] = {
	{ 'd', "dir", "DIR", "the node's directory" },
	{ OPT_YES, "i-know-what-i-lose", NULL, "do it" },
	{ OPT_INDEX, "index", "N", "first log index (default: 2^40 above the survivor's)" },
	{ 0 },
};

struct recover {
	const char *given_dir;
	bool yes;
	char dir[512], fresh[520], before[560];
	struct kquorum_config old;
	struct init in;
	struct seeding seed;
	char damage[256];	/* what is not readable any more, "": nothing */
};

static void take(int key, const char *arg, void *user)
{
	struct recover *r = user;

	switch (key) {
	case 'd':
		r->given_dir = arg;
		break;
	case OPT_YES:
		r->yes = true;
		break;
	case OPT_INDEX:
		r->seed.want.index = cli_number("--index", arg, 1, UINT64_MAX);
		break;
	}
}

static int explain(const struct recover *r, int argc, char **argv)
{
	char wait[FORMAT_MAX];
	int i;

	cli_error("out of what node %s has a new cluster is made, for when a majority of %s is gone:\n"
		  "  - what the others acknowledged and this node never got is lost\n"
		  "  - whoever holds something loses it; all is free %s after the start\n"
		  "  - other survivors do not belong to it: each joins anew, and its own log is deleted\n"
		  "  Can a majority be brought back, or one more disk of it? Then do that instead.\n"
		  "  Of several survivors take the one whose last entry has the highest term, and of those\n"
		  "  with that term the highest index: kquorum log -n 1 on each, while its node runs.",
		  r->old.node_name, r->old.name, format_duration(wait, seed_wait_ns(&r->old)));
	fprintf(stderr, "  To do it: kquorum");
	for (i = 0; i < argc; i++)
		fprintf(stderr, " %s", argv[i]);
	fprintf(stderr, " --i-know-what-i-lose\n");
	return KQUORUM_EXIT_USAGE;
}

/* --- what the survivor has ------------------------------------------------------------------ */

static int check_stopped(struct kquorum *k)
{
	struct kquorum_status st;

	if (kquorum_status(k, &st))
		return 0;
	if (st.quorum)
		cli_error("node %s of %s runs here, and its cluster works: nothing is to be recovered",
			  node_name(&st, st.node_id), st.name);
	else
		cli_error("node %s of %s runs here: kquorum stop first", node_name(&st, st.node_id),
			  st.name);
	return KQUORUM_EXIT_ERROR;
}

static int wait_until_read(struct kquorum *k, struct kquorum_status *st)
{
	uint64_t until = now_ns() + WAIT_NS;
	bool told = false;
	int ret;

	for (;;) {
		ret = kquorum_status(k, st);
		if (ret) {
			cli_error("%s", kquorum_error(k));
			return cli_exit_code(ret);
		}
		if (st->state != KQUORUM_NODE_RECOVERING)
			return 0;
		if (now_ns() >= until) {
			cli_error("the log is not read within 10 minutes");
			return KQUORUM_EXIT_ERROR;
		}
		if (!told && cli_progress_wanted())
			cli_note("reading the log...");
		told = true;
		poll(NULL, 0, 50);
	}
}

static int save(struct recover *r, struct kquorum *k)
{
	static struct snapshot_reader reader;
	int fd = kquorum_snapshot_save(k);

	if (fd < 0) {
		cli_error("its state cannot be saved: %s", kquorum_error(k));
		return cli_exit_code(fd);
	}
	snapshot_reader_init(&reader, r->old.cluster_id, seed_take, &r->seed);
	snapshot_file_read(&reader, fd);
	close(fd);
	if (reader.error) {
		cli_error("its state cannot be saved: %s", reader.why);
		return KQUORUM_EXIT_ERROR;
	}
	seed_from(&r->seed, &reader);
	return 0;
}

static int read_state(struct recover *r, struct kquorum *k)
{
	struct kquorum_status st;
	int ret = wait_until_read(k, &st);

	if (ret)
		return ret;
	if (st.state != KQUORUM_NODE_RUNNING) {
		cli_error("this node has nothing to begin with: %s", st.reason);
		return KQUORUM_EXIT_ERROR;
	}
	if (!st.conf_index) {
		cli_error("this node was never part of a cluster: kquorum init makes one");
		return KQUORUM_EXIT_ERROR;
	}
	snprintf(r->damage, sizeof(r->damage), "%s", st.reason);
	return save(r, k);
}

/* The node runs for as long as its state is read, without a daemon and without peers. */
static int ask_survivor(struct recover *r)
{
	struct kquorum *k;
	int ret = cli_open(&k);

	if (ret)
		return ret;
	ret = check_stopped(k);
	if (!ret) {
		r->old.survivor = true;
		ret = node_start_from(k, r->dir, &r->old);
		if (!ret) {
			ret = read_state(r, k);
			kquorum_node_stop(k, true);
		}
	}
	kquorum_close(k);
	return ret;
}

/* --- the new directory ---------------------------------------------------------------------- */

/* The same node with the same settings, alone, in another cluster with the same name. */
static void describe(struct recover *r)
{
	struct init *in = &r->in;
	struct kquorum_config *c = &in->c;

	*c = r->old;
	c->cluster_id = 0;
	c->founders = 0;
	c->survivor = c->seeded = c->founded = false;
	c->n_members = 1;
	c->node_id = 1;
	memset(c->members, 0, sizeof(c->members));
	c->members[0].id = 1;
	strcpy(c->members[0].name, r->old.node_name);
	c->members[0].address = r->old.advertise;
	init_choose_id(in);
	in->dir = r->fresh;
	in->given_dir = true;
}

/* "DIR" with @what behind it; a "/" at its end is no part of its name. */
static void beside(const struct recover *r, const char *what, char *buf, size_t size)
{
	size_t n = strlen(r->dir);

	while (n > 1 && r->dir[n - 1] == '/')
		n--;
	snprintf(buf, size, "%.*s%s", (int)n, r->dir, what);
}

static int exchange(const struct recover *r)
{
	if (renameat2(AT_FDCWD, r->fresh, AT_FDCWD, r->dir, RENAME_EXCHANGE)) {
		cli_error("%s is ready, but cannot take the place of %s: %s\n"
			  "  put it there by hand, and keep the old one: %s", r->fresh, r->dir,
			  strerror(errno), r->before);
		return KQUORUM_EXIT_ERROR;
	}
	if (rename(r->fresh, r->before)) {
		cli_error("the old log is in %s: %s", r->fresh, strerror(errno));
		return KQUORUM_EXIT_ERROR;
	}
	return 0;
}

static void report(struct recover *r)
{
	struct init *in = &r->in;
	cJSON *o;

	in->dir = r->dir;
	in->given_dir = r->given_dir;
	shell_quote(in->quoted_dir, sizeof(in->quoted_dir), r->dir);
	if (cli.json) {
		o = cJSON_CreateObject();
		init_json(o, in);
		cJSON_AddStringToObject(o, "old_dir", r->before);
		cJSON_AddStringToObject(o, "damage", r->damage);
		seed_json(o, &r->seed);
		json_print(o, false);
		return;
	}
	if (r->damage[0])
		printf("NOT ALL OF IT COULD BE READ: %s\n", r->damage);
	printf("%s: node %s, id %u, a new cluster with id %016" PRIx64 "\n", in->c.name,
	       in->c.node_name, in->c.node_id, in->c.cluster_id);
	printf("from all that this node had, up to index %" PRIu64 ", term %" PRIu64
	       "; it begins with index %" PRIu64 "\n", le64_to_cpu(r->seed.from.index),
	       le64_to_cpu(r->seed.from.term), r->seed.ref.index);
	printf("the old files are in %s\n", r->before);
	seed_print_next(in);
	puts("      other survivors join anew: what member add prints, with --force");
}

static int recover(struct recover *r)
{
	char behind[64];
	int ret = ask_survivor(r);

	if (ret)
		return ret;
	snprintf(behind, sizeof(behind), DIRECTORY_KEPT "%016" PRIx64, r->old.cluster_id);
	beside(r, ".new", r->fresh, sizeof(r->fresh));
	beside(r, behind, r->before, sizeof(r->before));
	if (!access(r->before, F_OK)) {
		cli_error("%s is there already: it was recovered from once; move that away", r->before);
		return KQUORUM_EXIT_ERROR;
	}
	describe(r);
	/* What an attempt left behind that was cut short. */
	r->in.force = true;
	ret = seed_directory(&r->in, &r->seed);
	if (!ret)
		ret = exchange(r);
	if (!ret)
		report(r);
	return ret;
}

static int run(int argc, char **argv)
{
	static struct recover r = { .seed.want.how = KQUORUM_LINEAGE_RECOVERED };
	int at = cli_parse(argc, argv, take, &r), ret;

	if (argc - at > 1)
		cli_usage_error("\"%s\" is one word too many", argv[at + 1]);
	ret = directory_find(r.given_dir, at < argc ? argv[at] : NULL, r.dir, sizeof(r.dir));
	if (!ret)
		ret = directory_read_config(r.dir, &r.old);
	if (ret)
		return ret;
	if (!r.yes)
		return explain(&r, argc, argv);
	return recover(&r);
}

const struct cli_command command_recover = {
	.name = "recover",
	.synopsis = "[NAME | --dir DIR] --i-know-what-i-lose [--index N]",
	.summary = "a new cluster from this node, when a majority is gone for good",
	.details = "All that this node's log has counts as committed, and becomes the state of a new cluster,\n"
		   "of this node alone until others are added. What others acknowledged and this node never\n"
		   "got is lost; so is whatever anybody holds. Its log says where it came from. The old files\n"
		   "are kept beside the directory.\n",
	.options = options,
	.json = true,
	.run = run,
};
