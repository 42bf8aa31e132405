// SPDX-License-Identifier: GPL-2.0
/* The fence of libkquorum: what passes, damage, several at once, what its file may be. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fence_world.h"
#include "test.h"

/* --- what passes ------------------------------------------------------------------------------ */

static void lower_is_refused_and_the_seen_one_told(void **state)
{
	struct kquorum_fence *f = open_fence(true);
	uint64_t seen = 99;

	(void)state;
	assert_int_equal(kquorum_fence_check(f, "db", 7, &seen), 0);
	assert_int_equal(seen, 0);
	assert_int_equal(kquorum_fence_check(f, "db", 7, &seen), 0);
	assert_int_equal(seen, 7);
	assert_int_equal(kquorum_fence_check(f, "db", 6, &seen), -ESTALE);
	assert_int_equal(seen, 7);
	assert_contains(kquorum_fence_error(f), "db: token 6 is stale: 7 has been seen");
	assert_int_equal(kquorum_fence_check(f, "db", 8, &seen), 0);
	assert_int_equal(seen, 7);
	assert_int_equal(kquorum_fence_check(f, "db", 7, NULL), -ESTALE);
	assert_int_equal(kquorum_fence_check(f, "d", 1, &seen), 0);
	assert_int_equal(seen, 0);
	kquorum_fence_close(f);
}

static void tokens_have_all_64_bits(void **state)
{
	struct kquorum_fence *f = open_fence(true);
	uint64_t seen, token;

	(void)state;
	assert_int_equal(kquorum_fence_check(f, "db", 0, NULL), -EINVAL);
	assert_contains(kquorum_fence_error(f), "no grant has token 0");
	assert_false(is_there("fence"));
	for (token = 1; token < UINT64_MAX / 2; token *= 2) {
		assert_int_equal(check("db", token), 0);
		assert_int_equal(check("db", token + 1), 0);
		assert_int_equal(check("db", token), -ESTALE);
	}
	assert_int_equal(check("db", UINT64_MAX), 0);
	assert_int_equal(kquorum_fence_check(f, "db", UINT64_MAX - 1, &seen), -ESTALE);
	assert_true(seen == UINT64_MAX);
	assert_int_equal(kquorum_fence_check(f, "db", UINT64_MAX, NULL), 0);
	kquorum_fence_close(f);
}

static void names_have_any_length_that_a_lock_has(void **state)
{
	struct kquorum_fence *f = open_fence(true);
	char name[KQUORUM_RESOURCE_NAME_MAX + 3];
	uint64_t seen;
	size_t n;

	(void)state;
	for (n = 0; n < sizeof(name); n++) {
		bool good = n && n <= KQUORUM_RESOURCE_NAME_MAX;

		memset(name, ' ', n);
		name[n] = '\0';
		assert_int_equal(kquorum_fence_check(f, name, n + 1, NULL), good ? 0 : -EINVAL);
	}
	for (n = 1; n <= KQUORUM_RESOURCE_NAME_MAX; n++) {
		memset(name, ' ', n);
		name[n] = '\0';
		assert_int_equal(kquorum_fence_check(f, name, n, &seen), -ESTALE);
		assert_int_equal(seen, n + 1);
	}
	assert_int_equal(kquorum_fence_check(f, "a\nb", 1, NULL), -EINVAL);
	assert_int_equal(kquorum_fence_check(f, "a\177", 1, NULL), -EINVAL);
	assert_int_equal(kquorum_fence_check(f, "1 db\303\244", 1, NULL), 0);
	assert_int_equal(kquorum_fence_check(f, "1 db\303\244", 2, NULL), 0);
	kquorum_fence_close(f);
}

/* --- damage ----------------------------------------------------------------------------------- */

static void assert_damaged(const struct content *c)
{
	struct kquorum_fence *f = open_fence(true);
	uint64_t seen = 99;

	assert_int_equal(kquorum_fence_check(f, "db", UINT64_MAX, &seen), -EBADMSG);
	assert_int_equal(seen, 0);
	assert_contains(kquorum_fence_error(f), "/fence: damaged, or no fence file: ");
	assert_int_equal(kquorum_fence_check(f, "new", 1, NULL), -EBADMSG);
	kquorum_fence_close(f);
	assert_content(c);
}

static void damage_in_any_bit_is_refused(void **state)
{
	struct content good, bad;
	size_t at;

	(void)state;
	assert_int_equal(check("db", 42), 0);
	assert_int_equal(check("gpu/3", 7), 0);
	get(&good);
	for (at = 0; at < 8 * good.n; at++) {
		bad = good;
		bad.data[at / 8] ^= 1 << at % 8;
		put(&bad, bad.n);
		assert_damaged(&bad);
	}
	put(&good, good.n);
	assert_int_equal(check("gpu/3", 6), -ESTALE);
}

