// SPDX-License-Identifier: GPL-2.0
/*
 * kquorum snapshot save: the state of the node that runs, into a file. What the module gives is
 * checked while it is written; the file gets its name when all of it is on the disk. When the
 * snapshot in use is of this very state the module gives none: then its file is copied, checked
 * likewise.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../lib/snapshots.h"
#include "snapshot.h"

#define PIECE	(256 * 1024)

enum { OPT_FORCE = 256 };

static const struct cli_option options[] = {
	{ OPT_FORCE, "force", NULL, "replace FILE if there is one" },
	{ 'w', "wait", "TIME", "while another one is saved, or the log is read (default 60s)" },
	{ 'd', "dir", "DIR", "the node's directory, unless it is below " KQUORUM_STATE_DIR },
	{ 0 },
};

struct save {
	const char *file;	/* NULL: the standard output */
	const char *dir;	/* --dir */
	bool force;
	uint64_t until_ns;
	struct kquorum *k;
	struct kquorum_status st;
	struct snapshot_reader r;
	int from;		/* the module's descriptor, or the file of the one in use */
	bool copies;		/* the latter, called @source */
	char source[640];
	int to;
	char temporary[PATH_MAX];	/* "": there is none to be removed */
	uint64_t begun_ns, shown_ns;
	bool shown;
	char why[1024];		/* with -EAGAIN: what is waited for */
};

/* A signal ends it, and nothing may stay behind. */
static volatile sig_atomic_t caught;

static void on_signal(int number)
{
	caught = number;
}

static void catch_signals(void)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction action = { .sa_handler = on_signal };
	size_t i;

	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		sigaction(numbers[i], &action, NULL);
	/* A file that may not grow any more is an error like any other. */
	signal(SIGXFSZ, SIG_IGN);
}

/* --- where to ------------------------------------------------------------------------------- */

/* Would a node take the file for one of its own? */
static bool is_of_a_node(const char *file)
{
	const char *slash = strrchr(file, '/'), *name = slash ? slash + 1 : file;
	char config[PATH_MAX];

	if (kquorum_snapshot_kind(name) == KQUORUM_SNAPSHOT_NOT_OURS)
		return false;
	snprintf(config, sizeof(config), "%.*s%s", (int)(name - file), file, KQUORUM_CONFIG_FILE);
	return !access(config, F_OK);
}

/* 0, or an exit code. Asked before anything is done: nobody likes to hear it at the end. */
static int check_file(const struct save *s)
{
	struct stat st;

	if (strlen(s->file) + sizeof(".new") > PATH_MAX) {
		cli_error("%.60s...: that name is too long", s->file);
		return KQUORUM_EXIT_ERROR;
	}
	if (is_of_a_node(s->file)) {
		cli_error("%s: in a node's directory that is what kquorumd calls its own, and removes\n"
			  "  give another name, or another directory", s->file);
		return KQUORUM_EXIT_ERROR;
	}
	if (lstat(s->file, &st)) {
		if (errno == ENOENT)
			return 0;
		cli_error("%s: %s", s->file, strerror(errno));
		return cli_exit_code(-errno);
	}
	if (!S_ISREG(st.st_mode)) {
		cli_error("%s is no regular file; for a pipe or device: kquorum snapshot save - >%s",
			  s->file, s->file);
		return KQUORUM_EXIT_ERROR;
	}
	if (s->force)
		return 0;
	cli_error("%s is there already: give another name, or --force to replace it", s->file);
	return KQUORUM_EXIT_ERROR;
}

static int write_error(const struct save *s)
{
	const char *name = s->file ? s->temporary : "the standard output";
	char done[FORMAT_MAX];
	int error = errno;

	format_bytes(done, s->r.raw.ref.bytes);
	if (error == ENOSPC || error == EDQUOT || error == EFBIG)
		cli_error("%s: %s after %s: make room, or save it elsewhere", name, strerror(error),
			  done);
	else
		cli_error("%s: %s", name, strerror(error));
	return cli_exit_code(-error);
}

/*
 * One that was broken off is overwritten, one that is being written is not: whoever has the lock
 * on the file that has the name writes it.
 */
