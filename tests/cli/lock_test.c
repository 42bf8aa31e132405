// SPDX-License-Identifier: GPL-2.0
/* kquorum lock: all of it, a share, or so many units; and what is said of each refusal. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "child.h"
#include "pool.h"
#include "test.h"

static int lock(const char *words)
{
	char all[400];

	snprintf(all, sizeof(all), "lock %s", words);
	return run(&command_lock, all);
}

static void refuse(int error)
{
	lock_info = (struct kquorum_lock_info){ .state = KQUORUM_LOCK_REFUSED, .error = error };
}

static void grant(uint32_t mode, uint32_t units, uint64_t numbers)
{
	lock_info = (struct kquorum_lock_info){
		.state = KQUORUM_LOCK_GRANTED, .token = 99, .left_ns = 9 * NS_PER_SEC, .mode = mode,
		.units = units, .numbers = { numbers }, .session = 9, .owner = 7,
		.renew_left_ns = KQUORUM_NEVER, .hold_left_ns = KQUORUM_NEVER,
	};
}

static unsigned int count(const char *part)
{
	const char *at = out;
	unsigned int n = 0;

	for (; (at = strstr(at, part)); at++)
		n++;
	return n;
}

/* --- asking --------------------------------------------------------------------------------- */

static void asks_for_what_was_said(void **state)
{
	static const struct {
		const char *words, *asked;
	} cases[] = {
		{ "gpu -- true", "lock gpu, flags 2, units 0, info -\n" },
		{ "-x gpu -- true", "lock gpu, flags 2, units 0, info -\n" },
		{ "-s gpu -- true", "lock gpu, flags 6, units 0, info -\n" },
		{ "--shared -n gpu -- true", "lock gpu, flags 7, units 0, info -\n" },
		{ "-k 2 gpu -- true", "lock gpu, flags 2, units 2, info -\n" },
		{ "--units 2147483648 gpu -- true", "lock gpu, flags 2, units 2147483648, info -\n" },
		{ "--info=nightly gpu -- true", "lock gpu, flags 2, units 0, info nightly\n" },
		{ "--ttl 30s --max-hold=1h gpu -- true", "lock gpu, flags 2, units 0, info -, ttl 30000, hold 3600000\n" },
		{ "--ttl 100001us gpu -- true", "lock gpu, flags 2, units 0, info -, ttl 101, hold 0\n" },
		{ "--ttl 30s --renew=none gpu -- true", "lock gpu, flags 2, units 0, info -, ttl 30000, hold 0\n" },
		{ "-o gpu -- true", "lock gpu, flags 2, units 0, info -\n" },
		{ "--inherit gpu -- true", "lock gpu, flags 0, units 0, info -\n" },
		{ "gpu -k 2", "" },	/* options come first */
	};
	unsigned int i;

	(void)state;
	grant(KQUORUM_CLAIM_EXCLUSIVE, 0, 0);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		asked[0] = '\0';
		lock(cases[i].words);
		assert_string_equal(asked, cases[i].asked);
	}
}

static void kinds_exclude_each_other(void **state)
{
	char words[200];

	(void)state;
	assert_int_equal(lock("-s -x gpu -- true"), 2);
	assert_contains(out, "-s is a share of it, -x all of it: one or the other\n");
	assert_int_equal(lock("-k 2 -x gpu -- true"), 2);
	assert_contains(out, "-k is so many units, -x all of them: one or the other\n");
	assert_int_equal(lock("-k 2 -s gpu -- true"), 2);
	assert_contains(out, "-k is so many units, -s a share of all of them: one or the other\n");
	assert_contains(out, "Usage: kquorum lock [-x | -s | -k N]");
	assert_int_equal(lock("-k 0 gpu -- true"), 2);
	assert_int_equal(lock("-k 2147483649 gpu -- true"), 2);
	snprintf(words, sizeof(words), "--info=%0*d gpu -- true", KQUORUM_INFO_MAX + 1, 0);
	assert_int_equal(lock(words), 2);
	assert_contains(out, "--info: at most 63 bytes, not 64\n");
	assert_int_equal(lock("--info=a\tb gpu -- true"), 2);
	assert_contains(out, "--info: no control characters\n");
	assert_string_equal(asked, "");
	grant(KQUORUM_CLAIM_EXCLUSIVE, 0, 0);
	snprintf(words, sizeof(words), "--info=%0*d gpu -- true", KQUORUM_INFO_MAX, 0);
	assert_int_equal(lock(words), 0);
}

