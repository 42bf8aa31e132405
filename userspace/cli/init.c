// SPDX-License-Identifier: GPL-2.0
/* kquorum init: a node's directory, its configuration and its filled log. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"

enum { OPT_CLUSTER_ID = 256, OPT_SEGMENT_SIZE, OPT_SEGMENTS, OPT_RTT_SCALE, OPT_LEASE, OPT_DELTA,
       OPT_DRIFT, OPT_FORCE };

static const struct cli_option options[] = {
	{ 'n', "name", "NAME", "the cluster's name" },
	{ 'N', "node", "NODE", "this node's name, such as n1" },
	{ 'l', "listen", "ADDR[:PORT]", "address to listen on; port 7420 unless given" },
	{ 'a', "advertise", "ADDR[:PORT]", "address where the others reach it, if another" },
	{ 'p', "peer", "NODE=ADDR[:PORT]", "another node; once for each, on every node the same set" },
	{ OPT_CLUSTER_ID, "cluster-id", "ID", "hexadecimal; the same on all nodes (default: random)" },
	{ 'd', "dir", "DIR", "default: " KQUORUM_STATE_DIR "/NAME" },
	{ OPT_SEGMENT_SIZE, "segment-size", "SIZE", "bytes in a segment file, a multiple of 4K (default 64M)" },
	{ OPT_SEGMENTS, "segments", "N", "how many segment files (default 8)" },
	{ OPT_RTT_SCALE, "rtt-scale", "X", "heartbeat and election times X-fold (default 1)" },
	{ OPT_LEASE, "lease", "TIME", "session lease (default 10s)" },
	{ OPT_DELTA, "delta", "TIME", "largest clock error during a lease (default 250ms)" },
	{ OPT_DRIFT, "drift", "PPM", "bound on each clock's rate error (default 500)" },
	{ OPT_FORCE, "force", NULL, "make an existing directory into a new node's" },
	{ 0 },
};

struct init {
	struct kquorum_config c;
	const char *dir;
	char dir_buf[256];
	bool given_dir, force, given_id, given_name, made_dir;
	double scale;
};

/*
 * Digits and dots that are no IPv4 address would be looked up as a name, which never
 * exists, or be taken for another address ("10.1" for 10.0.0.1).
 */
static void parse_address(const char *option, const char *arg, struct kquorum_address *to)
{
	unsigned char ip[4];
	char err[160];

	if (kquorum_address_parse(arg, to, err, sizeof(err)))
		cli_usage_error("%s: %s", option, err);
	if (strspn(to->host, "0123456789.") == strlen(to->host) &&
	    inet_pton(AF_INET, to->host, ip) != 1)
		cli_usage_error("%s: \"%s\" is no IPv4 address: that has four numbers from 0 to 255",
				option, to->host);
}

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
	parse_address("--peer", equals + 1, &m->address);
	in->c.n_members++;
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

	in->scale = strtod(arg, &end);
	if (end == arg || *end || !(in->scale >= 0.1 && in->scale <= 100))
		cli_usage_error("--rtt-scale: \"%s\" is not a number from 0.1 to 100", arg);
	in->c.heartbeat_ms = KQUORUM_DEFAULT_HEARTBEAT_MS * in->scale + 0.5;
	in->c.election_ms = KQUORUM_DEFAULT_ELECTION_MS * in->scale + 0.5;
}

static void take(int key, const char *arg, void *user)
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
		parse_address("--listen", arg, &in->c.listen);
		break;
	case 'a':
		parse_address("--advertise", arg, &in->c.advertise);
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
	case OPT_FORCE:
		in->force = true;
		break;
	}
}

static bool is_wildcard(const struct kquorum_address *a)
{
	return !strcmp(a->host, "0.0.0.0") || !strcmp(a->host, "::");
}

