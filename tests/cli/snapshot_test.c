// SPDX-License-Identifier: GPL-2.0
/*
 * kquorum snapshot against a module of our own: what it gives is a file made by the core, and
 * read() fails where a test says so.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "child.h"
#include "files.h"
#include "images.h"
#include "test.h"
#include "../../userspace/lib/snapshots.h"

struct cli cli;
/* Has a test of its own. */
const struct cli_command command_snapshot_restore = { .name = "snapshot restore" };

/* --- the module ----------------------------------------------------------------------------- */

static struct kquorum_status status;
static bool node_runs;
static struct bytes image;
static int save_error;		/* 0: it gives one */
static unsigned int save_errors;	/* so often, then it does */
static int source = -1;		/* the descriptor that was given */
static unsigned int reads;	/* of it */
static unsigned int fail_read;	/* that one fails, 0: none */
static int read_error;		/* with this; 0: a signal comes instead */
static const char *appears;	/* somebody makes a file of this name meanwhile */
static const char *vanishes;	/* before it is locked, and another one is there */
static bool tell_calls;		/* what makes a file last is told, in its order */

int kquorum_status(struct kquorum *k, struct kquorum_status *st)
{
	(void)k;
	*st = status;
	return node_runs ? 0 : -ENODEV;
}

int kquorum_snapshot_save(struct kquorum *k)
{
	char path[] = "/tmp/kquorum-image.XXXXXX";
	int fd;

	(void)k;
	if (save_error && save_errors && save_errors--)
		return save_error;
	fd = mkstemp(path);
	if (fd < 0 || unlink(path) || write(fd, image.data, image.len) != (ssize_t)image.len ||
	    lseek(fd, 0, SEEK_SET))
		return -errno;
	source = fd;
	return fd;
}

ssize_t __real_read(int fd, void *buf, size_t size);
ssize_t __wrap_read(int fd, void *buf, size_t size);

ssize_t __wrap_read(int fd, void *buf, size_t size)
{
	if (fd != source)
		return __real_read(fd, buf, size);
	if (appears)
		close(open(appears, O_WRONLY | O_CREAT | O_EXCL, 0600));
	if (++reads == fail_read && !read_error) {
		raise(SIGTERM);
	} else if (reads == fail_read) {
		errno = read_error;
		return -1;
	}
	/* So that it takes more than one. */
	return __real_read(fd, buf, size < 1000 ? size : 1000);
}

int __real_flock(int fd, int how);
int __wrap_flock(int fd, int how);

int __wrap_flock(int fd, int how)
{
	if (vanishes && !unlink(vanishes))
		close(open(vanishes, O_WRONLY | O_CREAT | O_EXCL, 0600));
	vanishes = NULL;
	return __real_flock(fd, how);
}

int __real_fsync(int fd);
int __wrap_fsync(int fd);

int __wrap_fsync(int fd)
{
	struct stat st;

	if (tell_calls && !fstat(fd, &st))
		dprintf(1, "[sync %s]", S_ISDIR(st.st_mode) ? "directory" : "file");
	return __real_fsync(fd);
}

int __real_renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned int flags);
int __wrap_renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned int flags);

int __wrap_renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned int flags)
{
	if (tell_calls)
		dprintf(1, "[rename]");
	return __real_renameat2(from_dir, from, to_dir, to, flags);
}

/* --- files ---------------------------------------------------------------------------------- */

static char path[128], other[128], used[256];

static void assert_holds(const char *file, const void *data, size_t len)
{
	char *have = malloc(len + 1);
	FILE *f = fopen(file, "r");

	assert_non_null(f);
	assert_int_equal(fread(have, 1, len + 1, f), len);
	assert_memory_equal(have, data, len);
	fclose(f);
	free(have);
}

/* The directory of the node, with the snapshot in use. */
static void put_directory(uint64_t cluster_id)
{
	char name[KQUORUM_SNAPSHOT_NAME_MAX];

	put_config(tmp, "demo", cluster_id, "n1");
	kquorum_snapshot_name(name, image.ref.index, image.ref.term);
	snprintf(used, sizeof(used), "%s/%s", tmp, name);
	put_file(used, image.data, image.len);
}

