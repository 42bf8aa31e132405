// SPDX-License-Identifier: GPL-2.0
/*
 * What happens to a command under a lock. One end of a pair of sockets stands in for the lock's
 * descriptor, at the other is the module: what it was told comes out there, and a word put in there is
 * news. How the lock stands is in memory that all processes see.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lock.h"
#include "test.h"

struct cli cli;
static struct kquorum_lock_info granted = {
	.token = 4711, .renew_left_ns = KQUORUM_NEVER, .hold_left_ns = KQUORUM_NEVER,
};
static int ends[2];
static char path[] = "/tmp/kquorum-hold-XXXXXX";	/* what the command leaves */

static struct lease {
	uint64_t end_ns;		/* 0: the lock is lost */
	bool slow;			/* it takes a while until the module has been told */
	bool early;			/* something was there before */
} *lease;

/* term, as with a lease of which nobody has to wait for long */
static const struct loss_plan plan_term = { .signal = SIGTERM, .warn_ms = 600, .kill_ms = 200 };
static const struct loss_plan plan_kill = { .kill_ms = 400 };
static const struct loss_plan plan_ignore = { 0 };

int __wrap_kquorum_lock_read(int fd, struct kquorum_lock_info *info);
int __wrap_kquorum_lock_renew(int fd, uint64_t token);
int __real_kquorum_lock_on_loss(int fd, const struct kquorum_on_loss *on_loss);
int __wrap_kquorum_lock_on_loss(int fd, const struct kquorum_on_loss *on_loss);

int __wrap_kquorum_lock_read(int fd, struct kquorum_lock_info *info)
{
	uint64_t now = now_ns();
	char news;

	while (recv(fd, &news, 1, MSG_DONTWAIT) == 1)
		;
	*info = granted;
	info->state = lease->end_ns > now ? KQUORUM_LOCK_GRANTED : KQUORUM_LOCK_LOST;
	info->left_ns = lease->end_ns > now ? lease->end_ns - now : 0;
	return 0;
}

static bool left_something(void)
{
	return !access(path, F_OK);
}

int __wrap_kquorum_lock_on_loss(int fd, const struct kquorum_on_loss *on_loss)
{
	if (lease->slow) {
		sleep_ms(300);
		lease->early = left_something();
	}
	return __real_kquorum_lock_on_loss(fd, on_loss);
}

/* What has no time to live of its own is not renewed: grant_test.c has such. */
int __wrap_kquorum_lock_renew(int fd, uint64_t token)
{
	(void)fd;
	(void)token;
	fail();
	return -EINVAL;
}

static void lease_for(unsigned int ms)
{
	lease->end_ns = now_ns() + ms * NS_PER_MS;
}

static int setup(void **state)
{
	(void)state;
	cli.command = NULL;
	if (!lease)
		lease = mmap(NULL, sizeof(*lease), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(lease, MAP_FAILED);
	memset(lease, 0, sizeof(*lease));
	lease_for(60000);
	strcpy(path + strlen(path) - 6, "XXXXXX");
	close(mkstemp(path));
	unlink(path);
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends);
}

static int teardown(void **state)
{
	sigset_t none;

	(void)state;
	unlink(path);
	close(ends[0]);
	close(ends[1]);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	return 0;
}

/* "FILE" in the script is the file that it leaves. */
static int run_plan(const struct loss_plan *plan, int fd, const char *script)
{
	struct lock_options o = {
		.name = "db", .command = (char *[]){ "sh", "-c", (char *)script, NULL },
	};

	setenv("FILE", path, 1);
	return lock_run_command(&o, fd, &granted, plan);
}

static int run_shell(const char *script)
{
	return run_plan(&plan_term, ends[0], script);
}

static void lose(void)
{
	lease->end_ns = 0;
	assert_int_equal(write(ends[1], "", 1), 1);
}

