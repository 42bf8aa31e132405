// SPDX-License-Identifier: GPL-2.0
/* kquorum snapshot: the table of its verbs; without one, which snapshot the node has. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "../lib/snapshots.h"
#include "snapshot.h"

static const struct cli_command *const verbs[] = {
	&command_snapshot_save,
	&command_snapshot_verify,
	&command_snapshot_show,
	&command_snapshot_restore,
};

#define N_VERBS (sizeof(verbs) / sizeof(verbs[0]))

/* --- list ----------------------------------------------------------------------------------- */

static const struct cli_option options[] = {
	{ 'd', "dir", "DIR", "the node's directory, unless it is below " KQUORUM_STATE_DIR },
	{ 0 },
};

/* The file of the one in use, as far as it can be seen from here. */
struct file {
	bool looked, found;
	char path[640];
	char why[512];		/* it was not looked for */
	uint64_t age_ns;
	uint64_t bytes;
};

static uint64_t age_of(const struct stat *st)
{
	struct timespec now;
	int64_t ns;

	clock_gettime(CLOCK_REALTIME, &now);
	ns = (now.tv_sec - st->st_mtim.tv_sec) * (int64_t)NS_PER_SEC + now.tv_nsec -
		st->st_mtim.tv_nsec;
	return ns > 0 ? ns : 0;
}

static void look_for_file(const struct kquorum_status *st, const char *given, struct file *f)
{
	char dir[512], name[KQUORUM_SNAPSHOT_NAME_MAX];
	struct stat file;

	memset(f, 0, sizeof(*f));
	f->age_ns = KQUORUM_NEVER;
	if (snapshot_directory(st, given, dir, sizeof(dir), f->why, sizeof(f->why)))
		return;
	kquorum_snapshot_name(name, st->snapshot.index, st->snapshot.term);
	snprintf(f->path, sizeof(f->path), "%s/%s", dir, name);
	f->found = !stat(f->path, &file);
	f->looked = f->found || errno == ENOENT;
	f->bytes = f->found ? file.st_size : 0;
	if (f->found)
		f->age_ns = age_of(&file);
	else if (!f->looked)
		snprintf(f->why, sizeof(f->why), "%.400s: %s", f->path, strerror(errno));
}

static void list_json(const struct kquorum_status *st, const struct file *f)
{
	cJSON *o = cJSON_CreateObject(), *s;

	json_u64(o, "first_index", st->first_index);
	json_u64(o, "last_index", st->last_index);
	json_u64(o, "applied_index", st->applied_index);
	s = status_snapshot_json(o, st);
	if (s && f->looked)
		cJSON_AddStringToObject(s, "file", f->path);
	else if (s)
		cJSON_AddNullToObject(s, "file");
	if (s && f->looked)
		cJSON_AddBoolToObject(s, "file_missing", !f->found);
	else if (s)
		cJSON_AddNullToObject(s, "file_missing");
	if (s)
		json_time(s, "age_ms", f->age_ns);
	if (s && f->found)
		json_u64(s, "file_bytes", f->bytes);
	else if (s)
		cJSON_AddNullToObject(s, "file_bytes");
	json_print(o, false);
}

static void list_text(const struct kquorum_status *st, const struct file *f)
{
	const struct kquorum_snapshot_status *s = &st->snapshot;
	char line[256], bytes[FORMAT_MAX], age[FORMAT_MAX];

	if (!s->index) {
		printf("no snapshot yet: the log has everything, from index %" PRIu64 " to %" PRIu64
		       "\n", st->first_index, st->last_index);
		return;
	}
	printf("in use: index %" PRIu64 ", term %" PRIu64 ", %s, CRC32C %08" PRIx32, s->index,
	       s->term, format_bytes(bytes, s->bytes), s->crc);
	if (f->found)
		printf(", saved %s ago", format_duration(age, f->age_ns));
	putchar('\n');
	if (f->found && f->bytes == s->bytes)
		printf("  %s\n", f->path);
	else if (f->found)
		printf("  its file %s: %s\n  kquorumd saves another one as soon as it notices\n",
		       f->bytes ? "was cut off, or is another one" : "is empty", f->path);
	else if (f->looked)
		printf("  its file is gone: %s\n  kquorumd saves another one as soon as it notices\n",
		       f->path);
	else
		printf("  its file was not looked at: %s\n", f->why);
	status_log_range(st, line, sizeof(line));
	printf("%s\n", line);
}

static void take(int key, const char *arg, void *user)
{
	if (key == 'd')
		*(const char **)user = arg;
}

static int list(int argc, char **argv)
{
	const char *dir = NULL;
	int at = cli_parse(argc, argv, take, &dir), ret;
	struct kquorum_status st;
	struct kquorum *k;
	struct file f;

	if (at < argc)
		cli_usage_error("\"%s\": what is to be done comes first, options behind it",
				argv[at]);
	ret = cli_open(&k);
	if (ret)
		return ret;
	ret = kquorum_status(k, &st);
	if (ret) {
		cli_error("%s", kquorum_error(k));
		ret = cli_exit_code(ret);
	} else {
		look_for_file(&st, dir, &f);
		if (cli.json)
			list_json(&st, &f);
		else
			list_text(&st, &f);
	}
	kquorum_close(k);
	return ret;
}

/* --- verbs ---------------------------------------------------------------------------------- */

static int run(int argc, char **argv)
{
	int at = cli_verb_at(argc, argv);

	if (at == argc || *argv[at] == '-')
		return list(argc, argv);
	return cli_run_verb(verbs, N_VERBS, argc, argv);
}

const struct cli_command command_snapshot = {
	.name = "snapshot",
	.synopsis = "[save FILE | verify FILE... | show FILE | restore FILE] [OPTION]...",
	.summary = "save, check, show and restore snapshots of the state",
	.details = "A snapshot is all that holds at one index of the log: who belongs to the cluster, sessions,\n"
		   "locks and who waits for them; not what was appended. Each node saves one into its directory\n"
		   "now and then, and its log begins behind that; without an operand it is told which that is.\n"
		   "  save     save one into a file of your own, as a backup\n"
		   "  verify   is a file whole and undamaged?\n"
		   "  show     what is in a file\n"
		   "  restore  make a new cluster from a file\n"
		   "Each has its --help.\n",
	.options = options,
	.json = true,
	.run = run,
};
