// SPDX-License-Identifier: GPL-2.0
/*
 * What happens to a command under a lock. A pipe stands in for the lock's
 * descriptor: a record written into it is a change of the lock's state.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lock.h"
#include "test.h"

struct cli cli;
static struct kquorum_lock_info granted = { .state = KQUORUM_LOCK_GRANTED, .token = 4711 };
static struct kquorum_lock_info lost = { .state = KQUORUM_LOCK_LOST };
static int ends[2];

static int setup(void **state)
{
	(void)state;
	cli.command = NULL;
	return pipe(ends);
}

static int teardown(void **state)
{
	sigset_t none;

	(void)state;
	close(ends[0]);
	close(ends[1]);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	return 0;
}

static int run_shell(const char *script)
{
	struct lock_options o = {
		.name = "db", .command = (char *[]){ "sh", "-c", (char *)script, NULL },
		.kill_after_ns = 200 * NS_PER_MS,
	};

	return lock_run_command(&o, ends[0], &granted);
}

/* Runs @script while the lock gets lost after a moment. */
static int run_losing(const char *script)
{
	int ret;
	pid_t pid = fork();

	if (!pid) {
		sleep_ms(200);
		_exit(write(ends[1], &lost, sizeof(lost)) != sizeof(lost));
	}
	ret = run_shell(script);
	waitpid(pid, NULL, 0);
	return ret;
}

static void hands_on_the_exit_status(void **state)
{
	(void)state;
	assert_int_equal(run_shell("exit 0"), 0);
	assert_int_equal(run_shell("exit 7"), 7);
	assert_int_equal(run_shell("kill -9 $$"), 128 + SIGKILL);
}

static void puts_the_token_into_the_environment(void **state)
{
	(void)state;
	assert_int_equal(run_shell("test \"$KQUORUM_TOKEN $KQUORUM_RESOURCE\" = '4711 db'"), 0);
}

/* Those of a lock that this one is taken under are not its own. */
static void puts_the_numbers_of_its_units_there(void **state)
{
	(void)state;
	granted.mode = KQUORUM_CLAIM_MODE_UNITS;
	granted.units = 3;
	granted.numbers[0] = 0x9;
	granted.numbers[3] = 1ULL << 63;
	assert_int_equal(run_shell("test \"$KQUORUM_UNITS\" = '0,3,255'"), 0);
	granted.mode = KQUORUM_CLAIM_EXCLUSIVE;
	granted.units = granted.numbers[0] = granted.numbers[3] = 0;
	setenv("KQUORUM_UNITS", "7", 1);
	assert_int_equal(run_shell("test \"${KQUORUM_UNITS-none}\" = none"), 0);
	unsetenv("KQUORUM_UNITS");
}

static void says_when_it_cannot_run(void **state)
{
	struct lock_options o = { .name = "db", .command = (char *[]){ "/nonexistent", NULL } };

	(void)state;
	assert_int_equal(lock_run_command(&o, ends[0], &granted), 127);
	o.command = (char *[]){ "/", NULL };
	assert_int_equal(lock_run_command(&o, ends[0], &granted), 126);
}

static void stops_the_command_when_the_lock_is_lost(void **state)
{
	uint64_t begun = now_ns();

	(void)state;
	assert_int_equal(run_losing("sleep 30"), KQUORUM_EXIT_LOST);
	assert_true(now_ns() - begun < 5 * NS_PER_SEC);
}

static void kills_what_ignores_the_warning(void **state)
{
	uint64_t begun = now_ns();

	(void)state;
	assert_int_equal(run_losing("trap '' TERM; while :; do sleep 1; done"), KQUORUM_EXIT_LOST);
	assert_true(now_ns() - begun >= 400 * NS_PER_MS);
	assert_true(now_ns() - begun < 10 * NS_PER_SEC);
}

static void lets_the_command_clean_up(void **state)
{
	char path[] = "/tmp/kquorum-hold-XXXXXX", script[200];
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	snprintf(script, sizeof(script), "trap 'rm %s; exit 0' TERM; while :; do sleep 0.05; done", path);
	/* Lost is lost, however well the command ended. */
	assert_int_equal(run_losing(script), KQUORUM_EXIT_LOST);
	assert_int_equal(access(path, F_OK), -1);
}

static void renewals_do_not_disturb(void **state)
{
	(void)state;
	assert_int_equal(write(ends[1], &granted, sizeof(granted)), sizeof(granted));
	assert_int_equal(run_shell("sleep 0.2; exit 5"), 5);
}

static void forwards_signals(void **state)
{
	pid_t self = getpid(), pid = fork();

	(void)state;
	if (!pid) {
		sleep_ms(200);
		_exit(kill(self, SIGTERM) != 0);
	}
	assert_int_equal(run_shell("trap 'exit 9' TERM; while :; do sleep 0.05; done"), 9);
	waitpid(pid, NULL, 0);
}

static void command_dies_with_its_lock(void **state)
{
	char path[] = "/tmp/kquorum-hold-XXXXXX", script[200];
	int fd = mkstemp(path), i;
	pid_t pid, command = 0;
	FILE *f;

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	snprintf(script, sizeof(script), "echo $$ >%s; exec sleep 30", path);
	pid = fork();
	if (!pid)
		_exit(run_shell(script));
	for (i = 0; i < 100 && !command; i++) {
		sleep_ms(50);
		f = fopen(path, "r");
		if (f && fscanf(f, "%d", &command) != 1)
			command = 0;
		if (f)
			fclose(f);
	}
	assert_true(command > 0);
	sleep_ms(100);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	/* A zombie of a foreign parent may stay for a moment: look at its state. */
	for (i = 0; i < 100; i++) {
		char name[64], line[256] = "";

		snprintf(name, sizeof(name), "/proc/%d/stat", command);
		f = fopen(name, "r");
		if (!f)
			break;
		if (!fgets(line, sizeof(line), f) || strstr(line, ") Z ")) {
			fclose(f);
			break;
		}
		fclose(f);
		sleep_ms(50);
	}
	unlink(path);
	assert_true(i < 100);
}

static void holds_until_told(void **state)
{
	struct lock_options o = { .name = "db", .command = (char *[]){ NULL } };
	int in[2], saved = dup(0), out = dup(1), null;

	(void)state;
	assert_int_equal(pipe(in), 0);
	dup2(in[0], 0);
	close(in[0]);
	close(in[1]);
	fflush(stdout);
	assert_int_equal(pipe(in), 0);
	null = in[1];
	dup2(null, 1);
	assert_int_equal(lock_hold(&o, ends[0], &granted), KQUORUM_EXIT_DONE);
	assert_int_equal(write(ends[1], &lost, sizeof(lost)), sizeof(lost));
	assert_int_equal(lock_hold(&o, ends[0], &granted), KQUORUM_EXIT_LOST);
	dup2(out, 1);
	dup2(saved, 0);
	close(in[0]);
	close(in[1]);
	close(saved);
	close(out);
}

#define ON_A_PIPE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		ON_A_PIPE(hands_on_the_exit_status),
		ON_A_PIPE(puts_the_token_into_the_environment),
		ON_A_PIPE(puts_the_numbers_of_its_units_there),
		ON_A_PIPE(says_when_it_cannot_run),
		ON_A_PIPE(stops_the_command_when_the_lock_is_lost),
		ON_A_PIPE(kills_what_ignores_the_warning),
		ON_A_PIPE(lets_the_command_clean_up),
		ON_A_PIPE(renewals_do_not_disturb),
		ON_A_PIPE(forwards_signals),
		ON_A_PIPE(command_dies_with_its_lock),
		ON_A_PIPE(holds_until_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
