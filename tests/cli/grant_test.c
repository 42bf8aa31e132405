// SPDX-License-Identifier: GPL-2.0
/*
 * Grants that end by themselves, as kquorum lock has them: renewed by it or by its command, held as long
 * as they may be, taken by an operator. The module is in memory that all processes see: it counts
 * renewals, and notes what it is told.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lock.h"
#include "test.h"

#define TOKEN 4711

struct cli cli;
static struct grant {
	uint64_t begun_ns;
	unsigned int ttl_ms;		/* 0: it need not be renewed */
	uint64_t renew_ns, limit_ns;	/* ends; KQUORUM_NEVER: none */
	uint32_t why;
	unsigned int renewals, told, told_signal;
	uint64_t stop_renewing_at;	/* the next renewal is refused from then on */
	uint64_t evict_at;		/* an operator takes it, and lets it have 5 s; 0: none does */
	int error;			/* with which it is lost */
} *grant;

static char err[8192];			/* what a run wrote to the standard error */
static char path[] = "/tmp/kquorum-grant-XXXXXX";

int __wrap_kquorum_lock_read(int fd, struct kquorum_lock_info *info);
int __wrap_kquorum_lock_on_loss(int fd, const struct kquorum_on_loss *on_loss);
int __wrap_kquorum_lock_renew(int fd, uint64_t token);

static uint64_t left(uint64_t end_ns)
{
	uint64_t now = now_ns();

	return end_ns == KQUORUM_NEVER ? end_ns : end_ns > now ? end_ns - now : 0;
}

static void look_at_operator(void)
{
	if (!grant->evict_at || now_ns() < grant->evict_at || grant->why == KQUORUM_RELEASE_EVICTED)
		return;
	grant->why = KQUORUM_RELEASE_EVICTED;
	grant->limit_ns = now_ns() + 5 * NS_PER_SEC;
}

int __wrap_kquorum_lock_read(int fd, struct kquorum_lock_info *info)
{
	(void)fd;
	look_at_operator();
	*info = (struct kquorum_lock_info){
		.state = KQUORUM_LOCK_GRANTED, .token = TOKEN, .why = grant->why,
		.renew_left_ns = left(grant->renew_ns), .hold_left_ns = left(grant->limit_ns),
	};
	info->left_ns = info->renew_left_ns < info->hold_left_ns ? info->renew_left_ns : info->hold_left_ns;
	if (info->left_ns > 60 * NS_PER_SEC)
		info->left_ns = 60 * NS_PER_SEC;	/* of the lease */
	if (info->left_ns)
		return 0;
	info->state = KQUORUM_LOCK_LOST;
	info->error = grant->error ? grant->error : info->renew_left_ns ? -ETIMEDOUT : -ETIME;
	return 0;
}

int __wrap_kquorum_lock_on_loss(int fd, const struct kquorum_on_loss *on_loss)
{
	(void)fd;
	grant->told++;
	grant->told_signal = on_loss->signal;
	return 0;
}

int __wrap_kquorum_lock_renew(int fd, uint64_t token)
{
	(void)fd;
	assert_int_equal(token, TOKEN);
	if (!left(grant->renew_ns) || now_ns() > grant->stop_renewing_at)
		return -ETIME;
	grant->renewals++;
	if (grant->ttl_ms)
		grant->renew_ns = now_ns() + grant->ttl_ms * NS_PER_MS;
	return 0;
}

