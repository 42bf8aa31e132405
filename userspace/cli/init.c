// SPDX-License-Identifier: GPL-2.0
/* Making a node: its directory, its configuration and its filled log. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "init.h"
#include "join.h"

static void take_peer(struct init *in, const char *arg)
{
	struct kquorum_config_member *m = &in->c.members[in->c.n_members];
	const char *equals = strchr(arg, '=');

	/* One place is kept for this node. */
	if (in->c.n_members == KQUORUM_MAX_NODES - 1)
		cli_usage_error("more than %d nodes", KQUORUM_MAX_NODES);
	if (!equals || (size_t)(equals - arg) >= sizeof(m->name))
		cli_usage_error("--peer: \"%s\" is not NODE=ADDR[:PORT]", arg);
	snprintf(m->name, sizeof(m->name), "%.*s", (int)(equals - arg), arg);
	if (kquorum_name_check(m->name))
		cli_usage_error("--peer: bad node name \"%s\": letters, digits and . _ -", m->name);
	cli_node_address("--peer", equals + 1, &m->address);
	in->c.n_members++;
}

static void take_id(struct init *in, const char *arg)
{
	const char *equals = strchr(arg, '=');
	uint64_t id;

	if (!equals || (size_t)(equals - arg) > KQUORUM_NODE_NAME_MAX ||
	    parse_number(equals + 1, &id) || !id || id > KQUORUM_MAX_NODES)
		cli_usage_error("--id: \"%s\" is not NODE=N, with a number from 1 to %d", arg,
				KQUORUM_MAX_NODES);
	if (in->n_ids == KQUORUM_MAX_NODES)
		cli_usage_error("more than %d nodes", KQUORUM_MAX_NODES);
	snprintf(in->ids[in->n_ids].name, sizeof(in->ids[0].name), "%.*s", (int)(equals - arg), arg);
	in->ids[in->n_ids++].id = id;
}

/* The numbers were told apart from the nodes, in any order. */
static void give_ids(struct init *in)
{
	unsigned int i, j;

	for (i = 0; i < in->n_ids; i++) {
		for (j = 0; j < in->c.n_members; j++)
			if (!strcmp(in->ids[i].name, in->c.members[j].name))
				break;
		if (j == in->c.n_members)
			cli_usage_error("--id: no --peer or --node is called %s", in->ids[i].name);
		in->c.members[j].id = in->ids[i].id;
	}
}

static void take_name(const char *option, const char *arg, char *to)
{
	if (kquorum_name_check(arg))
		cli_usage_error("%s: bad name \"%s\": 1 to %d of A-Z a-z 0-9 . _ -, first no . _ -",
				option, arg, KQUORUM_NODE_NAME_MAX);
	strcpy(to, arg);
}

static void take_segment_size(struct init *in, const char *arg)
{
	uint64_t bytes;

	if (parse_size(arg, &bytes))
		cli_usage_error("--segment-size: \"%s\" is not a size such as 64M", arg);
	if (bytes < KQUORUM_MIN_SEGMENT_BYTES)
		cli_usage_error("--segment-size: a segment has at least %uK", KQUORUM_MIN_SEGMENT_BYTES >> 10);
	if (bytes > KQUORUM_MAX_SEGMENT_BYTES || bytes % KQUORUM_BLOCK)
		cli_usage_error("--segment-size: \"%s\" is not a multiple of 4K up to 1G", arg);
	in->c.segment_bytes = bytes;
}

static uint32_t take_ms(const char *option, const char *arg)
{
	uint64_t ns = cli_duration(option, arg);

	if (ns % NS_PER_MS || ns / NS_PER_MS > 3600000)
		cli_usage_error("%s: \"%s\" is not a whole number of milliseconds up to an hour", option,
				arg);
	return ns / NS_PER_MS;
}