static void complete(struct init *in)
{
	struct kquorum_config_member *self = &in->c.members[in->c.n_members];
	char err[256];

	if (!in->c.name[0] || !in->c.node_name[0] || !in->c.listen.host[0])
		cli_usage_error("--name, --node and --listen are needed");
	if (!in->c.advertise.host[0]) {
		if (is_wildcard(&in->c.listen) && in->c.n_members)
			cli_usage_error("--listen %s is every address: say with --advertise where others reach it",
					in->c.listen.host);
		in->c.advertise = in->c.listen;
	}
	strcpy(self->name, in->c.node_name);
	self->address = in->c.advertise;
	in->c.n_members++;
	if (kquorum_config_number(&in->c, err, sizeof(err)) ||
	    kquorum_config_check(&in->c, err, sizeof(err)))
		cli_usage_error("%s", err);
	if (!in->dir) {
		snprintf(in->dir_buf, sizeof(in->dir_buf), "%s/%s", KQUORUM_STATE_DIR, in->c.name);
		in->dir = in->dir_buf;
	}
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

static int check_reuse(const struct init *in)
{
	struct kquorum_config old;
	char path[512], err[512];
	int ret;

	snprintf(path, sizeof(path), "%s/%s", in->dir, KQUORUM_CONFIG_FILE);
	ret = kquorum_config_read(path, &old, err, sizeof(err));
	if (ret == -ENOENT && !directory_has_segments(in->dir))
		return 0;
	if (!in->force) {
		cli_error(ret == -ENOENT ?
			  "%s has segment files but no %s (an init that was cut short?)\n  --force makes it anew"
			  : "%s already has a node (%s): kquorum start runs it\n"
			  "  --force makes it a node of a new cluster, with a new id, and forgets its log",
			  in->dir, ret == -ENOENT ? KQUORUM_CONFIG_FILE : ret ? err : old.node_name);
		return KQUORUM_EXIT_ERROR;
	}
	if (ret && in->given_id && directory_has_segments(in->dir)) {
		cli_error("%s has a log, but not what cluster it is of (%s)\n"
			  "  If it was of this cluster id, bring its %s back and run kquorum start: a node that\n"
			  "  comes back empty under its name forgets what it acknowledged and voted. If this id is\n"
			  "  new on all nodes, move the segment files out of the way.",
			  in->dir, err, KQUORUM_CONFIG_FILE);
		return KQUORUM_EXIT_ERROR;
	}
	if (!ret && old.cluster_id == in->c.cluster_id) {
		cli_error("%s is a node of this very cluster id: kquorum start runs it\n"
			  "  It must not come back empty, for it would forget what it acknowledged and voted, and\n"
			  "  its old log would be taken for the new one's. To make the whole cluster anew: --force\n"
			  "  with a new --cluster-id, on all nodes.", in->dir);
		return KQUORUM_EXIT_ERROR;
	}
	return ret ? 0 : refuse_running(in, old.cluster_id);
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
	return check_reuse(in);
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

/* The line that makes member @m, with all that differs from the defaults. */
static void format_line(const struct init *in, const struct kquorum_config_member *m, char *buf,
			size_t size)
{
	const struct kquorum_config *c = &in->c;
	char address[KQUORUM_ADDRESS_MAX + 1];
	size_t at;
	unsigned int i;

#define ADD(...) do { if (at < size) at += snprintf(buf + at, size - at, __VA_ARGS__); } while (0)
	kquorum_address_format(&m->address, address, sizeof(address));
	at = snprintf(buf, size, "kquorum init --name %s --cluster-id %016" PRIx64
		      " --node %s --listen %s", c->name, c->cluster_id, m->name, address);
	for (i = 0; i < c->n_members; i++) {
		if (c->members[i].id == m->id)
			continue;
		kquorum_address_format(&c->members[i].address, address, sizeof(address));
		ADD(" --peer %s=%s", c->members[i].name, address);
	}
	if (in->given_dir)
		ADD(" --dir '%s'", in->dir);
	if (c->segment_bytes != KQUORUM_DEFAULT_SEGMENT_BYTES)
		ADD(" --segment-size %u%s", c->segment_bytes >> (c->segment_bytes % (1 << 20) ? 10 : 20),
		    c->segment_bytes % (1 << 20) ? "K" : "M");
	if (c->segments != KQUORUM_DEFAULT_SEGMENTS)
		ADD(" --segments %u", c->segments);
	if (in->scale != 1)
		ADD(" --rtt-scale %g", in->scale);
	if (c->lease_ms != KQUORUM_DEFAULT_LEASE_MS)
		ADD(" --lease %u%s", c->lease_ms % 1000 ? c->lease_ms : c->lease_ms / 1000,
		    c->lease_ms % 1000 ? "ms" : "s");
	if (c->delta_ms != KQUORUM_DEFAULT_DELTA_MS)
		ADD(" --delta %ums", c->delta_ms);
	if (c->drift_ppm != KQUORUM_DEFAULT_DRIFT_PPM)
		ADD(" --drift %u", c->drift_ppm);
	if (in->force)
		ADD(" --force");
#undef ADD
}

static void report_json(const struct init *in)
{
	cJSON *o = cJSON_CreateObject(), *others = cJSON_AddObjectToObject(o, "init_on_others");
	char line[4096];
	unsigned int i;

	cJSON_AddStringToObject(o, "name", in->c.name);
	json_hex(o, "cluster_id", in->c.cluster_id);
	cJSON_AddStringToObject(o, "node", in->c.node_name);
	json_u64(o, "node_id", in->c.node_id);
	cJSON_AddStringToObject(o, "dir", in->dir);
	json_u64(o, "log_bytes", (uint64_t)in->c.segment_bytes * in->c.segments);
	for (i = 0; i < in->c.n_members; i++) {
		if (in->c.members[i].id == in->c.node_id)
			continue;
		format_line(in, &in->c.members[i], line, sizeof(line));
		cJSON_AddStringToObject(others, in->c.members[i].name, line);
	}
	json_print(o, false);
}

static void report(const struct init *in)
{
	char size[FORMAT_MAX], line[4096];
	unsigned int i;

	printf("%s: node %s, id %u of %u, cluster id %016" PRIx64 "\n%s: %u segments, %s, filled\n",
	       in->c.name, in->c.node_name, in->c.node_id, in->c.n_members, in->c.cluster_id, in->dir,
	       in->c.segments, format_bytes(size, (uint64_t)in->c.segment_bytes * in->c.segments));
	if (in->c.n_members > 1 && !in->given_id) {
		puts("\nRun on the other machines (--listen may be another address of theirs, with --advertise):");
		for (i = 0; i < in->c.n_members; i++) {
			if (in->c.members[i].id == in->c.node_id)
				continue;
			format_line(in, &in->c.members[i], line, sizeof(line));
			printf("  %s\n", line);
		}
	}
	printf("\nThen%s: kquorum start %s%s\n",
	       in->c.n_members > 1 ? ", on each (it begins when all are up)" : "",
	       in->given_dir ? "--dir " : "", in->given_dir ? in->dir : in->c.name);
}

static int run(int argc, char **argv)
{
	struct init in = { .scale = 1 };
	int at, ret;

	kquorum_config_defaults(&in.c);
	at = cli_parse(argc, argv, take, &in);
	if (at < argc)
		cli_usage_error("\"%s\" is one word too many", argv[at]);
	complete(&in);
	while (!in.c.cluster_id)
		if (getrandom(&in.c.cluster_id, sizeof(in.c.cluster_id), 0) < 0)
			in.c.cluster_id = 0;
	/* ulimit -f shall end in an error, not in a signal. */
	signal(SIGXFSZ, SIG_IGN);
	umask(077);
	ret = make_directory(&in);
	if (ret)
		return ret;
	ret = directory_fill_segments(in.dir, &in.c);
	if (!ret)
		ret = write_config(&in);
	if (ret) {
		undo(&in);
		return ret;
	}
	if (cli.json)
		report_json(&in);
	else
		report(&in);
	return KQUORUM_EXIT_DONE;
}

const struct cli_command command_init = {
	.name = "init",
	.synopsis = "--name NAME --node NODE --listen ADDR[:PORT] [--peer NODE=ADDR[:PORT]]...",
	.summary = "make this machine a node of a cluster",
	.details = "Makes the node's directory, fills its log and prints what to run on the other machines.\n"
		   "Node ids follow from the order of the names (n2 before n10), so they agree everywhere.\n"
		   "  kquorum init --name demo --node n1 --listen 10.0.0.1 --peer n2=10.0.0.2 --peer n3=10.0.0.3\n",
	.options = options,
	.json = true,
	.run = run,
};