static void a_descriptor_is_kept_or_handed_on(void **state)
{
	(void)state;
	assert_int_equal(lock("--close --inherit gpu -- true"), 2);
	assert_contains(out, "--close keeps the descriptor from COMMAND, --inherit hands it on: one or the other\n");
	assert_string_equal(asked, "");
}

/* Where flock(1) has it: behind the lock. */
static void the_shell_runs_one_word(void **state)
{
	(void)state;
	grant(KQUORUM_CLAIM_EXCLUSIVE, 0, 0);
	assert_int_equal(lock("gpu -c exit\t7"), 7);
	assert_int_equal(lock("gpu --command exit\t8"), 8);
	assert_int_equal(lock("gpu -- -c exit"), 127);
	assert_int_equal(lock("gpu -c"), 2);
	assert_contains(out, "-c takes one word, for /bin/sh\n");
	assert_int_equal(lock("gpu -c exit 7"), 2);
}

/* --- granted -------------------------------------------------------------------------------- */

static void what_was_granted_is_told(void **state)
{
	(void)state;
	grant(KQUORUM_CLAIM_MODE_UNITS, 2, 1 << 0 | 1 << 3);
	assert_int_equal(lock("-v -k 2 gpu -- printenv KQUORUM_UNITS"), 0);
	assert_contains(out, "gpu: granted, token 99, 2 units: 0,3\n");
	assert_contains(out, "\n0,3\n");
	assert_int_equal(lock("-k 2 gpu"), 0);
	assert_string_equal(out, "token 99\nunits 0,3\n");
	assert_int_equal(lock("-j -k 2 gpu"), 0);
	assert_contains(out, "\"mode\":\"units\",\"units\":2,\"numbers\":[0,3]}\n");
	grant(KQUORUM_CLAIM_SHARED, 0, 0);
	assert_int_equal(lock("-v -s gpu -- true"), 0);
	assert_contains(out, "gpu: granted, token 99, shared\n");
	assert_int_equal(lock("-s gpu"), 0);
	assert_string_equal(out, "token 99\n");
	grant(KQUORUM_CLAIM_EXCLUSIVE, 0, 0);
	assert_int_equal(lock("-v gpu -- true"), 0);
	assert_string_equal(out, "kquorum lock: gpu: granted, token 99\n");
	assert_int_equal(lock("-j gpu"), 0);
	assert_contains(out, "\"mode\":\"exclusive\",\"units\":null,\"numbers\":[]}\n");
	/* Of which no unit has a number. */
	grant(KQUORUM_CLAIM_MODE_UNITS, 1000, 0);
	assert_int_equal(lock("-v -k 1000 gpu -- true"), 0);
	assert_contains(out, "gpu: granted, token 99, 1000 units\n");
}

/* --- before the lease ends ------------------------------------------------------------------ */

static void the_module_is_told_whom_to_stop_and_when(void **state)
{
	static const struct {
		const char *words, *told;
	} cases[] = {
		{ "gpu -- true", "flags 3, signal 15 at 3000, kill at 1000\n" },
		{ "--on-loss=term --kill-after=1 gpu -- true", "flags 3, signal 15 at 2000, kill at 1000\n" },
		{ "--kill-after=4 gpu -- true", "flags 3, signal 15 at 5000, kill at 1000\n" },
		{ "--on-loss signal:USR1 gpu -- true", "flags 3, signal 10 at 3000, kill at 1000\n" },
		{ "--on-loss signal:sigint gpu -- true", "flags 3, signal 2 at 3000, kill at 1000\n" },
		{ "--on-loss signal:64 gpu -- true", "flags 3, signal 64 at 3000, kill at 1000\n" },
		{ "--on-loss kill gpu -- true", "flags 3, signal 0 at 0, kill at 1000\n" },
		{ "--on-loss ignore gpu -- true", "" },
		{ "--inherit gpu -- true", "flags 3, signal 15 at 3000, kill at 1000\n" },
		{ "gpu", "" },	/* there is nobody to stop */
	};
	unsigned int i;

	(void)state;
	grant(KQUORUM_CLAIM_EXCLUSIVE, 0, 0);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		told[0] = '\0';
		assert_int_equal(lock(cases[i].words), 0);
		assert_string_equal(told, cases[i].told);
	}
}