/* Runs @script while the lock gets lost after a moment. */
static int run_losing(const struct loss_plan *plan, const char *script)
{
	int ret;
	pid_t pid = fork();

	if (!pid) {
		sleep_ms(200);
		lose();
		_exit(0);
	}
	ret = run_plan(plan, ends[0], script);
	waitpid(pid, NULL, 0);
	return ret;
}

/* Returns false: the module was told nothing. */
static bool told(struct kquorum_on_loss *l, int flags)
{
	return recv(ends[1], l, sizeof(*l), flags) == sizeof(*l);
}

/* A zombie of a foreign parent may stay for a moment: look at its state. */
static bool ended(pid_t pid)
{
	char name[64], line[256] = "";
	FILE *f;

	snprintf(name, sizeof(name), "/proc/%d/stat", pid);
	f = fopen(name, "r");
	if (!f)
		return true;
	if (!fgets(line, sizeof(line), f))
		line[0] = '\0';
	fclose(f);
	return !line[0] || strstr(line, ") Z ");
}

static int number_left(void)
{
	FILE *f = fopen(path, "r");
	int n = 0;

	if (!f || fscanf(f, "%d", &n) != 1)
		n = 0;
	if (f)
		fclose(f);
	return n;
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
	assert_int_equal(lock_run_command(&o, ends[0], &granted, &plan_term), 127);
	o.command = (char *[]){ "/", NULL };
	assert_int_equal(lock_run_command(&o, ends[0], &granted, &plan_term), 126);
}

/*
 * The module in a process: it does what it is told, @early_ms before the margins. Who renews the lease
 * meanwhile keeps it from SIGKILL.
 */
static pid_t module(unsigned int early_ms)
{
	pid_t pid = fork();
	struct kquorum_on_loss l;
	uint64_t end;

	if (pid)
		return pid;
	end = lease->end_ns;
	if (!told(&l, 0))
		_exit(1);
	if (l.signal) {
		sleep_ms(poll_ms(end - (l.warn_ms + early_ms) * NS_PER_MS, 10000));
		kill(-l.pid, l.signal);
	}
	sleep_ms(poll_ms(end - (l.kill_ms + early_ms) * NS_PER_MS, 10000));
	if (lease->end_ns == end)
		kill(-l.pid, SIGKILL);
	_exit(0);
}

/* Runs @script to the end of the lease; @left_ns: how much of that was left when it was over. */
static int run_with_module(const struct loss_plan *plan, const char *script, unsigned int early_ms,
			   int64_t *left_ns)
{
	uint64_t end = lease->end_ns;
	pid_t pid = module(early_ms);
	int ret = run_plan(plan, ends[0], script);

	*left_ns = end - now_ns();
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return ret;
}

/* --- the module ----------------------------------------------------------------------------- */

static void tells_the_module_whom_to_stop(void **state)
{
	struct kquorum_on_loss l;

	(void)state;
	assert_int_equal(run_shell("echo $$ >$FILE"), 0);
	assert_true(told(&l, MSG_DONTWAIT));
	assert_int_equal(l.pid, number_left());
	assert_int_equal(l.flags, KQUORUM_ON_LOSS_GROUP | KQUORUM_ON_LOSS_KILL);
	assert_int_equal(l.signal, SIGTERM);
	assert_int_equal(l.warn_ms, 600);
	assert_int_equal(l.kill_ms, 200);
	assert_int_equal(l.cgroup_fd, -1);
	assert_int_equal(l.zero[0] | l.zero[1], 0);
	assert_int_equal(run_plan(&plan_kill, ends[0], "exit 0"), 0);
	assert_true(told(&l, MSG_DONTWAIT));
	assert_int_equal(l.flags, KQUORUM_ON_LOSS_GROUP | KQUORUM_ON_LOSS_KILL);
	assert_int_equal(l.signal, 0);
	assert_int_equal(l.warn_ms, 0);
	assert_int_equal(l.kill_ms, 400);
	assert_int_equal(run_plan(&plan_ignore, ends[0], "exit 0"), 0);
	assert_false(told(&l, MSG_DONTWAIT));
}