static void take_scale(struct init *in, const char *arg)
{
	char *end;
	double scale = strtod(arg, &end);

	if (end == arg || *end || !(scale >= RTT_SCALE_MIN && scale <= RTT_SCALE_MAX))
		cli_usage_error("--rtt-scale: \"%s\" is not a number from %g to %d", arg,
				RTT_SCALE_MIN, RTT_SCALE_MAX);
	scale_times(scale, &in->c.heartbeat_ms, &in->c.election_ms);
}

void init_take(int key, const char *arg, void *user)
{
	struct init *in = user;

	switch (key) {
	case 'n':
		take_name("--name", arg, in->c.name);
		break;
	case 'N':
		take_name("--node", arg, in->c.node_name);
		break;
	case 'l':
		cli_address("--listen", arg, &in->c.listen);
		break;
	case 'a':
		cli_node_address("--advertise", arg, &in->c.advertise);
		break;
	case 'p':
		take_peer(in, arg);
		break;
	case OPT_CLUSTER_ID:
		if (parse_hex64(arg, &in->c.cluster_id) || !in->c.cluster_id)
			cli_usage_error("--cluster-id: \"%s\" is not 1 to 16 hexadecimal digits, not 0", arg);
		in->given_id = true;
		break;
	case 'd':
		in->dir = arg;
		in->given_dir = true;
		break;
	case OPT_SEGMENT_SIZE:
		take_segment_size(in, arg);
		break;
	case OPT_SEGMENTS:
		in->c.segments = cli_number("--segments", arg, KQUORUM_MIN_SEGMENTS, KQUORUM_MAX_SEGMENTS);
		break;
	case OPT_RTT_SCALE:
		take_scale(in, arg);
		break;
	case OPT_LEASE:
		in->c.lease_ms = take_ms("--lease", arg);
		break;
	case OPT_DELTA:
		in->c.delta_ms = take_ms("--delta", arg);
		break;
	case OPT_DRIFT:
		in->c.drift_ppm = cli_number("--drift", arg, 0, 100000);
		break;
	case OPT_FOUNDERS:
		in->c.founders = cli_number("--founders", arg, 1, KQUORUM_MAX_NODES);
		break;
	case OPT_ID:
		take_id(in, arg);
		break;
	case OPT_FORCE:
		in->force = true;
		break;
	}
}

void init_directory(struct init *in, const char *name)
{
	if (!in->dir) {
		snprintf(in->dir_buf, sizeof(in->dir_buf), "%s/%s", KQUORUM_STATE_DIR, name);
		in->dir = in->dir_buf;
	}
	shell_quote(in->quoted_dir, sizeof(in->quoted_dir), in->dir);
}

void init_complete(struct init *in)
{
	struct kquorum_config_member *self = &in->c.members[in->c.n_members];
	char err[256];

	if (!in->c.name[0] || !in->c.node_name[0] || !in->c.listen.host[0])
		cli_usage_error("--name, --node and --listen are needed");
	/* It begins by itself. Should there be one with that id, it would be a second one of the same. */
	if (!in->joins && in->given_id && !in->c.n_members)
		cli_usage_error("--cluster-id goes with --peer: a cluster of one gets an id of its own");
	if (!in->c.advertise.host[0]) {
		/* The others are told of it, should it have any one day. */
		if (address_is_wildcard(&in->c.listen))
			cli_usage_error("--listen %s is every address: say with --advertise where others reach it",
					in->c.listen.host);
		in->c.advertise = in->c.listen;
	}
	strcpy(self->name, in->c.node_name);
	self->address = in->c.advertise;
	in->c.n_members++;
	give_ids(in);
	if (kquorum_config_number(&in->c, err, sizeof(err)) ||
	    kquorum_config_check(&in->c, err, sizeof(err)))
		cli_usage_error("%s", err);
	init_directory(in, in->c.name);
}