static void what_cannot_be_is_refused_before_anything_is_asked(void **state)
{
	static const struct {
		const char *words, *says;
	} cases[] = {
		{ "--kill-after=4001ms gpu -- true", "--kill-after: 4.0s does not fit into a lease of 10.0s: "
		  "at most 4.0s,\n  half of it without the 1.0s that SIGKILL comes before its end\n" },
		{ "--on-loss=stop gpu -- true", "\"stop\" is not term, kill, ignore, or signal: and a signal\n" },
		{ "--on-loss=signal:0 gpu -- true", "\"0\" is no signal: a name, as USR1, or a number from 1 to 64\n" },
		{ "--on-loss=signal:65 gpu -- true", "\"65\" is no signal" },
		{ "--on-loss=signal: gpu -- true", "\"\" is no signal" },
		{ "--on-loss=signal:USR gpu -- true", "\"USR\" is no signal" },
		{ "--on-loss=signal:KILL gpu -- true", "SIGKILL without another signal before is --on-loss=kill\n" },
		{ "--on-loss=kill --kill-after=1 gpu -- true", "--kill-after is the time from a signal to SIGKILL: "
		  "--on-loss=kill has none\n" },
		{ "--kill-after=1 --on-loss=ignore gpu -- true", "--on-loss=ignore has none\n" },
		{ "--on-loss=term gpu", "--on-loss is what COMMAND gets: there is none\n" },
		{ "--on-loss=kill gpu", "--on-loss is what COMMAND gets: there is none\n" },
		{ "--renew=none gpu", "--renew=none: it is COMMAND that renews it: there is none\n" },
		{ "--renew=never gpu -- true", "--renew: \"never\" is not auto or none\n" },
		{ "--ttl=99ms gpu -- true", "--ttl: 99ms is from 100ms to 24 days\n" },
		{ "--ttl=0 gpu -- true", "--ttl: 0 is from 100ms to 24 days\n" },
		{ "--max-hold=600h gpu -- true", "--max-hold: 600h is from 100ms to 24 days\n" },
	};
	unsigned int i;

	(void)state;
	grant(KQUORUM_CLAIM_EXCLUSIVE, 0, 0);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(lock(cases[i].words), 2);
		assert_contains(out, cases[i].says);
		assert_fits();
		assert_string_equal(asked, "");
	}
}

/* The margins fit into what ends first, from the time on at which the command begins. */
static void a_short_grant_has_short_margins(void **state)
{
	(void)state;
	grant(KQUORUM_CLAIM_EXCLUSIVE, 0, 0);
	/* It was learnt of late: a second of four is over. */
	lock_info.renew_left_ns = 3 * NS_PER_SEC;
	lock_info.left_ns = 3 * NS_PER_SEC;
	after_renewal_ns = 4 * NS_PER_SEC;
	assert_int_equal(lock("--ttl 4s gpu -- true"), 0);
	assert_contains(told, "renewed 99\n");
	assert_contains(told, "flags 3, signal 15 at 2000, kill at 400\n");
	pool_begin(state);
	grant(KQUORUM_CLAIM_EXCLUSIVE, 0, 0);
	lock_info.hold_left_ns = 1500 * NS_PER_MS;
	lock_info.left_ns = 1500 * NS_PER_MS;
	assert_int_equal(lock("gpu -- true"), 0);
	assert_string_equal(told, "flags 3, signal 15 at 750, kill at 150\n");
	/* What is said of the resource counts too. */
	gpu.ttl_ms = 5000;
	assert_int_equal(lock("--kill-after=2001ms gpu -- true"), 2);
	assert_contains(out, "--kill-after: 2.0s does not fit into a time to live of 5.0s: at most 2.0s,\n"
			"  half of it without the 500ms that SIGKILL comes before its end\n");
	assert_int_equal(lock("--kill-after=3 --max-hold 7s --ttl 20s gpu -- true"), 2);
	assert_contains(out, "does not fit into a longest hold of 7.0s");
	gpu.hold_ms = 6000;
	assert_int_equal(lock("--kill-after=3 --max-hold 7s --ttl 20s gpu -- true"), 2);
	assert_contains(out, "does not fit into a longest hold of 6.0s");
}