static void a_part_is_not_taken_for_all_of_it(void **state)
{
	struct content good, bad;
	char *line;

	(void)state;
	assert_int_equal(check("db", 42), 0);
	assert_int_equal(check("gpu/3", 7), 0);
	get(&good);
	bad = good;
	for (bad.n = 0; bad.n < good.n; bad.n++) {
		put(&bad, bad.n);
		assert_damaged(&bad);
	}
	bad.n = good.n + 1;
	put(&bad, bad.n);
	assert_damaged(&bad);
	/* Without the first line of a name. */
	bad = good;
	line = strchr(bad.data, '\n') + 1;
	bad.n -= strlen("7 gpu/3\n");
	memmove(line, line + strlen("7 gpu/3\n"), strlen("42 db\n"));
	put(&bad, bad.n);
	assert_damaged(&bad);
}

static void lines_are_read_strictly(void **state)
{
	static const char *const wrong[] = {
		"x\n", "1\n", "1 \n", " db\n", "0 db\n", "-1 db\n", "+1 db\n", "1\tdb\n", "1 db", "\n",
		"18446744073709551616 db\n", "99999999999999999999 db\n", "1 db\n\n", "db 1\n",
	};
	struct content c;
	unsigned int i;

	(void)state;
	assert_int_equal(crc32c("123456789", 9), 0xe3069283);
	put_lines("42 db\n7 gpu/3\n");
	assert_int_equal(check("db", 41), -ESTALE);
	put_lines("");
	assert_int_equal(check("db", 1), 0);
	put_lines("18446744073709551615 db\n3 db\n");
	assert_int_equal(check("db", UINT64_MAX - 1), -ESTALE);
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		put_lines(wrong[i]);
		get(&c);
		assert_damaged(&c);
	}
	put_text("fence", "42 db\n");
	get(&c);
	assert_damaged(&c);
}

static void a_file_too_large_is_refused(void **state)
{
	(void)state;
	put_lines("42 db\n");
	assert_int_equal(truncate("fence", (16 << 20) + 1), 0);
	assert_int_equal(check("db", 43), -EFBIG);
}

/* --- several at once -------------------------------------------------------------------------- */

static void wait_for_all(void)
{
	int status;

	while (wait(&status) > 0)
		assert_int_equal(status, 0);
}

/* Whatever passes is noted while it is entered: so no token comes after a higher one. */
static void race(unsigned int who)
{
	struct kquorum_fence *f = open_fence(true);
	unsigned int i, seed = who;
	int ret;

	alarm(60);
	for (i = 0; f && i < 100; i++) {
		uint64_t token = i * 2 + rand_r(&seed) % 20 + 1;

		ret = kquorum_fence_enter(f, "db", token, NULL);
		if (ret == -ESTALE)
			continue;
		if (ret)
			_exit(1);
		world->passed[world->n] = token;
		usleep(rand_r(&seed) % 100);
		world->n++;
		kquorum_fence_leave(f);
	}
	_exit(!f);
}

static void of_several_processes_each_passes_alone(void **state)
{
	unsigned int i;

	(void)state;
	for (i = 0; i < 4; i++)
		if (!fork())
			race(i);
	wait_for_all();
	assert_in_range(world->n, 10, 400);
	for (i = 1; i < world->n; i++)
		assert_true(world->passed[i] >= world->passed[i - 1]);
}

static void of_several_that_make_it_none_is_lost(void **state)
{
	unsigned int round, i;
	char name[20];

	(void)state;
	for (round = 0; round < 40; round++) {
		unlink("fence");
		for (i = 0; i < 6; i++) {
			if (fork())
				continue;
			snprintf(name, sizeof(name), "name %u", i);
			alarm(20);
			_exit(-check(name, 5 + i));
		}
		wait_for_all();
		for (i = 0; i < 6; i++) {
			snprintf(name, sizeof(name), "name %u", i);
			assert_int_equal(check(name, 4 + i), -ESTALE);
		}
	}
}

static bool answers(int fd, int ms)
{
	struct pollfd p = { fd, POLLIN, 0 };

	return poll(&p, 1, ms) == 1;
}

/* In a process that was not forked from this one, as far as descriptors go. */
static int check_beside(const char *name, uint64_t token)
{
	int ends[2], fd;

	assert_int_equal(pipe(ends), 0);
	if (!fork()) {
		alarm(20);
		for (fd = 3; fd < 200; fd++)
			if (fd != ends[1])
				close(fd);
		_exit(check(name, token) || write(ends[1], "", 1) != 1);
	}
	close(ends[1]);
	return ends[0];
}