/* A running node would go on writing into the files of its successor. */
static int refuse_running(const struct init *in, uint64_t old_id)
{
	struct kquorum_status st;
	struct kquorum *k;
	char err[256];
	int ret;

	if (kquorum_open(&k, err, sizeof(err)))
		return 0;
	ret = kquorum_status(k, &st);
	kquorum_close(k);
	if (ret || st.cluster_id != old_id)
		return 0;
	cli_error("the node of %s still runs: kquorum stop first", in->dir);
	return KQUORUM_EXIT_ERROR;
}

/* What --force of init must not do: two lives of a node would be taken for one. */
static int refuse_same_cluster(const struct init *in, const struct kquorum_config *old)
{
	char quoted[2 * KQUORUM_ADDRESS_MAX], address[KQUORUM_ADDRESS_MAX + 1];

	kquorum_address_format(&old->advertise, address, sizeof(address));
	cli_error("%s is a node of this very cluster id: kquorum start runs it\n"
		  "  It must not come back empty, for it would forget what it acknowledged and voted, and\n"
		  "  its old log would be taken for the new one's. Its files are gone or bad? On the leader:\n"
		  "  kquorum member replace %s %s=%s\n"
		  "  To make the whole cluster anew: --force with a new --cluster-id, on all nodes.", in->dir,
		  old->node_name, old->node_name, shell_quote(quoted, sizeof(quoted), address));
	return KQUORUM_EXIT_ERROR;
}

/* The directory has @old, or with @err a file that cannot be read, and nobody has said --force. */
static int refuse_used(const struct init *in, const struct kquorum_config *old, int ret,
		       const char *err)
{
	if (ret == -ENOENT)
		cli_error("%s has %s but no %s (%s that was cut short?)\n  --force makes it anew",
			  in->dir, directory_has_segments(in->dir) ? "segment files" :
			  "the mark of a cluster that has begun", KQUORUM_CONFIG_FILE, in->joins ? "a join" : "an init");
	else if (ret)
		cli_error("%s has a node, but %s\n  --force makes it anew, and forgets its log", in->dir, err);
	else if (!in->joins)
		cli_error("%s already has a node (%s): kquorum start runs it\n"
			  "  --force makes it a node of a new cluster, with a new id, and forgets its log",
			  in->dir, old->node_name);
	else if (old->cluster_id != in->c.cluster_id)
		cli_error("%s has a node of another cluster (%s of %s)\n"
			  "  --force makes it a node of this one, and deletes its log", in->dir,
			  old->node_name, old->name);
	else
		cli_error("%s has node %s of this cluster, number %u\n"
			  "  kquorum start runs it. Has that one left, or lost files? --force makes it anew as\n"
			  "  number %u, and deletes its log: what was acknowledged must be on others.",
			  in->dir, old->node_name, old->node_id, in->c.node_id);
	return KQUORUM_EXIT_ERROR;
}

/* May the directory be made into another node's? */
static int check_reuse(const struct init *in)
{
	struct kquorum_config old;
	char path[512], err[512];
	int ret;

	snprintf(path, sizeof(path), "%s/%s", in->dir, KQUORUM_CONFIG_FILE);
	ret = kquorum_config_read(path, &old, err, sizeof(err));
	if (ret == -ENOENT && !directory_has_segments(in->dir) && !directory_has_mark(in->dir))
		return 0;
	if (!in->force)
		return refuse_used(in, &old, ret, err);
	if (ret && !in->joins && in->given_id && directory_has_segments(in->dir)) {
		cli_error("%s has a log, but not what cluster it is of (%s)\n"
			  "  If it was of this cluster id, bring its %s back and run kquorum start: a node that\n"
			  "  comes back empty under its name forgets what it acknowledged and voted. If this id is\n"
			  "  new on all nodes, move the segment files out of the way.",
			  in->dir, err, KQUORUM_CONFIG_FILE);
		return KQUORUM_EXIT_ERROR;
	}
	if (!ret && !in->joins && !in->empty && old.cluster_id == in->c.cluster_id)
		return refuse_same_cluster(in, &old);
	return refuse_running(in, ret ? in->c.cluster_id : old.cluster_id);
}