/* Two hold, where the settings are being replaced: the shorter lease is granted. */
static void the_lease_that_is_granted_counts(void **state)
{
	(void)state;
	grant(KQUORUM_CLAIM_EXCLUSIVE, 0, 0);
	status.overlap = true;
	status.before.lease_ms = 4000;
	assert_int_equal(lock("gpu -- true"), 0);
	assert_string_equal(told, "flags 3, signal 15 at 2000, kill at 400\n");
	assert_int_equal(lock("--kill-after=1601ms gpu -- true"), 2);
	status.before.lease_ms = 20000;
	told[0] = '\0';
	assert_int_equal(lock("gpu -- true"), 0);
	assert_string_equal(told, "flags 3, signal 15 at 3000, kill at 1000\n");
	/* What is over does not count any more. */
	status.overlap = false;
	status.before.lease_ms = 4000;
	assert_int_equal(lock("--kill-after=4 gpu -- true"), 0);
}

/* The command would be stopped as soon as it is started. */
static void a_lease_that_is_about_to_end_is_waited_for(void **state)
{
	static const char once[] = "lock gpu, flags 2, units 0, info -\n";

	grant(KQUORUM_CLAIM_EXCLUSIVE, 0, 0);
	short_reads = 3;
	short_left_ns = 3 * NS_PER_SEC;
	lost_then = true;
	assert_int_equal(lock("gpu -- true"), 0);
	/* it was lost in place of renewed, and so asked for again: nothing had been started */
	assert_string_equal(asked, "lock gpu, flags 2, units 0, info -\n"
			    "lock gpu, flags 2, units 0, info -\n");
	pool_begin(state);
	grant(KQUORUM_CLAIM_EXCLUSIVE, 0, 0);
	short_reads = 3;
	assert_int_equal(lock("gpu -- true"), 0);
	assert_string_equal(asked, once);
	/* for what stops nobody there is no need to wait: the loss would come then */
	pool_begin(state);
	grant(KQUORUM_CLAIM_EXCLUSIVE, 0, 0);
	short_reads = 1;
	lost_then = true;
	assert_int_equal(lock("--on-loss=ignore gpu -- true"), 0);
	assert_string_equal(asked, once);
}

static void without_the_module_to_stop_it_the_command_is_not_run(void **state)
{
	static const int errors[] = { -EBADF, -EINVAL, -EPERM };
	unsigned int i;

	(void)state;
	grant(KQUORUM_CLAIM_EXCLUSIVE, 0, 0);
	for (i = 0; i < 3; i++) {
		on_loss_error = errors[i];
		assert_int_equal(lock("gpu -- echo runs"), on_loss_error == -EPERM ? 77 : 1);
		assert_null(strstr(out, "runs"));
		if (on_loss_error == -EPERM)
			assert_contains(out, "gpu: the module cannot stop echo before the lease ends: it is not run\n"
					"  Operation not permitted\n");
		else
			assert_contains(out, "gpu: the module is too old to stop echo before the lease ends: it is "
					"not run\n  load the module of this version, or leave that to the token: "
					"--on-loss=ignore\n");
		assert_fits();
		assert_int_equal(lock("--on-loss=ignore gpu -- echo runs"), 0);
		assert_string_equal(out, "runs\n");
	}
}