static void use_snapshot(void)
{
	status.snapshot = (struct kquorum_snapshot_status){
		image.ref.index, image.ref.term, image.ref.bytes, image.ref.crc,
	};
	status.first_index = 3;
	status.last_index = image.ref.index + 40;
}

static int setup(void **state)
{
	(void)state;
	tmp_make();
	snprintf(path, sizeof(path), "%s/a.kqs", tmp);
	snprintf(other, sizeof(other), "%s/a.kqs.new", tmp);
	image = image_of_all(60);
	save_error = save_errors = fail_read = reads = read_error = 0;
	appears = vanishes = NULL;
	tell_calls = false;
	source = -1;
	node_runs = true;
	status = (struct kquorum_status){
		.name = "demo", .cluster_id = IMAGE_CLUSTER, .node_id = 1,
		.state = KQUORUM_NODE_RUNNING, .quorum = true, .first_index = 1, .last_index = 90,
		.applied_index = 90, .silence_ns = 12 * NS_PER_SEC,
	};
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(image.data);
	return tmp_remove();
}

__attribute__((format(printf, 1, 2)))
static int snapshot(const char *format, ...)
{
	char words[400] = "snapshot ";
	size_t n = strlen(words);
	va_list ap;

	va_start(ap, format);
	vsnprintf(words + n, sizeof(words) - n, format, ap);
	va_end(ap);
	return run(&command_snapshot, words);
}

/* Neither the file nor what was to become of it. */
static void assert_nothing_left(void)
{
	assert_false(is_there(path));
	assert_false(is_there(other));
}

/* --- save ----------------------------------------------------------------------------------- */

static void what_is_saved_is_what_the_module_gave(void **state)
{
	struct stat st;
	char want[200];

	(void)state;
	assert_int_equal(snapshot("save %s", path), 0);
	snprintf(want, sizeof(want), "%s: saved: index %llu, term 5, ", path,
		 (unsigned long long)image.ref.index);
	assert_contains(out, want);
	snprintf(want, sizeof(want), "(%zu bytes), CRC32C %08x\n", image.len, image.ref.crc);
	assert_contains(out, want);
	assert_contains(out, "\n  3 sessions, 64 claims: 62 hold, 2 wait\n");
	assert_null(strstr(out, "no quorum"));
	assert_holds(path, image.data, image.len);
	assert_false(is_there(other));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_fits();
}

static void saving_says_it_in_json(void **state)
{
	char want[200];

	(void)state;
	assert_int_equal(snapshot("save -j %s", path), 0);
	snprintf(want, sizeof(want), "\"file\":\t\"%s\",\n\t\"cluster_id\":\t\"000000000000004d\"", path);
	assert_contains(out, want);
	snprintf(want, sizeof(want), "\"crc32c\":\t\"%08x\",", image.ref.crc);
	assert_contains(out, want);
	assert_contains(out, "\"sessions\":\t3,\n\t\"claims\":\t64,\n\t\"held\":\t62,\n\t\"waiting\":\t2,\n");
	assert_contains(out, "\"copy_of_used\":\tfalse,\n\t\"quorum\":\ttrue\n");
	/* The option may stand before the verb, as elsewhere. */
	assert_int_equal(snapshot("-j save --force %s", path), 0);
	assert_int_equal(out[0], '{');
}

static void a_node_alone_says_how_old_its_state_is(void **state)
{
	(void)state;
	status.quorum = false;
	assert_int_equal(snapshot("save %s", path), 0);
	assert_contains(out, "no quorum: the state is that of when the leader was last heard, 12.0s ago\n");
}

static void nothing_is_replaced_unasked(void **state)
{
	(void)state;
	put_file(path, "mine", 4);
	assert_int_equal(snapshot("save %s", path), 1);
	assert_contains(out, "is there already: give another name, or --force to replace it");
	assert_holds(path, "mine", 4);
	assert_int_equal(source, -1);
	assert_int_equal(snapshot("save --force %s", path), 0);
	assert_holds(path, image.data, image.len);
	assert_false(is_there(other));
}