/*
 * A node that joins has no past, not even in blocks of its files; and no node has the state of
 * the one before it.
 */
static int forget_past(const struct init *in)
{
	int ret = check_reuse(in);

	if (!ret)
		ret = directory_drop_marks(in->dir);
	if (!ret && in->force)
		ret = directory_drop_snapshots(in->dir);
	return ret || !(in->joins || in->empty) || !in->force ? ret :
		directory_drop_segments(in->dir);
}

static int make_directory(struct init *in)
{
	struct stat st;

	if (!in->given_dir && mkdir(KQUORUM_STATE_DIR, 0755) && errno != EEXIST) {
		cli_error("%s: %s", KQUORUM_STATE_DIR, strerror(errno));
		return cli_exit_code(-errno);
	}
	in->made_dir = !mkdir(in->dir, 0700);
	if (in->made_dir)
		return 0;
	if (errno != EEXIST) {
		cli_error("%s: %s", in->dir, strerror(errno));
		return cli_exit_code(-errno);
	}
	if (lstat(in->dir, &st) || !S_ISDIR(st.st_mode)) {
		cli_error("%s is not a directory", in->dir);
		return KQUORUM_EXIT_ERROR;
	}
	if (chmod(in->dir, 0700)) {
		cli_error("%s: %s", in->dir, strerror(errno));
		return cli_exit_code(-errno);
	}
	return forget_past(in);
}

/* The configuration comes last: without it the directory counts as unfinished. */
static int write_config(const struct init *in)
{
	char path[512], temporary[520];
	int fd, dir, ret;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", in->dir, KQUORUM_CONFIG_FILE);
	snprintf(temporary, sizeof(temporary), "%s.new", path);
	fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	f = fd < 0 ? NULL : fdopen(fd, "w");
	ret = !f || kquorum_config_write(f, &in->c) || fsync(fd);
	if (f)
		ret |= fclose(f);
	dir = open(in->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ret = ret || rename(temporary, path) || dir < 0 || fsync(dir);
	if (ret) {
		cli_error("%s: %s", path, strerror(errno));
		unlink(temporary);
	}
	if (dir >= 0)
		close(dir);
	return ret ? KQUORUM_EXIT_ERROR : 0;
}

/* Takes back what a failed init made, so that it can be repeated without --force. */
static void undo(const struct init *in)
{
	char path[512];
	unsigned int i;

	if (in->force && !in->made_dir)
		return;
	for (i = 0; i < in->c.segments; i++) {
		snprintf(path, sizeof(path), "%s/segment-%04u", in->dir, i);
		unlink(path);
	}
	if (in->made_dir)
		rmdir(in->dir);
}

void init_json(cJSON *o, const struct init *in)
{
	cJSON_AddStringToObject(o, "name", in->c.name);
	json_hex(o, "cluster_id", in->c.cluster_id);
	cJSON_AddStringToObject(o, "node", in->c.node_name);
	json_u64(o, "node_id", in->c.node_id);
	cJSON_AddStringToObject(o, "dir", in->dir);
}

uint64_t init_random(void)
{
	uint64_t value = 0;

	while (!value)
		if (getrandom(&value, sizeof(value), 0) < 0)
			value = 0;
	return value;
}

void init_choose_id(struct init *in)
{
	if (!in->c.cluster_id)
		in->c.cluster_id = init_random();
}

int init_make(struct init *in)
{
	int ret;

	init_choose_id(in);
	/* ulimit -f shall end in an error, not in a signal. */
	signal(SIGXFSZ, SIG_IGN);
	umask(077);
	ret = make_directory(in);
	if (ret)
		return ret;
	ret = directory_fill_segments(in->dir, &in->c);
	if (!ret && in->furnish)
		ret = in->furnish(in);
	if (!ret)
		ret = write_config(in);
	if (ret)
		undo(in);
	return ret;
}