static int setup(void **state)
{
	(void)state;
	if (!grant)
		grant = mmap(NULL, sizeof(*grant), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(grant, MAP_FAILED);
	*grant = (struct grant){
		.begun_ns = now_ns(), .renew_ns = KQUORUM_NEVER, .limit_ns = KQUORUM_NEVER,
		.why = KQUORUM_RELEASE_OVERDUE, .stop_renewing_at = KQUORUM_NEVER,
	};
	strcpy(path + strlen(path) - 6, "XXXXXX");
	close(mkstemp(path));
	unlink(path);
	setenv("FILE", path, 1);
	alarm(60);	/* what never loses its lock would run for ever */
	return 0;
}

static int teardown(void **state)
{
	sigset_t none;

	(void)state;
	unlink(path);
	sigemptyset(&none);
	return sigprocmask(SIG_SETMASK, &none, NULL);
}

static void lives_for(unsigned int ms)
{
	grant->ttl_ms = ms;
	grant->renew_ns = now_ns() + ms * NS_PER_MS;
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

/* Runs @what with what it says on the standard error in @err. */
static int run_heard(int (*what)(const void *with), const void *with)
{
	int saved = dup(2), file = memfd_create("err", MFD_CLOEXEC), ret;
	ssize_t n;

	assert_true(saved >= 0 && file >= 0);
	dup2(file, 2);
	ret = what(with);
	dup2(saved, 2);
	close(saved);
	n = pread(file, err, sizeof(err) - 1, 0);
	err[n > 0 ? n : 0] = '\0';
	close(file);
	return ret;
}

static int run_job(const void *options)
{
	const struct lock_options *o = options;
	struct kquorum_lock_info info;
	struct loss_plan plan;
	struct kquorum_status st = { .settings.lease_ms = 60000 };
	int fd = memfd_create("lock", MFD_CLOEXEC), ret;

	__wrap_kquorum_lock_read(fd, &info);
	plan = loss_plan(o, loss_span_granted(&st, &info).ms);
	ret = *o->command ? lock_run_command(o, fd, &info, &plan) : lock_hold(o, fd, &info);
	close(fd);
	return ret;
}

static int run_as(const struct lock_options *as, const char *script)
{
	struct lock_options o = *as;

	o.name = "db";
	o.command = (char *[]){ "sh", "-c", (char *)script, NULL };
	return run_heard(run_job, &o);
}

static const struct lock_options plain = { .kill_after_ns = KQUORUM_NEVER };

/* --- renewed -------------------------------------------------------------------------------- */

static void it_is_renewed_each_third_of_its_time(void **state)
{
	(void)state;
	lives_for(900);
	assert_int_equal(run_as(&plain, "sleep 2.4; exit 3"), 3);
	assert_in_range(grant->renewals, 4, 8);
	assert_string_equal(err, "");
}

static void what_need_not_be_renewed_is_not(void **state)
{
	(void)state;
	assert_int_equal(run_as(&plain, "sleep 0.5"), 0);
	assert_int_equal(grant->renewals, 0);
}

static void it_is_renewed_without_a_command_too(void **state)
{
	struct lock_options o = { .name = "db", .command = (char *[]){ NULL } };
	int in[2], saved = dup(0), out = dup(1), null = open("/dev/null", O_WRONLY), ret;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(in), 0);
	dup2(in[0], 0);
	dup2(null, 1);
	lives_for(600);
	pid = fork();
	if (!pid) {
		close(0);
		sleep_ms(1500);
		_exit(0);	/* its end of the pipe closes */
	}
	close(in[1]);
	ret = run_heard(run_job, &o);
	waitpid(pid, NULL, 0);
	dup2(saved, 0);
	dup2(out, 1);
	assert_int_equal(ret, KQUORUM_EXIT_DONE);
	assert_in_range(grant->renewals, 4, 9);
	close(in[0]);
	close(saved);
	close(out);
	close(null);
}

/* Its process is stopped: nobody renews for it. */
static void a_supervisor_that_hangs_does_not_renew(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	lives_for(600);
	pid = fork();
	if (!pid)
		_exit(run_as(&plain, "sleep 30"));
	sleep_ms(100);
	kill(pid, SIGSTOP);
	sleep_ms(800);
	assert_true(grant->renewals <= 1);
	kill(pid, SIGCONT);
	waitpid(pid, &status, 0);
	assert_int_equal(WEXITSTATUS(status), KQUORUM_EXIT_LOST);
}

/* --- renewed by the command ----------------------------------------------------------------- */

static const struct lock_options none = { .kill_after_ns = KQUORUM_NEVER, .command_renews = true };

static void the_command_gets_the_lock_to_renew_it(void **state)
{
	(void)state;
	lives_for(60000);
	assert_int_equal(run_as(&none, "[ $KQUORUM_LOCK_FD -ge 20 ] && readlink /proc/$$/fd/$KQUORUM_LOCK_FD | "
				"grep -q memfd:lock"), 0);
	setenv("KQUORUM_LOCK_FD", "7", 1);
	assert_int_equal(run_as(&plain, "[ -z \"${KQUORUM_LOCK_FD-}\" ] && "
				"! ls -l /proc/$$/fd | grep -q memfd:lock"), 0);
	unsetenv("KQUORUM_LOCK_FD");
	assert_int_equal(grant->renewals, 0);
}

static void a_command_that_hangs_loses_it(void **state)
{
	(void)state;
	lives_for(4000);
	assert_int_equal(run_as(&none, "trap '' TERM; while :; do sleep 0.05; done"), KQUORUM_EXIT_LOST);
	assert_int_equal(grant->renewals, 0);
	assert_contains(err, "db: unless renewed it is lost in ");
	assert_contains(err, ": SIGTERM to sh\n");
	assert_contains(err, ": SIGKILL to sh\n");
	/* before it could be somebody else's */
	assert_true(left(grant->renew_ns) > 0);
}

/* --- and lost ------------------------------------------------------------------------------- */

static const struct lock_options ignores = { .kill_after_ns = KQUORUM_NEVER, .on_loss = ON_LOSS_IGNORE };

static void each_loss_has_its_reason(void **state)
{
	static const struct {
		int error;
		const char *says;
	} reasons[] = {
		{ -ETIME, "\n  it was not renewed in its time to live: renew it sooner, or ask for a longer one\n" },
		{ -ETIMEDOUT, "\n  it was held as long as it may be: ask for it again, or for longer\n" },
		{ -ECANCELED, "\n  an operator took it (kquorum resource release): ask whoever did, kquorum log has it\n" },
		{ 1, "\n  the lease of this node ran out, no quorum renewed it: see kquorum status\n" },
	};
	unsigned int i;

	for (i = 0; i < 4; i++) {
		setup(state);
		grant->limit_ns = now_ns() + 300 * NS_PER_MS;
		grant->error = reasons[i].error;
		assert_int_equal(run_as(&ignores, "sleep 1; exit 4"), 4);
		assert_contains(err, "db: the lock is lost: sh runs on");
		assert_contains(err, reasons[i].says);
		setup(state);
		grant->limit_ns = 0;
		grant->error = reasons[i].error;
		assert_int_equal(run_as(&plain, "sleep 5"), KQUORUM_EXIT_LOST);
		assert_contains(err, "db: the lock is lost: SIGKILL to sh");
		assert_contains(err, reasons[i].says);
	}
}

/* Without a command nobody is stopped: it is said, and by a name that stays. */
static void json_says_by_name_why_it_was_lost(void **state)
{
	static const struct {
		int error;
		const char *name;
	} reasons[] = {
		{ -ETIME, "not_renewed" }, { -ETIMEDOUT, "held_too_long" }, { -ECANCELED, "evicted" },
		{ 1, "lease_over" },
	};
	const struct lock_options o = { .name = "db", .command = (char *[]){ NULL } };
	int never[2], in = dup(0), out = dup(1), file = memfd_create("out", MFD_CLOEXEC), ret;
	char text[1000] = "", says[40];
	unsigned int i;

	assert_int_equal(pipe(never), 0);
	for (i = 0; i < 4; i++) {
		setup(state);
		grant->limit_ns = now_ns() + 200 * NS_PER_MS;
		grant->error = reasons[i].error;
		fflush(stdout);
		assert_int_equal(ftruncate(file, 0), 0);
		lseek(file, 0, SEEK_SET);
		dup2(never[0], 0);
		dup2(file, 1);
		cli.json = true;
		ret = run_heard(run_job, &o);
		cli.json = false;
		dup2(in, 0);
		dup2(out, 1);
		assert_int_equal(ret, KQUORUM_EXIT_LOST);
		memset(text, 0, sizeof(text));
		assert_true(pread(file, text, sizeof(text) - 1, 0) > 0);
		snprintf(says, sizeof(says), "\"token\":4711,\"lost\":\"%s\"}\n", reasons[i].name);
		assert_contains(text, says);
		assert_contains(err, "kquorum: db: the lock is lost\n");
	}
	close(never[0]);
	close(never[1]);
	close(in);
	close(out);
	close(file);
}

static void it_is_not_held_longer_than_it_may_be(void **state)
{
	(void)state;
	lives_for(500);
	grant->limit_ns = now_ns() + 1500 * NS_PER_MS;
	assert_int_equal(run_as(&plain, "trap 'echo 7 >$FILE; exit 0' TERM; while :; do sleep 0.02; done"),
			 KQUORUM_EXIT_LOST);
	/* The module would send it; without one it is SIGKILL from here. */
	assert_contains(err, "db: it will have been held as long as it may be in ");
	assert_true(left(grant->limit_ns) > 0);
	assert_true(grant->renewals >= 4);
}

/* Of five seconds the module would leave it the last ones only. */
static void whom_an_operator_evicts_is_told_at_once_and_once(void **state)
{
	(void)state;
	lives_for(600);
	grant->evict_at = now_ns() + 300 * NS_PER_MS;
	assert_int_equal(run_as(&plain, "n=0; trap 'n=$((n+1)); echo $n >$FILE' TERM\n"
				"for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 0.1; done; exit 0"),
			 KQUORUM_EXIT_LOST);
	assert_int_equal(number_left(), 1);
	assert_contains(err, "db: an operator takes it in 5.0s (kquorum resource release)\n");
	assert_contains(err, "db: SIGTERM to sh, for an operator takes it\n");
	/* From then on the module is to send no other one. */
	assert_int_equal(grant->told, 2);
	assert_int_equal(grant->told_signal, 0);
	assert_null(strstr(err, "renewed, after"));
	assert_true(left(grant->limit_ns) > 3 * NS_PER_SEC);
}

static void who_wants_no_signal_is_only_told_of_it(void **state)
{
	static const struct lock_options kill = { .kill_after_ns = KQUORUM_NEVER, .on_loss = ON_LOSS_KILL };

	(void)state;
	grant->evict_at = now_ns();
	assert_int_equal(run_as(&kill, "trap 'exit 9' TERM; sleep 0.6; exit 4"), 4);
	assert_contains(err, "db: an operator takes it in 5.0s (kquorum resource release)\n");
	assert_int_equal(grant->told, 1);
}

#define WITH_GRANT(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		WITH_GRANT(it_is_renewed_each_third_of_its_time),
		WITH_GRANT(what_need_not_be_renewed_is_not),
		WITH_GRANT(it_is_renewed_without_a_command_too),
		WITH_GRANT(a_supervisor_that_hangs_does_not_renew),
		WITH_GRANT(the_command_gets_the_lock_to_renew_it),
		WITH_GRANT(a_command_that_hangs_loses_it),
		WITH_GRANT(each_loss_has_its_reason),
		WITH_GRANT(json_says_by_name_why_it_was_lost),
		WITH_GRANT(it_is_not_held_longer_than_it_may_be),
		WITH_GRANT(whom_an_operator_evicts_is_told_at_once_and_once),
		WITH_GRANT(who_wants_no_signal_is_only_told_of_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