static int open_temporary(struct save *s)
{
	char path[PATH_MAX];
	struct stat here, there;
	int fd;

	snprintf(path, sizeof(path), "%s.new", s->file);
	for (;;) {
		fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
		if (fd < 0) {
			cli_error("%s: %s", path, strerror(errno));
			return -cli_exit_code(-errno);
		}
		if (flock(fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK) {
			cli_error("%s is being written by another kquorum snapshot save", path);
			close(fd);
			return -KQUORUM_EXIT_BLOCKED;
		}
		if (fstat(fd, &here)) {
			cli_error("%s: %s", path, strerror(errno));
			close(fd);
			return -KQUORUM_EXIT_ERROR;
		}
		if (!lstat(path, &there) && here.st_ino == there.st_ino &&
		    here.st_dev == there.st_dev)
			break;
		close(fd);
	}
	if (!S_ISREG(here.st_mode) || here.st_nlink != 1) {
		cli_error("%s is not a regular file with one name: remove it", path);
		close(fd);
		return -KQUORUM_EXIT_ERROR;
	}
	snprintf(s->temporary, sizeof(s->temporary), "%s", path);
	fchmod(fd, 0600);
	return fd;
}

static void drop_temporary(struct save *s)
{
	if (s->temporary[0])
		unlink(s->temporary);
	s->temporary[0] = '\0';
	if (s->file && s->to >= 0)
		close(s->to);
	s->to = -1;
}

static int sync_directory_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	char dir[PATH_MAX];
	int fd, ret;

	snprintf(dir, sizeof(dir), "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
	fd = open(dir[0] ? dir : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ret = fd < 0 ? -1 : fsync(fd);
	if (fd >= 0)
		close(fd);
	return ret;
}

/* Under its name, unless somebody else has taken that meanwhile. */
static int give_name(const struct save *s)
{
	struct stat st;

	if (s->force)
		return rename(s->temporary, s->file);
	if (!renameat2(AT_FDCWD, s->temporary, AT_FDCWD, s->file, RENAME_NOREPLACE))
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	/* A file system that cannot look and rename in one step. */
	if (!lstat(s->file, &st)) {
		errno = EEXIST;
		return -1;
	}
	return rename(s->temporary, s->file);
}

/* ORDER: the bytes, the name, the directory: a file with this name is whole, after a crash too. */
static int place(struct save *s)
{
	if (fsync(s->to))
		return write_error(s);
	if (give_name(s)) {
		cli_error("%s: %s", s->file, strerror(errno));
		return cli_exit_code(-errno);
	}
	s->temporary[0] = '\0';
	if (sync_directory_of(s->file)) {
		cli_error("%s is whole, but its directory could not be synced: %s", s->file,
			  strerror(errno));
		return KQUORUM_EXIT_ERROR;
	}
	if (close(s->to)) {
		cli_error("%s: %s", s->file, strerror(errno));
		return KQUORUM_EXIT_ERROR;
	}
	s->to = -1;
	return KQUORUM_EXIT_DONE;
}

/* --- from where ----------------------------------------------------------------------------- */

/* The module has nothing to add to the one in use. 0, -EAGAIN, or an exit code. */
static int open_used(struct save *s)
{
	const struct kquorum_snapshot_status *used = &s->st.snapshot;
	char dir[512], name[KQUORUM_SNAPSHOT_NAME_MAX], why[512];
	int ret = kquorum_status(s->k, &s->st);

	if (ret) {
		cli_error("%s", kquorum_error(s->k));
		return cli_exit_code(ret);
	}
	if (!used->index) {
		cli_error("there is no state yet: this node has applied nothing (kquorum status)");
		return KQUORUM_EXIT_NO_QUORUM;
	}
	kquorum_snapshot_name(name, used->index, used->term);
	ret = snapshot_directory(&s->st, s->dir, dir, sizeof(dir), why, sizeof(why));
	if (ret) {
		cli_error("the snapshot in use is of this very state; in the node's directory it is\n"
			  "  %s\n  copy that one; or give --dir: %s", name, why);
		return KQUORUM_EXIT_ERROR;
	}
	snprintf(s->source, sizeof(s->source), "%s/%s", dir, name);
	s->from = open(s->source, O_RDONLY | O_CLOEXEC);
	s->copies = true;
	if (s->from >= 0)
		return 0;
	/* Another one may be in use by now; or it is gone, and kquorumd saves another. */
	snprintf(s->why, sizeof(s->why),
		 "the snapshot in use is of this very state, and its file cannot be read:\n"
		 "  %s: %s\n  after the next entry in the log (kquorum append) the state can be saved again",
		 s->source, strerror(errno));
	return -EAGAIN;
}

static int open_source(struct save *s)
{
	int fd = kquorum_snapshot_save(s->k);

	s->copies = false;
	if (fd >= 0) {
		s->from = fd;
		return 0;
	}
	if (fd == -EALREADY)
		return open_used(s);
	snprintf(s->why, sizeof(s->why), "%s", kquorum_error(s->k));
	if (fd == -EBUSY)
		return -EAGAIN;
	cli_error("%s", s->why);
	return cli_exit_code(fd);
}

/* Reading failed. -EAGAIN: it may be begun anew. */
static int read_error(struct save *s)
{
	int error = -errno;

	if (s->copies) {
		cli_error("%s: %s", s->source, strerror(-error));
		return cli_exit_code(error);
	}
	switch (error) {
	case -ESTALE:
		snprintf(s->why, sizeof(s->why),
			 "the node was behind, and has taken another state in meanwhile: try again");
		break;
	case -ENOMEM:
		snprintf(s->why, sizeof(s->why),
			 "the module has no memory to keep what changes meanwhile: try again");
		break;
	case -EIO:
		cli_error("the node has failed or was stopped meanwhile: kquorum status");
		return KQUORUM_EXIT_ERROR;
	default:
		cli_error("reading from the module: %s", strerror(-error));
		return cli_exit_code(error);
	}
	/* What a pipe has got it keeps. */
	if (s->file || !s->r.raw.ref.bytes)
		return -EAGAIN;
	cli_error("%s", s->why);
	return KQUORUM_EXIT_BLOCKED;
}

/* --- copying -------------------------------------------------------------------------------- */

static void show_progress(struct save *s)
{
	uint64_t all = le64_to_cpu(s->r.raw.head.claims), now = now_ns();
	char bytes[FORMAT_MAX];

	if (!cli_progress_wanted() || now - s->begun_ns < NS_PER_SEC / 2 ||
	    now - s->shown_ns < NS_PER_SEC / 10)
		return;
	s->shown_ns = now;
	s->shown = true;
	fprintf(stderr, "\rsaving: %s, %.0f%% of %" PRIu64 " claims  ",
		format_bytes(bytes, s->r.raw.ref.bytes),
		all ? 100.0 * s->r.claims / all : 100.0, all);
}

static void end_progress(struct save *s)
{
	if (s->shown)
		fputs("\r\033[K", stderr);
	s->shown = false;
}

static int write_all(const struct save *s, const char *from, size_t len)
{
	while (len) {
		ssize_t wrote = write(s->to, from, len);

		if (wrote < 0 && errno == EINTR && !caught)
			continue;
		if (wrote < 0)
			return -1;
		from += wrote;
		len -= wrote;
	}
	return 0;
}

static const char *source_name(const struct save *s)
{
	return s->copies ? s->source : "what the module gives";
}

/* It is the whole of what it says it is. */
static int check_end(struct save *s)
{
	const struct kquorum_snapshot_status *used = &s->st.snapshot;
	const struct kq_snap_ref want = { used->index, used->term, used->bytes, used->crc };

	if (snapshot_reader_end(&s->r)) {
		cli_error("%s: %s", source_name(s), s->r.why);
		return KQUORUM_EXIT_ERROR;
	}
	if (!s->copies || kq_snap_same(&want, &s->r.raw.ref))
		return 0;
	cli_error("%s is not the snapshot that is in use", s->source);
	return KQUORUM_EXIT_ERROR;
}

/* 0, -EAGAIN, or an exit code. */
static int copy(struct save *s)
{
	static char piece[PIECE];
	ssize_t got;

	snapshot_reader_init(&s->r, s->st.cluster_id, NULL, NULL);
	s->begun_ns = now_ns();
	while (!caught) {
		got = read(s->from, piece, sizeof(piece));
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return read_error(s);
		if (!got)
			return check_end(s);
		if (snapshot_reader_feed(&s->r, piece, got)) {
			cli_error("%s: %s", source_name(s), s->r.why);
			return KQUORUM_EXIT_ERROR;
		}
		if (write_all(s, piece, got))
			return caught ? KQUORUM_EXIT_ERROR : write_error(s);
		show_progress(s);
	}
	return KQUORUM_EXIT_ERROR;
}

static int attempt(struct save *s)
{
	int ret = open_source(s);

	if (ret)
		return ret;
	if (s->file && s->to < 0)
		s->to = open_temporary(s);
	if (s->to < 0)
		ret = -s->to;
	else if (s->file && (ftruncate(s->to, 0) || lseek(s->to, 0, SEEK_SET)))
		ret = write_error(s);
	else
		ret = copy(s);
	end_progress(s);
	close(s->from);
	return ret;
}

/* Until it is saved, or the time is over: 0 or an exit code. */
static int save(struct save *s)
{
	bool told = false;
	int ret;

	while (!caught) {
		ret = attempt(s);
		if (ret != -EAGAIN)
			return ret;
		if (now_ns() >= s->until_ns) {
			cli_error("%s", s->why);
			return KQUORUM_EXIT_BLOCKED;
		}
		if (!told && cli_progress_wanted())
			cli_note("waiting: %s", s->why);
		told = true;
		sleep_ms(poll_ms(s->until_ns, 200));
	}
	return KQUORUM_EXIT_ERROR;
}

/* --- the command ---------------------------------------------------------------------------- */

static void report(const struct save *s)
{
	char what[160], counts[160], age[FORMAT_MAX];
	bool known = s->st.silence_ns != KQUORUM_NEVER;
	cJSON *o;

	if (cli.json) {
		o = cJSON_CreateObject();
		cJSON_AddStringToObject(o, "file", s->file);
		snapshot_json(o, &s->r);
		cJSON_AddBoolToObject(o, "copy_of_used", s->copies);
		cJSON_AddBoolToObject(o, "quorum", s->st.quorum);
		json_print(o, false);
		return;
	}
	/* The standard output may be the snapshot itself. */
	fprintf(s->file ? stdout : stderr, "%s%ssaved: %s\n  %s%s\n", s->file ? s->file : "",
		s->file ? ": " : "", snapshot_describe(&s->r, what, sizeof(what)),
		snapshot_count(&s->r, counts, sizeof(counts)),
		s->copies ? "; a copy of the one in use, which is of this very state" : "");
	if (!s->st.quorum)
		cli_note("no quorum: the state is that of when the leader was last heard%s%s%s",
			 known ? ", " : "", known ? format_duration(age, s->st.silence_ns) : "",
			 known ? " ago" : "");
}

static void take(int key, const char *arg, void *user)
{
	struct save *s = user;

	switch (key) {
	case OPT_FORCE:
		s->force = true;
		break;
	case 'w':
		s->until_ns = cli_duration("--wait", arg);
		break;
	case 'd':
		s->dir = arg;
		break;
	}
}

static int run_with_module(struct save *s)
{
	int ret = kquorum_status(s->k, &s->st);

	if (ret) {
		cli_error("%s", kquorum_error(s->k));
		return cli_exit_code(ret);
	}
	catch_signals();
	ret = save(s);
	if (!ret && s->file && !caught)
		ret = place(s);
	drop_temporary(s);
	if (!ret && !caught)
		report(s);
	return ret;
}

static int run(int argc, char **argv)
{
	static struct save s = { .until_ns = 60 * NS_PER_SEC, .to = -1 };
	int at = cli_parse(argc, argv, take, &s), ret;

	if (argc - at != 1)
		cli_usage_error(at == argc ? "into which file?" : "\"%s\" is one word too many",
				argv[argc - 1]);
	if (strcmp(argv[at], "-")) {
		s.file = argv[at];
	} else {
		s.to = STDOUT_FILENO;
		if (cli.json)
			cli_usage_error("--json goes with a file: the standard output is the snapshot");
		if (isatty(STDOUT_FILENO))
			cli_usage_error("a snapshot is nothing for a terminal: say where it is to go");
	}
	ret = s.file ? check_file(&s) : 0;
	if (!ret)
		ret = cli_open(&s.k);
	if (ret)
		return ret;
	s.until_ns += now_ns();
	ret = run_with_module(&s);
	kquorum_close(s.k);
	if (caught) {
		signal(caught, SIG_DFL);
		raise(caught);
	}
	return ret;
}

const struct cli_command command_snapshot_save = {
	.name = "snapshot save",
	.synopsis = "[--force] [--wait TIME] [--dir DIR] FILE",
	.summary = "save the state of this machine's node into a file",
	.details = "While it is written the file is called FILE.new; FILE is whole whenever it is there. \"-\" is\n"
		   "the standard output. Commands go on meanwhile: it is the state of the moment in which it began.\n"
		   "When the node's own snapshot is of this very state, it is copied.\n",
	.options = options,
	.json = true,
	.run = run,
};