static void who_has_entered_keeps_others_out(void **state)
{
	struct kquorum_fence *f = open_fence(true);
	int fd, other, copy;

	(void)state;
	assert_int_equal(kquorum_fence_fd(f), -1);
	assert_int_equal(kquorum_fence_enter(f, "db", 7, NULL), 0);
	assert_int_equal(kquorum_fence_enter(f, "db", 7, NULL), -EBUSY);
	other = check_beside("db", 8);
	assert_false(answers(other, 100));
	kquorum_fence_leave(f);
	assert_true(answers(other, 10000));
	close(other);
	/* Closed, it is left when the last copy is. */
	assert_int_equal(kquorum_fence_enter(f, "db", 9, NULL), 0);
	fd = kquorum_fence_fd(f);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	copy = fcntl(fd, F_DUPFD_CLOEXEC, 100);
	kquorum_fence_close(f);
	other = check_beside("db", 10);
	assert_false(answers(other, 100));
	close(copy);
	assert_true(answers(other, 10000));
	close(other);
	wait_for_all();
}

static void on_signal(int number)
{
	(void)number;
}

static void a_signal_ends_the_wait(void **state)
{
	struct sigaction act = { .sa_handler = on_signal };
	struct kquorum_fence *f = open_fence(true), *other = open_fence(true);

	(void)state;
	assert_int_equal(kquorum_fence_enter(f, "db", 7, NULL), 0);
	sigaction(SIGALRM, &act, NULL);
	alarm(1);
	assert_int_equal(kquorum_fence_check(other, "db", 8, NULL), -EINTR);
	kquorum_fence_leave(f);
	assert_int_equal(kquorum_fence_check(other, "db", 8, NULL), 0);
	kquorum_fence_close(f);
	kquorum_fence_close(other);
}

/* --- the file --------------------------------------------------------------------------------- */

static void without_create_it_must_be_there(void **state)
{
	struct kquorum_fence *f;
	char err[512];

	(void)state;
	assert_int_equal(kquorum_fence_open(&f, "fence", false, err, sizeof(err)), -ENOENT);
	assert_string_equal(err, "fence: No such file or directory");
	assert_null(f);
	assert_int_equal(kquorum_fence_open(&f, "none/fence", true, err, sizeof(err)), -ENOENT);
	assert_int_equal(kquorum_fence_open(&f, "none/", true, err, sizeof(err)), -EISDIR);
	put_lines("7 db\n");
	f = open_fence(false);
	assert_int_equal(kquorum_fence_check(f, "db", 8, NULL), 0);
	unlink("fence");
	assert_int_equal(kquorum_fence_check(f, "db", 7, NULL), -ENOENT);
	assert_false(is_there("fence"));
	kquorum_fence_close(f);
}

static void what_is_no_plain_file_is_refused(void **state)
{
	(void)state;
	assert_int_equal(mkdir("fence", 0700), 0);
	assert_int_equal(check("db", 7), -EISDIR);
	assert_int_equal(rmdir("fence"), 0);
	assert_int_equal(mkfifo("fence", 0600), 0);
	assert_int_equal(check("db", 7), -EINVAL);
	unlink("fence");
	put_lines("7 db\n");
	assert_int_equal(link("fence", "other"), 0);
	assert_int_equal(check("db", 8), -EMLINK);
	unlink("other");
	assert_int_equal(link("fence", "fence.new"), 0);
	assert_int_equal(check("db", 8), -EMLINK);
	unlink("fence.new");
	assert_int_equal(symlink("elsewhere", "fence.new"), 0);
	assert_int_equal(check("db", 8), -ELOOP);
	assert_false(is_there("elsewhere"));
}

static void links_and_access_stay(void **state)
{
	struct kquorum_fence *f;
	struct stat st;
	char err[512];

	(void)state;
	assert_int_equal(mkdir("real", 0700), 0);
	assert_int_equal(symlink("real/file", "fence"), 0);
	assert_int_equal(chdir("real"), 0);
	put_lines("7 db\n");
	assert_int_equal(rename("fence", "file"), 0);
	assert_int_equal(chmod("file", 0640), 0);
	assert_int_equal(chdir(".."), 0);
	assert_int_equal(kquorum_fence_open(&f, "fence", false, err, sizeof(err)), 0);
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(kquorum_fence_check(f, "db", 8, NULL), 0);
	kquorum_fence_close(f);
	assert_int_equal(chdir(tmp), 0);
	assert_int_equal(lstat("fence", &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(stat("real/file", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(check("db", 7), -ESTALE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fence_begin, fence_end)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(lower_is_refused_and_the_seen_one_told),
		TEST(tokens_have_all_64_bits),
		TEST(names_have_any_length_that_a_lock_has),
		TEST(damage_in_any_bit_is_refused),
		TEST(a_part_is_not_taken_for_all_of_it),
		TEST(lines_are_read_strictly),
		TEST(a_file_too_large_is_refused),
		TEST(of_several_processes_each_passes_alone),
		TEST(of_several_that_make_it_none_is_lost),
		TEST(who_has_entered_keeps_others_out),
		TEST(a_signal_ends_the_wait),
		TEST(without_create_it_must_be_there),
		TEST(what_is_no_plain_file_is_refused),
		TEST(links_and_access_stay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
