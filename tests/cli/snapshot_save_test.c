// SPDX-License-Identifier: GPL-2.0
/*
 * kquorum snapshot save against a module of our own: what stays behind after each failure. read()
 * of what the module gives fails where a test says so.
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
#include "module.h"
#include "test.h"

struct cli cli;

/* --- the system ----------------------------------------------------------------------------- */

static unsigned int reads;	/* of what the module gave */
static unsigned int fail_read;	/* that one fails, 0: none */
static int read_error;		/* with this; 0: a signal comes instead */
static const char *appears;	/* somebody makes a file of this name meanwhile */
static const char *vanishes;	/* before it is locked, and another one is there */
static bool tell_calls;		/* what makes a file last is told, in its order */

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

static char other[128];

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

static int setup(void **state)
{
	fail_read = reads = read_error = 0;
	appears = vanishes = NULL;
	tell_calls = false;
	module_begin(state);
	snprintf(other, sizeof(other), "%s/a.kqs.new", tmp);
	return 0;
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
	assert_contains(out, "\n  3 sessions, 64 claims: 62 hold, 2 wait; 0 defined resources\n");
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

/* The node's snapshot, in a directory of that cluster, is of the state that is to be saved. */
static void in_use_already(uint64_t cluster)
{
	put_directory(cluster);
	use_snapshot();
	save_error = -EALREADY;
	save_errors = 99;
}

static void the_one_in_use_is_copied(void **state)
{
	(void)state;
	in_use_already(IMAGE_CLUSTER);
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
	in_use_already(IMAGE_CLUSTER);
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
	in_use_already(IMAGE_CLUSTER);
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
	in_use_already(IMAGE_CLUSTER + 1);
	assert_int_equal(snapshot("save --dir %s %s", tmp, path), 1);
	assert_contains(out, "is of another node than the one that runs here");
	assert_contains(out, used + strlen(tmp) + 1);
	assert_nothing_left();
	status.snapshot.index = 0;
	assert_int_equal(snapshot("save --dir %s %s", tmp, path), 69);
	assert_contains(out, "there is no state yet");
}

#define WITH_FILES(f) cmocka_unit_test_setup_teardown(f, setup, module_end)

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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
