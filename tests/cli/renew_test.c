// SPDX-License-Identifier: GPL-2.0
/* kquorum renew, in a child that has a descriptor which looks like a lock. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "child.h"
#include "test.h"

struct cli cli;
static struct kquorum_lock_info info;
static int lock_fd = -1, other_fd = -1;

static struct {
	int fd;
	uint64_t token;
	unsigned int times;
	int error;
} *renewed;	/* seen by the child too */

int kquorum_lock_read(int fd, struct kquorum_lock_info *to)
{
	(void)fd;
	*to = info;
	return 0;
}

int kquorum_lock_renew(int fd, uint64_t token)
{
	renewed->fd = fd;
	renewed->token = token;
	renewed->times++;
	return renewed->error;
}

static int setup(void **state)
{
	(void)state;
	if (!renewed)
		renewed = mmap(NULL, sizeof(*renewed), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(renewed, MAP_FAILED);
	memset(renewed, 0, sizeof(*renewed));
	if (lock_fd < 0)
		lock_fd = memfd_create("kquorum-lock", 0);
	if (other_fd < 0)
		other_fd = memfd_create("other", 0);
	info = (struct kquorum_lock_info){
		.state = KQUORUM_LOCK_GRANTED, .token = 99, .renew_left_ns = 30 * NS_PER_SEC,
		.hold_left_ns = KQUORUM_NEVER,
	};
	unsetenv("KQUORUM_LOCK_FD");
	unsetenv("KQUORUM_TOKEN");
	return 0;
}

static void put_environment(int fd, const char *token)
{
	char number[16];

	snprintf(number, sizeof(number), "%d", fd);
	setenv("KQUORUM_LOCK_FD", number, 1);
	if (token)
		setenv("KQUORUM_TOKEN", token, 1);
}

static void it_finds_the_lock_that_it_runs_under(void **state)
{
	(void)state;
	put_environment(lock_fd, "4711");
	assert_int_equal(run(&command_renew, "renew"), 0);
	assert_string_equal(out, "");
	assert_int_equal(renewed->fd, lock_fd);
	assert_int_equal(renewed->token, 4711);
	assert_int_equal(run(&command_renew, "renew -v"), 0);
	assert_string_equal(out, "kquorum renew: renewed for 30.0s\n");
	info.hold_left_ns = 3600 * NS_PER_SEC;
	assert_int_equal(run(&command_renew, "renew -v"), 0);
	assert_string_equal(out, "kquorum renew: renewed for 30.0s, ends at the latest in 1h00m\n");
	info.renew_left_ns = KQUORUM_NEVER;
	assert_int_equal(run(&command_renew, "renew -v"), 0);
	assert_string_equal(out, "kquorum renew: it need not be renewed any more, and ends in 1h00m\n");
}

/* The token in the environment may be of another one. */
static void a_descriptor_that_is_named_has_its_own_token(void **state)
{
	char words[40];

	(void)state;
	put_environment(other_fd, "4711");
	snprintf(words, sizeof(words), "renew --fd %d", lock_fd);
	assert_int_equal(run(&command_renew, words), 0);
	assert_int_equal(renewed->token, 99);
	assert_int_equal(renewed->fd, lock_fd);
}

static void nothing_is_written_to_what_is_no_lock(void **state)
{
	char words[40];

	(void)state;
	snprintf(words, sizeof(words), "renew --fd %d", other_fd);
	assert_int_equal(run(&command_renew, words), 1);
	assert_contains(out, " is no lock of kquorum: was it closed on the way here?\n");
	put_environment(999, "4711");
	assert_int_equal(run(&command_renew, "renew"), 1);
	assert_contains(out, "descriptor 999 is no lock of kquorum");
	assert_int_equal(renewed->times, 0);
}

static void under_no_lock_it_says_how_to_have_one(void **state)
{
	(void)state;
	assert_int_equal(run(&command_renew, "renew"), 2);
	assert_contains(out, "kquorum lock --renew=none --ttl TIME NAME -- COMMAND\n");
	assert_int_equal(run(&command_renew, "renew db"), 2);
	assert_contains(out, "\"db\" is one word too many");
	assert_int_equal(renewed->times, 0);
}

static void what_is_lost_is_said_with_its_reason(void **state)
{
	static const struct {
		int error;
		const char *says;
	} reasons[] = {
		{ -ETIME, "the lock is lost: it was not renewed in its time to live: " },
		{ -ETIMEDOUT, "the lock is lost: it was held as long as it may be: " },
		{ -ECANCELED, "the lock is lost: an operator took it " },
		{ 0, "the lock is lost: the lease of this node ran out" },
	};
	unsigned int i;

	(void)state;
	put_environment(lock_fd, "4711");
	renewed->error = -ETIME;
	info.state = KQUORUM_LOCK_LOST;
	for (i = 0; i < 4; i++) {
		info.error = reasons[i].error;
		assert_int_equal(run(&command_renew, "renew"), 70);
		assert_contains(out, reasons[i].says);
	}
	info.state = KQUORUM_LOCK_GRANTED;
	renewed->error = -EINVAL;
	assert_int_equal(run(&command_renew, "renew"), 1);
	assert_contains(out, "not renewed: Invalid argument\n");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(it_finds_the_lock_that_it_runs_under, setup),
		cmocka_unit_test_setup(a_descriptor_that_is_named_has_its_own_token, setup),
		cmocka_unit_test_setup(nothing_is_written_to_what_is_no_lock, setup),
		cmocka_unit_test_setup(under_no_lock_it_says_how_to_have_one, setup),
		cmocka_unit_test_setup(what_is_lost_is_said_with_its_reason, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