/* --- under another one ---------------------------------------------------------------------- */

static int lock_under(const char *held, const char *words)
{
	int ret;

	setenv("KQUORUM_HELD", held, 1);
	ret = lock(words);
	unsetenv("KQUORUM_HELD");
	return ret;
}

static void the_command_finds_what_it_runs_under(void **state)
{
	(void)state;
	grant(KQUORUM_CLAIM_EXCLUSIVE, 0, 0);
	assert_int_equal(lock("disk -- printenv KQUORUM_HELD"), 0);
	assert_string_equal(out, "abc 9 7 exclusive disk\n");
	grant(KQUORUM_CLAIM_SHARED, 0, 0);
	assert_int_equal(lock_under("abc 9 7 exclusive disk", "-s gpu -- printenv KQUORUM_HELD"), 0);
	assert_string_equal(out, "abc 9 7 exclusive disk\nabc 9 7 shared gpu\n");
}

static void what_would_wait_for_itself_is_refused_at_once(void **state)
{
	static const struct {
		const char *held, *words;
	} cases[] = {
		{ "abc 5 1 exclusive gpu", "gpu -- true" },
		{ "abc 5 1 exclusive gpu", "-n gpu -- true" },
		{ "abc 5 1 exclusive gpu", "-s gpu" },
		{ "abc 5 1 exclusive gpu", "-k 1 gpu -- true" },
		{ "abc 5 1 shared gpu", "gpu -- true" },
		{ "abc 5 1 shared gpu", "-k 1 gpu -- true" },
		{ "abc 5 1 units gpu", "-x gpu -- true" },
		{ "abc 5 1 units gpu", "-s gpu -- true" },
		{ "abc 5 9 exclusive a b\nabc 5 1 exclusive gpu\nabc 5 9 exclusive c", "gpu -- true" },
		{ "no such line\n\nabc 5 1 exclusive gpu", "gpu -- true" },
	};
	unsigned int i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(lock_under(cases[i].held, cases[i].words), 1);
		assert_string_equal(out, "kquorum lock: gpu is held by this very call chain, n2 pid 4194304 "
				    "(fifteen-letters):\n  it would wait for itself for ever\n");
		assert_fits();
		assert_string_equal(asked, "");
	}
}

static void what_goes_beside_it_is_asked_for(void **state)
{
	static const struct {
		const char *held, *words;
	} cases[] = {
		{ "abc 5 1 shared gpu", "-s gpu -- true" },
		{ "abc 5 1 units gpu", "-k 1 gpu -- true" },
		{ "abc 5 1 exclusive gpu", "gpu2 -- true" },
		{ "abc 5 1 exclusive gpu2", "gpu -- true" },
		{ "abd 5 1 exclusive gpu", "gpu -- true" },	/* another cluster's */
		{ "abc 5 9 exclusive gpu", "gpu -- true" },	/* given back since */
		{ "abc 6 2 exclusive gpu", "gpu -- true" },	/* waits */
		{ "abc 5 1 exclusive", "gpu -- true" },
		{ "abc 5 exclusive gpu", "gpu -- true" },
		{ "", "gpu -- true" },
	};
	unsigned int i;

	(void)state;
	grant(KQUORUM_CLAIM_EXCLUSIVE, 0, 0);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(lock_under(cases[i].held, cases[i].words), 0);
		assert_string_equal(out, "");
	}
}

/* --- refused -------------------------------------------------------------------------------- */

static void too_many_units_are_refused_with_the_way_out(void **state)
{
	(void)state;
	refuse(-ERANGE);
	assert_int_equal(lock("-k 5 gpu -- true"), 1);
	assert_string_equal(out, "kquorum lock: gpu has 4 units, 5 were asked for: kquorum resource show gpu\n");
	assert_int_equal(lock("-k 3 gpu -- true"), 1);
	assert_string_equal(out, "kquorum lock: gpu had fewer than 3 units: try again\n");
	assert_int_equal(lock("-k 2 disk -- true"), 1);
	assert_contains(out, "disk has 1 unit, for nothing else was said of it, and 2 were asked for:\n"
			"  kquorum resource create disk --units 2\n");
	assert_fits();
}