static void not_a_line_runs_before_the_module_knows(void **state)
{
	(void)state;
	lease->slow = true;
	assert_int_equal(run_shell("echo 1 >$FILE"), 0);
	assert_int_equal(number_left(), 1);
	assert_false(lease->early);
}

/* Descriptors that cannot be written to, or have no write(), as those of a module that is older. */
static void nothing_runs_when_the_module_cannot_stop_it(void **state)
{
	const struct loss_plan plan = plan_term;
	sigset_t set;
	int none[2], fd;

	(void)state;
	sigemptyset(&set);
	fd = signalfd(-1, &set, SFD_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(pipe(none), 0);
	assert_int_equal(run_plan(&plan, none[0], "echo 1 >$FILE"), KQUORUM_EXIT_ERROR);
	assert_int_equal(run_plan(&plan, fd, "echo 1 >$FILE"), KQUORUM_EXIT_ERROR);
	lease->end_ns = 0;
	assert_int_equal(run_plan(&plan, fd, "echo 1 >$FILE"), KQUORUM_EXIT_LOST);
	assert_false(left_something());
	lease_for(60000);
	assert_int_equal(run_plan(&plan_ignore, fd, "echo 1 >$FILE; exit 3"), 3);
	assert_true(left_something());
	close(fd);
	close(none[0]);
	close(none[1]);
}

static void what_the_module_stopped_was_stopped_by_the_lease(void **state)
{
	int64_t left;

	(void)state;
	lease_for(1000);
	assert_int_equal(run_with_module(&plan_term, "exec sleep 30", 0, &left), KQUORUM_EXIT_LOST);
	assert_true(left > (int64_t)(200 * NS_PER_MS));
	lease_for(1000);
	/* Its clock is a little ahead of what this process reads. */
	assert_int_equal(run_with_module(&plan_term, "exec sleep 30", 40, &left), KQUORUM_EXIT_LOST);
	assert_true(left > (int64_t)(600 * NS_PER_MS));
	lease_for(1000);
	assert_int_equal(run_with_module(&plan_kill, "exec sleep 30", 40, &left), KQUORUM_EXIT_LOST);
	assert_true(left > (int64_t)(400 * NS_PER_MS));
}

/* The node fails, and this process sees that the command is gone before it sees that. */
static void what_the_module_stopped_at_once_too(void **state)
{
	struct kquorum_on_loss l;
	pid_t pid = fork();

	(void)state;
	if (!pid) {
		if (!told(&l, 0))
			_exit(1);
		sleep_ms(200);
		lease->end_ns = 0;
		_exit(kill(-l.pid, SIGKILL));
	}
	assert_int_equal(run_shell("exec sleep 30"), KQUORUM_EXIT_LOST);
	waitpid(pid, NULL, 0);
}

/* Nobody supervises it: what the module did is seen afterwards. */
static void a_stopped_supervisor_tells_it_too(void **state)
{
	static const char *const scripts[] = {
		"exec sleep 30", "trap '' TERM; while :; do sleep 0.02; done",
		"trap 'exit 0' TERM; while :; do sleep 0.02; done",
	};
	unsigned int i;
	int status;
	pid_t pid, by;

	(void)state;
	for (i = 0; i < 3; i++) {
		lease_for(1000);
		by = module(0);
		pid = fork();
		if (!pid)
			_exit(run_shell(scripts[i]));
		sleep_ms(200);
		kill(pid, SIGSTOP);
		sleep_ms(1000);
		kill(pid, SIGCONT);
		waitpid(pid, &status, 0);
		waitpid(by, NULL, 0);
		assert_int_equal(WEXITSTATUS(status), KQUORUM_EXIT_LOST);
	}
}

/* --- before the lease ends ------------------------------------------------------------------ */

static void stops_the_command_before_the_lease_ends(void **state)
{
	int64_t left;

	(void)state;
	lease_for(1000);
	assert_int_equal(run_with_module(&plan_term, "trap 'echo 1 >$FILE' TERM; while :; do sleep 0.02; done", 0,
					 &left), KQUORUM_EXIT_LOST);
	assert_in_range(left, 1, 200 * NS_PER_MS);
	assert_int_equal(number_left(), 1);
}

static void kills_without_a_signal_before(void **state)
{
	int64_t left;

	(void)state;
	lease_for(800);
	assert_int_equal(run_with_module(&plan_kill, "trap 'echo 1 >$FILE' TERM; while :; do sleep 0.02; done", 0,
					 &left), KQUORUM_EXIT_LOST);
	assert_in_range(left, 1, 400 * NS_PER_MS);
	assert_false(left_something());
}

/* Whatever is the matter with the module. */
static void kills_it_without_the_module_too(void **state)
{
	(void)state;
	lease_for(1000);
	assert_int_equal(run_shell("exec sleep 30"), KQUORUM_EXIT_LOST);
	assert_in_range(lease->end_ns - now_ns(), 1, 200 * NS_PER_MS);
	lease_for(800);
	assert_int_equal(run_plan(&plan_kill, ends[0], "exec sleep 30"), KQUORUM_EXIT_LOST);
	assert_in_range(lease->end_ns - now_ns(), 1, 400 * NS_PER_MS);
}

/* Told to end is told to end, however well it did. */
static void lets_the_command_clean_up(void **state)
{
	int64_t left;

	(void)state;
	lease_for(1000);
	assert_int_equal(run_with_module(&plan_term, "trap 'sleep 0.1; echo 1 >$FILE; exit 0' TERM\n"
					 "while :; do sleep 0.02; done", 0, &left), KQUORUM_EXIT_LOST);
	assert_int_equal(number_left(), 1);
	assert_true(left > (int64_t)(200 * NS_PER_MS));
}

/* To many a program a second one means to end at once. */
static void the_signal_comes_once(void **state)
{
	int64_t left;

	(void)state;
	lease_for(1000);
	/* Early, so that two could be told from one. */
	run_with_module(&plan_term, "n=0; trap 'n=$((n+1)); echo $n >$FILE' TERM; while :; do sleep 0.01; done",
			80, &left);
	assert_int_equal(number_left(), 1);
}

/* One that is stopped could not obey. */
static void wakes_what_is_stopped(void **state)
{
	int64_t left;

	(void)state;
	lease_for(1000);
	assert_int_equal(run_with_module(&plan_term, "trap 'echo 1 >$FILE; exit 0' TERM; kill -STOP $$\n"
					 "while :; do sleep 0.02; done", 40, &left), KQUORUM_EXIT_LOST);
	assert_int_equal(number_left(), 1);
}

static void what_is_left_of_it_ends_too(void **state)
{
	int64_t left;
	int pid, i;

	(void)state;
	lease_for(1000);
	assert_int_equal(run_with_module(&plan_term, "(trap '' TERM; sleep 30) & echo $! >$FILE; wait", 0, &left),
			 KQUORUM_EXIT_LOST);
	assert_true(left > (int64_t)(200 * NS_PER_MS));
	pid = number_left();
	assert_true(pid > 0);
	for (i = 0; i < 100 && !ended(pid); i++)
		sleep_ms(20);
	assert_true(i < 100);
}

static void a_lost_lock_ends_it_at_once(void **state)
{
	uint64_t begun = now_ns();

	(void)state;
	assert_int_equal(run_losing(&plan_term, "trap '' TERM; while :; do sleep 1; done"), KQUORUM_EXIT_LOST);
	assert_true(now_ns() - begun < 5 * NS_PER_SEC);
	lease_for(60000);
	assert_int_equal(run_losing(&plan_kill, "exec sleep 30"), KQUORUM_EXIT_LOST);
}

static void what_nobody_is_to_stop_runs_on(void **state)
{
	(void)state;
	assert_int_equal(run_losing(&plan_ignore, "trap 'exit 1' TERM; sleep 0.6; exit 5"), 5);
	lease_for(300);
	assert_int_equal(run_plan(&plan_ignore, ends[0], "trap 'exit 1' TERM; sleep 0.6; exit 5"), 5);
}

/* @at_ms: from now on, the lease is renewed. */
static pid_t renew_at(unsigned int at_ms)
{
	pid_t pid = fork();

	if (!pid) {
		sleep_ms(at_ms);
		lease_for(60000);
		_exit(0);
	}
	return pid;
}

static void renewals_do_not_disturb(void **state)
{
	pid_t pid;

	(void)state;
	lease_for(900);
	pid = renew_at(150);
	assert_int_equal(write(ends[1], "", 1), 1);
	assert_int_equal(run_shell("trap 'exit 1' TERM; sleep 0.8; exit 5"), 5);
	waitpid(pid, NULL, 0);
}

/* It was told to end, and may have left something undone. */
static void renewed_too_late_it_is_not_killed_but_was_stopped(void **state)
{
	pid_t pid;

	(void)state;
	lease_for(900);
	pid = renew_at(450);
	assert_int_equal(run_shell("trap '' TERM; sleep 1; echo 1 >$FILE; exit 5"), KQUORUM_EXIT_LOST);
	assert_int_equal(number_left(), 1);
	waitpid(pid, NULL, 0);
}

static void a_signal_of_somebody_else_is_handed_on(void **state)
{
	(void)state;
	lease_for(1500);
	assert_int_equal(run_shell("kill -TERM $$"), 128 + SIGTERM);
	assert_int_equal(run_shell("kill -KILL $$"), 128 + SIGKILL);
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
	pid_t pid, command = 0;
	int i;

	(void)state;
	pid = fork();
	if (!pid)
		_exit(run_shell("echo $$ >$FILE; exec sleep 30"));
	for (i = 0; i < 100 && !command; i++) {
		sleep_ms(50);
		command = number_left();
	}
	assert_true(command > 0);
	sleep_ms(100);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	for (i = 0; i < 100 && !ended(command); i++)
		sleep_ms(50);
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
	lose();
	assert_int_equal(lock_hold(&o, ends[0], &granted), KQUORUM_EXIT_LOST);
	dup2(out, 1);
	dup2(saved, 0);
	close(in[0]);
	close(in[1]);
	close(saved);
	close(out);
}

#define WITH_LEASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		WITH_LEASE(hands_on_the_exit_status),
		WITH_LEASE(puts_the_token_into_the_environment),
		WITH_LEASE(puts_the_numbers_of_its_units_there),
		WITH_LEASE(says_when_it_cannot_run),
		WITH_LEASE(tells_the_module_whom_to_stop),
		WITH_LEASE(not_a_line_runs_before_the_module_knows),
		WITH_LEASE(nothing_runs_when_the_module_cannot_stop_it),
		WITH_LEASE(what_the_module_stopped_was_stopped_by_the_lease),
		WITH_LEASE(what_the_module_stopped_at_once_too),
		WITH_LEASE(a_stopped_supervisor_tells_it_too),
		WITH_LEASE(stops_the_command_before_the_lease_ends),
		WITH_LEASE(kills_without_a_signal_before),
		WITH_LEASE(kills_it_without_the_module_too),
		WITH_LEASE(lets_the_command_clean_up),
		WITH_LEASE(the_signal_comes_once),
		WITH_LEASE(wakes_what_is_stopped),
		WITH_LEASE(what_is_left_of_it_ends_too),
		WITH_LEASE(a_lost_lock_ends_it_at_once),
		WITH_LEASE(what_nobody_is_to_stop_runs_on),
		WITH_LEASE(renewals_do_not_disturb),
		WITH_LEASE(renewed_too_late_it_is_not_killed_but_was_stopped),
		WITH_LEASE(a_signal_of_somebody_else_is_handed_on),
		WITH_LEASE(forwards_signals),
		WITH_LEASE(command_dies_with_its_lock),
		WITH_LEASE(holds_until_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
