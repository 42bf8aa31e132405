// SPDX-License-Identifier: GPL-2.0
/* When a command gets what before the lease ends. */
#include <signal.h>
#include <string.h>

#include "lock.h"
#include "test.h"

struct cli cli;

static struct lock_options options(enum on_loss what, uint64_t kill_after_ns)
{
	static char *command[] = { "true", NULL };

	return (struct lock_options){
		.name = "db", .command = command, .on_loss = what, .kill_after_ns = kill_after_ns,
	};
}

static void margins_follow_from_the_lease(void **state)
{
	static const struct {
		uint32_t lease_ms;
		uint64_t kill_after_ns;
		uint32_t warn_ms, kill_ms;
	} cases[] = {
		{ 10000, KQUORUM_NEVER, 3000, 1000 },
		{ 3600000, KQUORUM_NEVER, 3000, 1000 },
		{ 3600000, 60 * NS_PER_SEC, 61000, 1000 },
		{ 10000, 4 * NS_PER_SEC, 5000, 1000 },
		{ 10000, 100 * NS_PER_SEC, 5000, 1000 },	/* the settings changed while it waited */
		{ 10000, 1, 1001, 1000 },	/* the signal comes before SIGKILL */
		{ 10000, 0, 1001, 1000 },
		{ 10000, 1500001, 1002, 1000 },
		{ 5000, KQUORUM_NEVER, 2500, 500 },
		{ 2000, KQUORUM_NEVER, 1000, 200 },
		{ 1000, KQUORUM_NEVER, 500, 100 },
		{ 500, KQUORUM_NEVER, 250, 100 },
		{ 300, KQUORUM_NEVER, 150, 75 },
		{ 3, KQUORUM_NEVER, 2, 1 },
	};
	unsigned int i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct lock_options o = options(ON_LOSS_SIGNAL, cases[i].kill_after_ns);
		struct loss_plan p = loss_plan(&o, cases[i].lease_ms);

		assert_int_equal(p.signal, SIGTERM);
		assert_int_equal(p.warn_ms, cases[i].warn_ms);
		assert_int_equal(p.kill_ms, cases[i].kill_ms);
		assert_int_equal(loss_first_ms(&p), cases[i].warn_ms);
	}
}

/* What --kill-after may be fits, and the shortest leases there can be have their margins. */
static void every_lease_has_room_for_both(void **state)
{
	uint32_t lease_ms;

	(void)state;
	for (lease_ms = 3; lease_ms <= 20000; lease_ms++) {
		struct lock_options o = options(ON_LOSS_SIGNAL, KQUORUM_NEVER);
		struct loss_plan p = loss_plan(&o, lease_ms);

		assert_true(p.kill_ms >= 1);
		assert_true(p.warn_ms > p.kill_ms);
		assert_true(p.warn_ms < lease_ms);
		assert_true(p.warn_ms <= lease_ms / 2 || lease_ms < 4);
		o.kill_after_ns = (lease_ms / 2 - p.kill_ms) * NS_PER_MS;
		if (lease_ms > 3)
			loss_check_span(&o, (struct loss_span){ lease_ms, "a lease" });	/* ends the test if it does not fit */
	}
}

static void kill_and_ignore_have_no_signal(void **state)
{
	struct lock_options o = options(ON_LOSS_KILL, KQUORUM_NEVER);
	struct loss_plan p = loss_plan(&o, 10000);

	(void)state;
	assert_int_equal(p.signal, 0);
	assert_int_equal(p.kill_ms, 1000);
	assert_int_equal(loss_first_ms(&p), 1000);
	o = options(ON_LOSS_IGNORE, KQUORUM_NEVER);
	p = loss_plan(&o, 10000);
	assert_int_equal(p.signal, 0);
	assert_int_equal(p.kill_ms, 0);
	assert_int_equal(loss_first_ms(&p), 0);
}

static void signals_have_names(void **state)
{
	char name[FORMAT_MAX];

	(void)state;
	assert_string_equal(loss_signal_name(name, SIGTERM), "SIGTERM");
	assert_string_equal(loss_signal_name(name, SIGUSR1), "SIGUSR1");
	assert_string_equal(loss_signal_name(name, 64), "signal 64");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(margins_follow_from_the_lease),
		cmocka_unit_test(every_lease_has_room_for_both),
		cmocka_unit_test(kill_and_ignore_have_no_signal),
		cmocka_unit_test(signals_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