/* There the daemon would hand it to the module, or remove it. */
static void no_name_of_a_nodes_own_is_taken(void **state)
{
	static const char name[] = "snapshot-00000000000000000812-3.kqs";
	char dir[] = "/tmp/kquorum-test-XXXXXX", config[128], file[128];

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(config, sizeof(config), "%s/kquorum.conf", dir);
	snprintf(file, sizeof(file), "%s/%s", dir, name);
	put_file(config, "mine", 4);
	assert_int_equal(snapshot("save %s", file), 1);
	assert_contains(out, "in a node's directory that is what kquorumd calls its own");
	assert_int_equal(snapshot("save --force %s", file), 1);
	assert_false(is_there(file));
	unlink(config);
	assert_int_equal(snapshot("save %s", file), 0);
	unlink(file);
	rmdir(dir);
}

/* Also when it came while this one was written. */
static void nothing_that_appears_meanwhile_is_replaced(void **state)
{
	(void)state;
	appears = path;
	assert_int_equal(snapshot("save %s", path), 1);
	assert_contains(out, ": File exists\n");
	assert_holds(path, "", 0);
	assert_false(is_there(other));
}

static void a_file_has_its_name_when_it_is_on_the_disk(void **state)
{
	(void)state;
	tell_calls = true;
	assert_int_equal(snapshot("save %s", path), 0);
	assert_contains(out, "[sync file][rename][sync directory]");
}