static void a_full_queue_is_said_with_the_way_out(void **state)
{
	(void)state;
	refuse(-EUSERS);
	gpu.max_waiters = 2;
	assert_int_equal(lock("gpu -- true"), 75);
	assert_string_equal(out, "kquorum lock: gpu: 2 wait for it already, as many as may: "
			    "kquorum resource set gpu --max-waiters N\n");
	assert_int_equal(lock("-E 9 gpu -- true"), 9);
	refuse(-ENFILE);
	assert_int_equal(lock("gpu -- true"), 75);
	assert_contains(out, "gpu: in the whole cluster no more can hold or wait: kquorum resource list\n");
}

static void who_tries_is_told_of_all_holders(void **state)
{
	(void)state;
	refuse(-EAGAIN);
	assert_int_equal(lock("-n -v gpu -- true"), 75);
	assert_string_equal(out, "kquorum lock: gpu is held by 2, longest by n2 for 65.0s: pid 4194304 "
			    "(fifteen-letters), 3 of 4 units in use, 2 more before this one\n");
	gpu.n_claims = 1;
	gpu.in_use = 2;
	assert_int_equal(lock("-n -v -k 3 gpu -- true"), 75);
	assert_string_equal(out, "kquorum lock: gpu is held by n2 for 65.0s: pid 4194304 (fifteen-letters), "
			    "2 of 4 units in use\n");
	claims[0].mode = KQUORUM_CLAIM_SHARED;
	assert_int_equal(lock("-n -v gpu -- true"), 75);
	assert_string_equal(out, "kquorum lock: gpu is held by n2 for 65.0s: pid 4194304 (fifteen-letters)\n");
	assert_int_equal(lock("-n gpu -- true"), 75);
	assert_string_equal(out, "");
}

static void whom_it_is_not_for_is_told_who_can_change_that(void **state)
{
	unsigned int i;

	(void)state;
	for (i = 0; i < 2; i++) {
		/* Refused at once, or when it was applied. */
		if (i)
			refuse(-EACCES);
		else
			open_error = -EACCES;
		assert_int_equal(lock("gpu -- true"), 77);
		assert_string_equal(out, "kquorum lock: gpu: its owner, group and mode do not let this user have it: "
				    "kquorum resource show gpu\n"
				    "  root changes them: kquorum resource set gpu --owner, --group or --mode\n");
		assert_fits();
		assert_int_equal(lock("-s gpu -- true"), 77);
		assert_contains(out, "do not let this user have a share of it");
		assert_int_equal(lock("disk -- true"), 77);
		assert_string_equal(out, "kquorum lock: disk: nothing was said of it, and so it is root's alone\n"
				    "  root makes it for others: kquorum resource create disk --owner USER\n");
		open_error = 0;
	}
}

static void whom_an_operator_sends_away_does_not_ask_again(void **state)
{
	(void)state;
	refuse(-ECANCELED);
	assert_int_equal(lock("gpu -- echo runs"), 1);
	assert_string_equal(out, "kquorum lock: gpu: an operator ended the wait (kquorum resource release): ask "
			    "whoever did, kquorum log has it\n");
	assert_int_equal(count("lock gpu"), 0);
	lock_info.state = KQUORUM_LOCK_LOST;
	asked[0] = '\0';
	assert_int_equal(lock("gpu -- echo runs"), 70);
	assert_contains(out, "gpu: an operator took it (kquorum resource release): ");
	assert_string_equal(asked, "lock gpu, flags 2, units 0, info -\n");
}

static void until_when_it_is_held_is_said(void **state)
{
	(void)state;
	gpu.n_claims = 1;
	claims[0].hold_ms = 125000;
	refuse(-EAGAIN);
	assert_int_equal(lock("-n -v gpu -- true"), 75);
	assert_contains(out, "gpu is held by n2 for 65.0s: pid 4194304 (fifteen-letters), for 60.0s more at most");
}

/* --- waiting -------------------------------------------------------------------------------- */

/* Those who wait behind do not stand before. */
static void who_waits_is_told_of_those_before(void **state)
{
	(void)state;
	lock_info.session = 5;
	lock_info.owner = 3;
	assert_int_equal(lock("-w 0.1 -s gpu -- true"), 75);
	assert_contains(out, "gpu: not granted in time:\n  held by 2, longest by n2 for 65.0s: pid 4194304 "
			"(fifteen-letters), 3 of 4 units in use, 1 more before this one\n");
	lock_info.session = 6;
	lock_info.owner = 2;
	assert_int_equal(lock("-w 0.1 -k 4 gpu -- true"), 75);
	assert_contains(out, "3 of 4 units in use\n");
	assert_null(strstr(out, "before this one"));
}

static void who_waits_for_all_of_a_pool_is_told_once(void **state)
{
	(void)state;
	assert_int_equal(run_on_terminal(&command_lock, "lock -w 1.3 gpu -- true"), 75);
	assert_contains(out, "waiting for gpu: held by 2, longest by n2");
	assert_int_equal(count("gpu has 4 units, and this asks for all of them; -k 1 asks for one"), 1);
	assert_int_equal(run_on_terminal(&command_lock, "lock -w 0.1 -x gpu -- true"), 75);
	assert_int_equal(count("-k 1 asks for one"), 0);
	assert_int_equal(run_on_terminal(&command_lock, "lock -w 0.1 -k 2 gpu -- true"), 75);
	assert_int_equal(count("-k 1 asks for one"), 0);
	assert_int_equal(lock("-w 0.1 gpu -- true"), 75);
	assert_int_equal(count("-k 1 asks for one"), 0);
	gpu.units = 1;
	assert_int_equal(run_on_terminal(&command_lock, "lock -w 0.1 gpu -- true"), 75);
	assert_int_equal(count("-k 1 asks for one"), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(asks_for_what_was_said, pool_begin),
		cmocka_unit_test_setup(kinds_exclude_each_other, pool_begin),
		cmocka_unit_test_setup(a_descriptor_is_kept_or_handed_on, pool_begin),
		cmocka_unit_test_setup(the_shell_runs_one_word, pool_begin),
		cmocka_unit_test_setup(what_was_granted_is_told, pool_begin),
		cmocka_unit_test_setup(the_module_is_told_whom_to_stop_and_when, pool_begin),
		cmocka_unit_test_setup(what_cannot_be_is_refused_before_anything_is_asked, pool_begin),
		cmocka_unit_test_setup(a_short_grant_has_short_margins, pool_begin),
		cmocka_unit_test_setup(the_lease_that_is_granted_counts, pool_begin),
		cmocka_unit_test_setup(a_lease_that_is_about_to_end_is_waited_for, pool_begin),
		cmocka_unit_test_setup(without_the_module_to_stop_it_the_command_is_not_run, pool_begin),
		cmocka_unit_test_setup(the_command_finds_what_it_runs_under, pool_begin),
		cmocka_unit_test_setup(what_would_wait_for_itself_is_refused_at_once, pool_begin),
		cmocka_unit_test_setup(what_goes_beside_it_is_asked_for, pool_begin),
		cmocka_unit_test_setup(too_many_units_are_refused_with_the_way_out, pool_begin),
		cmocka_unit_test_setup(a_full_queue_is_said_with_the_way_out, pool_begin),
		cmocka_unit_test_setup(who_tries_is_told_of_all_holders, pool_begin),
		cmocka_unit_test_setup(whom_it_is_not_for_is_told_who_can_change_that, pool_begin),
		cmocka_unit_test_setup(whom_an_operator_sends_away_does_not_ask_again, pool_begin),
		cmocka_unit_test_setup(until_when_it_is_held_is_said, pool_begin),
		cmocka_unit_test_setup(who_waits_is_told_of_those_before, pool_begin),
		cmocka_unit_test_setup(who_waits_for_all_of_a_pool_is_told_once, pool_begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