/* Even when it is asked for: what would a name be for that is none of a file? */
static void only_files_are_replaced(void **state)
{
	(void)state;
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(snapshot("save --force %s", path), 1);
	assert_contains(out, "is no regular file");
	rmdir(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(snapshot("save --force %s", path), 1);
	unlink(path);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_int_equal(snapshot("save --force %s", path), 1);
	assert_int_equal(symlink("/etc/passwd", other), 0);
	unlink(path);
	assert_int_equal(snapshot("save %s", path), 1);
	assert_contains(out, "symbolic link");
	assert_true(is_there(other));
}

static int run_silenced(int argc, char **argv)
{
	dup2(open("/dev/null", O_WRONLY), 2);
	return command_snapshot.run(argc, argv);
}

static void the_standard_output_can_have_it(void **state)
{
	static const struct cli_command silenced = { .name = "snapshot", .run = run_silenced };

	(void)state;
	free(image.data);
	image = image_of_all(3);
	assert_int_equal(snapshot("save -"), 0);
	assert_memory_equal(out, image.data, image.len);
	/* Behind it is what was said, elsewhere. */
	assert_contains(out + image.len, "saved: index ");
	assert_int_equal(run(&silenced, "snapshot save -"), 0);
	assert_memory_equal(out, image.data, image.len);
	assert_int_equal(out[image.len], '\0');
	assert_int_equal(snapshot("save -j -"), 2);
	assert_int_equal(run_on_terminal(&command_snapshot, "snapshot save -"), 2);
	assert_contains(out, "nothing for a terminal");
}

static void what_is_damaged_gets_no_name(void **state)
{
	(void)state;
	image.data[image.len / 2] ^= 1;
	assert_int_equal(snapshot("save %s", path), 1);
	assert_contains(out, "what the module gives: damaged: ");
	assert_nothing_left();
	image.data[image.len / 2] ^= 1;
	image.len--;
	assert_int_equal(snapshot("save %s", path), 1);
	assert_contains(out, "cut off after");
	assert_nothing_left();
	put_file(path, "mine", 4);
	assert_int_equal(snapshot("save --force %s", path), 1);
	assert_holds(path, "mine", 4);
}

static void one_of_another_state_begins_anew(void **state)
{
	(void)state;
	fail_read = 3;
	read_error = ESTALE;
	assert_int_equal(snapshot("save %s", path), 0);
	assert_holds(path, image.data, image.len);
	unlink(path);
	/* Without time to wait it is only said. */
	assert_int_equal(snapshot("save -w 0 %s", path), 75);
	assert_contains(out, "has taken another state in meanwhile");
	assert_nothing_left();
	/* A pipe has the beginning, and cannot forget it. */
	assert_int_equal(snapshot("save -"), 75);
	read_error = EIO;
	assert_int_equal(snapshot("save %s", path), 1);
	assert_contains(out, "the node has failed or was stopped meanwhile");
	assert_nothing_left();
}

static void another_save_is_waited_for(void **state)
{
	(void)state;
	save_error = -EBUSY;
	save_errors = 2;
	assert_int_equal(snapshot("save %s", path), 0);
	assert_holds(path, image.data, image.len);
	unlink(path);
	assert_int_equal(snapshot("save -w 0 %s", path), 75);
	assert_contains(out, "the library's words");
	assert_nothing_left();
	assert_int_equal(run_on_terminal(&command_snapshot, "snapshot save -w 0.1 /nonexistent/x"), 75);
	assert_contains(out, "waiting: the library's words");
	save_error = -EPERM;
	assert_int_equal(snapshot("save %s", path), 77);
}

static void a_signal_leaves_nothing_behind(void **state)
{
	(void)state;
	fail_read = 3;
	assert_int_equal(snapshot("save %s", path), 1000 + SIGTERM);
	assert_string_equal(out, "");
	assert_nothing_left();
}

static void two_do_not_write_into_one_file(void **state)
{
	int fd = open(other, O_RDWR | O_CREAT, 0644);
	struct stat st;

	(void)state;
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_int_equal(snapshot("save %s", path), 75);
	assert_contains(out, "is being written by another kquorum snapshot save");
	assert_true(is_there(other));
	/* One that was broken off is overwritten, and nothing of it is left. */
	assert_int_equal(pwrite(fd, "rest", 4, image.len + 1000), 4);
	close(fd);
	assert_int_equal(snapshot("save %s", path), 0);
	assert_holds(path, image.data, image.len);
	assert_false(is_there(other));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	/* The other one was done with it just now. */
	vanishes = other;
	assert_int_equal(snapshot("save --force %s", path), 0);
	assert_holds(path, image.data, image.len);
}

static void without_room_nothing_stays(void **state)
{
	struct rlimit old, small;

	(void)state;
	put_directory(IMAGE_CLUSTER);
	use_snapshot();
	/* The module of this test would want to write a file as well. */
	save_error = -EALREADY;
	save_errors = 1;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small = old;
	small.rlim_cur = image.len - 1;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_int_equal(snapshot("save --dir %s %s", tmp, path), 1);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_contains(out, "make room, or save it elsewhere");
	assert_nothing_left();
}

/* --- when the one in use is of this very state ---------------------------------------------- */

static void the_one_in_use_is_copied(void **state)
{
	(void)state;
	put_directory(IMAGE_CLUSTER);
	use_snapshot();
	save_error = -EALREADY;
	save_errors = 99;
	assert_int_equal(snapshot("save --dir %s %s", tmp, path), 0);
	assert_contains(out, "; a copy of the one in use, which is of this very state\n");
	assert_holds(path, image.data, image.len);
	assert_int_equal(snapshot("save --force -j --dir %s %s", tmp, path), 0);
	assert_contains(out, "\"copy_of_used\":\ttrue");
	assert_fits();
}

static void one_in_use_that_is_damaged_is_not_copied(void **state)
{
	(void)state;
	image.data[image.len / 2] ^= 1;
	put_directory(IMAGE_CLUSTER);
	use_snapshot();
	save_error = -EALREADY;
	save_errors = 99;
	assert_int_equal(snapshot("save --dir %s %s", tmp, path), 1);
	assert_contains(out, ".kqs: damaged: ");
	assert_nothing_left();
	/* Whole, and another one. */
	image.data[image.len / 2] ^= 1;
	put_directory(IMAGE_CLUSTER);
	status.snapshot.crc++;
	assert_int_equal(snapshot("save --dir %s %s", tmp, path), 1);
	assert_contains(out, "is not the snapshot that is in use");
	assert_nothing_left();
}

static void one_in_use_that_is_gone_is_waited_for(void **state)
{
	(void)state;
	put_directory(IMAGE_CLUSTER);
	use_snapshot();
	save_error = -EALREADY;
	save_errors = 99;
	unlink(used);
	assert_int_equal(snapshot("save -w 0 --dir %s %s", tmp, path), 75);
	assert_contains(out, "its file cannot be read:\n");
	assert_contains(out, "kquorum append");
	assert_nothing_left();
	save_errors = 2;
	assert_int_equal(snapshot("save --dir %s %s", tmp, path), 0);
	assert_null(strstr(out, "a copy"));
}

static void the_directory_must_be_that_of_the_node(void **state)
{
	(void)state;
	put_directory(IMAGE_CLUSTER + 1);
	use_snapshot();
	save_error = -EALREADY;
	save_errors = 99;
	assert_int_equal(snapshot("save --dir %s %s", tmp, path), 1);
	assert_contains(out, "is of another node than the one that runs here");
	assert_contains(out, used + strlen(tmp) + 1);
	assert_nothing_left();
	status.snapshot.index = 0;
	assert_int_equal(snapshot("save --dir %s %s", tmp, path), 69);
	assert_contains(out, "there is no state yet");
}

/* --- verify --------------------------------------------------------------------------------- */

static void whole_ones_are_verified(void **state)
{
	char want[160];

	(void)state;
	put_file(path, image.data, image.len);
	node_runs = false;	/* nobody asks it */
	assert_int_equal(snapshot("verify %s", path), 0);
	snprintf(want, sizeof(want), "%s: whole\n  index %llu, term 5, ", path,
		 (unsigned long long)image.ref.index);
	assert_contains(out, want);
	assert_contains(out, ", cluster id 000000000000004d\n");
	assert_fits();
	assert_int_equal(snapshot("verify --cluster-id 4d %s", path), 0);
	assert_int_equal(snapshot("verify --cluster-id 4x %s", path), 2);
	assert_int_equal(snapshot("verify --cluster-id 0 %s", path), 2);
	assert_int_equal(snapshot("verify"), 2);
}

static void what_is_wrong_is_told_apart(void **state)
{
	struct kq_snap_head *h = (void *)image.data;

	(void)state;
	put_file(path, image.data, image.len);
	assert_int_equal(snapshot("verify --cluster-id 4e %s", path), 1);
	assert_contains(out, "of another cluster (id 000000000000004d)\n  ");
	put_file(path, image.data, image.len - 1);
	assert_int_equal(snapshot("verify %s", path), 1);
	assert_contains(out, ": its end is missing\n  copy it again");
	image.data[200] ^= 1;
	put_file(path, image.data, image.len);
	image.data[200] ^= 1;
	assert_int_equal(snapshot("verify %s", path), 1);
	assert_contains(out, ": damaged: frame 0, at byte 120, fails its checksum\n  it is of no use");
	put_file(path, "something else, that is long enough", 35);
	assert_int_equal(snapshot("verify %s", path), 1);
	assert_contains(out, ": no snapshot begins here\n  a compressed one has to be unpacked first");
	h->version = cpu_to_le16(9);
	image_seal_head(&image);
	put_file(path, image.data, image.len);
	assert_int_equal(snapshot("verify %s", path), 1);
	assert_contains(out, ": of format version 9, this is read up to 2: use a newer kquorum\n");
	assert_int_equal(snapshot("verify %s/none", tmp), 66);
	assert_contains(out, "/none: No such file or directory\n");
	assert_fits();
}

static void the_first_that_is_not_whole_gives_the_exit_status(void **state)
{
	char bad[140];

	(void)state;
	snprintf(bad, sizeof(bad), "%s.bad", path);
	put_file(path, image.data, image.len);
	put_file(bad, image.data, 300);
	assert_int_equal(snapshot("verify %s %s/none %s", path, tmp, bad), 66);
	assert_contains(out, "whole");
	assert_contains(out, "cut off after 300 bytes");
	assert_int_equal(snapshot("verify %s %s/none", bad, tmp), 1);
	assert_int_equal(snapshot("verify -j %s %s", path, bad), 1);
	assert_contains(out, "\"whole\":\ttrue,\n\t\t\"cluster_id\":");
	assert_contains(out, "\"whole\":\tfalse,\n\t\t\"error\":\t\"cut_off\",\n\t\t\"why\":\t\"cut off after "
			"300 bytes: its end is missing\",\n\t\t\"offset_bytes\":\t300\n");
}

/* --- show ----------------------------------------------------------------------------------- */

static void what_is_in_it_is_shown(void **state)
{
	(void)state;
	free(image.data);
	image = image_of_all(0);
	put_file(path, image.data, image.len);
	node_runs = false;
	assert_int_equal(snapshot("show %s", path), 0);
	assert_contains(out, "a snapshot of cluster id 000000000000004d\nindex ");
	assert_contains(out, "\n3 sessions, 4 claims: 2 hold, 2 wait\n");
	assert_contains(out, "\nconfiguration of index 5, term 5:\n"
			"ID  NODE  ADDRESS        ROLE\n"
			"1   n1    10.0.0.1:7420  voter\n"
			"2   n2    10.0.0.2:7420  voter\n"
			"3   n3    10.0.0.3:7420  voter\n"
			"5   n5    10.0.0.5:7420  learner, to be promoted\n"
			"has left: n4, number 4\n");
	assert_contains(out, "\nNODE  SESSION  STATE\nn1    111      open\n"
			"n2    102      open\nn3    103      silent, 4.0s left\n");
	assert_null(strstr(out, "db"));
	assert_int_equal(snapshot("show --claims %s", path), 0);
	/* Holders before those that wait, and these as they came. */
	assert_contains(out, "\nRESOURCE  NODE  STATE  TOKEN");
	assert_contains(out, "\na\\x09b    n2    holds  ");
	assert_contains(out, "  14   test     11\ndb        n1    holds  ");
	assert_contains(out, "\ndb        n2    waits  -      12   test     9\n"
			"db        n1    waits  -      13   test     10\n");
	assert_fits();
	assert_int_equal(snapshot("show"), 2);
	assert_int_equal(snapshot("show %s %s", path, path), 2);
}

/* Of a resource the holder, whatever the indexes say. */
static void the_holder_is_shown_first(void **state)
{
	struct {
		struct kq_snap_claim c;
		char name;
	} __packed claim = { .c = { .session = cpu_to_le64(5), .node = cpu_to_le32(1) }, .name = 'r' };
	struct kq_snap_session session = {
		.node = cpu_to_le32(1), .id = cpu_to_le64(5), .last_id = cpu_to_le64(5),
	};
	uint8_t records[1024];
	size_t n;

	(void)state;
	n = record_add(records, 0, KQ_SNAP_SESSION, &session, sizeof(session));
	claim.c.index = cpu_to_le64(3);
	n = record_add(records, n, KQ_SNAP_CLAIM, &claim, sizeof(claim));
	claim.c.index = cpu_to_le64(4);
	claim.c.token = cpu_to_le64(4096);
	n = record_add(records, n, KQ_SNAP_CLAIM, &claim, sizeof(claim));
	free(image.data);
	image = image_made(records, n);
	put_file(path, image.data, image.len);
	assert_int_equal(snapshot("show --claims %s", path), 0);
	/* Who is not in a configuration has only a number. */
	assert_contains(out, "\nr         node 1  holds  4096   ");
	assert_contains(strstr(out, "  holds  4096"), "\nr         node 1  waits  -  ");
}

static void what_is_in_it_is_shown_in_json(void **state)
{
	(void)state;
	free(image.data);
	image = image_of_all(0);
	put_file(path, image.data, image.len);
	assert_int_equal(snapshot("show -j %s", path), 0);
	assert_contains(out, "\"version\":\t2,\n\t\"cluster_id\":\t\"000000000000004d\",");
	assert_contains(out, "\"id\":\t5,\n\t\t\t\t\"node\":\t\"n5\",\n\t\t\t\t\"address\":\t\"10.0.0.5:7420\","
			"\n\t\t\t\t\"role\":\t\"learner\",\n\t\t\t\t\"promote\":\ttrue\n");
	assert_contains(strstr(out, "\"left\":"), "\"id\":\t4,\n\t\t\t\t\"node\":\t\"n4\"\n");
	assert_contains(out, "\"node\":\t\"n3\",\n\t\t\t\"id\":\t3,\n\t\t\t\"session\":\t103,\n\t\t\t"
			"\"last_session\":\t103,\n\t\t\t\"silent\":\ttrue,\n\t\t\t\"left_ms\":\t4000.000\n");
	assert_null(strstr(out, "claim_list"));
	assert_int_equal(snapshot("show -j --claims %s", path), 0);
	assert_contains(strstr(out, "claim_list"), "\"resource\":\t\"db\",\n\t\t\t\"node\":\t\"n2\",\n\t\t\t"
			"\"state\":\t\"waits\",\n\t\t\t\"token\":\t0,\n\t\t\t\"pid\":\t12,\n\t\t\t"
			"\"comm\":\t\"test\",\n\t\t\t\"session\":\t102,\n\t\t\t\"owner\":\t12,\n\t\t\t\"index\":\t9\n");
}

/* In whatever order a node wrote what was changed meanwhile. */
static void one_state_has_one_sum(void **state)
{
	struct kq_snap_session first = {
		.node = cpu_to_le32(1), .id = cpu_to_le64(5), .last_id = cpu_to_le64(5),
	};
	struct kq_snap_session second = first;
	uint8_t records[1024];
	char sum[2][40], *at;
	size_t n;
	int i;

	(void)state;
	second.node = cpu_to_le32(2);
	for (i = 0; i < 2; i++) {
		n = record_add(records, 0, KQ_SNAP_SESSION, i ? &second : &first, sizeof(first));
		n = record_add(records, n, KQ_SNAP_SESSION, i ? &first : &second, sizeof(first));
		free(image.data);
		image = image_made(records, n);
		put_file(path, image.data, image.len);
		assert_int_equal(snapshot("show -j %s", path), 0);
		at = strstr(out, "\"state_sum\":\t\"");
		assert_non_null(at);
		snprintf(sum[i], sizeof(sum[i]), "%.31s", at);
	}
	assert_string_equal(sum[0], sum[1]);
	assert_int_equal(snapshot("show %s", path), 0);
	snprintf(sum[1], sizeof(sum[1]), "\nstate sum %.16s, ", strchr(sum[0], '\t') + 2);
	assert_contains(out, sum[1]);
	assert_int_equal(snapshot("verify -j %s", path), 0);
	assert_contains(out, "\"state_sum\":");
	second.last_id = cpu_to_le64(6);
	n = record_add(records, 0, KQ_SNAP_SESSION, &second, sizeof(first));
	n = record_add(records, n, KQ_SNAP_SESSION, &first, sizeof(first));
	free(image.data);
	image = image_made(records, n);
	put_file(path, image.data, image.len);
	assert_int_equal(snapshot("show -j %s", path), 0);
	assert_null(strstr(out, sum[0]));
}

static void nothing_is_shown_of_what_is_not_whole(void **state)
{
	(void)state;
	put_file(path, image.data, image.len - 1);
	assert_int_equal(snapshot("show --claims %s", path), 1);
	assert_contains(out, "its end is missing");
	assert_null(strstr(out, "n1"));
	free(image.data);
	image = image_of_nothing();
	put_file(path, image.data, image.len);
	assert_int_equal(snapshot("show %s", path), 0);
	assert_contains(out, "0 sessions, 0 claims: 0 hold, 0 wait\n\nno configuration");
	assert_int_equal(snapshot("show -j %s", path), 0);
	assert_contains(out, "\"configuration\":\tnull");
}

/* --- without a verb ------------------------------------------------------------------------- */

static void the_one_in_use_is_told(void **state)
{
	char want[300];

	(void)state;
	assert_int_equal(snapshot(" "), 0);
	assert_string_equal(out, "no snapshot yet: the log has everything, from index 1 to 90\n");
	put_directory(IMAGE_CLUSTER);
	use_snapshot();
	assert_int_equal(snapshot("--dir %s", tmp), 0);
	snprintf(want, sizeof(want), "in use: index %llu, term 5, ", (unsigned long long)image.ref.index);
	assert_contains(out, want);
	snprintf(want, sizeof(want), " ago\n  %s\n", used);
	assert_contains(out, want);
	snprintf(want, sizeof(want), "\n40 entries since; log from 3 on (%llu before it)\n",
		 (unsigned long long)image.ref.index - 2);
	assert_contains(out, want);
	assert_fits();
	assert_int_equal(truncate(used, 10), 0);
	assert_int_equal(snapshot("--dir %s", tmp), 0);
	assert_contains(out, "its file was cut off, or is another one: ");
	assert_int_equal(truncate(used, 0), 0);
	assert_int_equal(snapshot("--dir %s", tmp), 0);
	assert_contains(out, "its file is empty: ");
	assert_fits();
	status.first_index = image.ref.index + 1;
	unlink(used);
	assert_int_equal(snapshot("--dir %s", tmp), 0);
	assert_contains(out, "its file is gone: ");
	assert_contains(out, " on (right behind it)\n");
	put_directory(IMAGE_CLUSTER + 1);
	assert_int_equal(snapshot("--dir %s", tmp), 0);
	assert_contains(out, "its file was not looked at: ");
	node_runs = false;
	assert_int_equal(snapshot(" "), 1);
}

static void the_one_in_use_is_told_in_json(void **state)
{
	char want[400];

	(void)state;
	assert_int_equal(snapshot("-j"), 0);
	assert_contains(out, "\"snapshot\":\tnull\n");
	put_directory(IMAGE_CLUSTER);
	use_snapshot();
	assert_int_equal(snapshot("-j --dir %s", tmp), 0);
	snprintf(want, sizeof(want), "\"crc32c\":\t\"%08x\",\n\t\t\"file\":\t\"%s\",\n\t\t"
		 "\"file_missing\":\tfalse,\n\t\t\"age_ms\":\t", image.ref.crc, used);
	assert_contains(out, want);
	snprintf(want, sizeof(want), ",\n\t\t\"file_bytes\":\t%llu\n",
		 (unsigned long long)image.ref.bytes);
	assert_contains(out, want);
	assert_contains(out, "\"first_index\":\t3,");
	unlink(used);
	assert_int_equal(snapshot("-j --dir %s", tmp), 0);
	assert_contains(out, "\"file_missing\":\ttrue,\n\t\t\"age_ms\":\tnull,\n\t\t\"file_bytes\":\tnull");
}

static void what_is_to_be_done_must_be_known(void **state)
{
	(void)state;
	assert_int_equal(snapshot("bogus"), 2);
	assert_contains(out, "kquorum snapshot: no \"bogus\": save, verify, show or restore\n");
	assert_int_equal(snapshot("verfiy x"), 2);
	assert_contains(out, "did you mean verify?");
	assert_int_equal(snapshot("--dir x save y"), 2);
	assert_contains(out, "what is to be done comes first");
	assert_int_equal(snapshot("save"), 2);
	assert_contains(out, "Usage: kquorum snapshot save [");
	assert_int_equal(snapshot("save a b"), 2);
}

#define WITH_FILES(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		WITH_FILES(what_is_saved_is_what_the_module_gave),
		WITH_FILES(saving_says_it_in_json),
		WITH_FILES(a_node_alone_says_how_old_its_state_is),
		WITH_FILES(nothing_is_replaced_unasked),
		WITH_FILES(no_name_of_a_nodes_own_is_taken),
		WITH_FILES(nothing_that_appears_meanwhile_is_replaced),
		WITH_FILES(a_file_has_its_name_when_it_is_on_the_disk),
		WITH_FILES(only_files_are_replaced),
		WITH_FILES(the_standard_output_can_have_it),
		WITH_FILES(what_is_damaged_gets_no_name),
		WITH_FILES(one_of_another_state_begins_anew),
		WITH_FILES(another_save_is_waited_for),
		WITH_FILES(a_signal_leaves_nothing_behind),
		WITH_FILES(two_do_not_write_into_one_file),
		WITH_FILES(without_room_nothing_stays),
		WITH_FILES(the_one_in_use_is_copied),
		WITH_FILES(one_in_use_that_is_damaged_is_not_copied),
		WITH_FILES(one_in_use_that_is_gone_is_waited_for),
		WITH_FILES(the_directory_must_be_that_of_the_node),
		WITH_FILES(whole_ones_are_verified),
		WITH_FILES(what_is_wrong_is_told_apart),
		WITH_FILES(the_first_that_is_not_whole_gives_the_exit_status),
		WITH_FILES(what_is_in_it_is_shown),
		WITH_FILES(the_holder_is_shown_first),
		WITH_FILES(what_is_in_it_is_shown_in_json),
		WITH_FILES(one_state_has_one_sum),
		WITH_FILES(nothing_is_shown_of_what_is_not_whole),
		WITH_FILES(the_one_in_use_is_told),
		WITH_FILES(the_one_in_use_is_told_in_json),
		WITH_FILES(what_is_to_be_done_must_be_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
