// SPDX-License-Identifier: GPL-2.0
/*
 * What a command's process group gets before its lock is lost, by the end of the lease or of the
 * grant itself: what was asked for, when that is, and telling the module, which then does it also when
 * this process cannot.
 *
 *	lease |------------------------| warn_ms left: signal --- kill_ms left: SIGKILL --- 0: the end
 *
 * From the signal to SIGKILL it is --kill-after. SIGKILL comes a margin before the end, for what is
 * killed needs a moment until it is gone.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>

#include "lock.h"

#define KILL_AFTER_NS	(2 * NS_PER_SEC)	/* unless it is said */
#define KILL_MS_MIN	100
#define KILL_MS_MAX	1000
#define SIGNAL_MAX	64			/* as the module has it */

const char *loss_signal_name(char *buf, unsigned int signal)
{
	const char *name = sigabbrev_np(signal);

	if (name)
		snprintf(buf, FORMAT_MAX, "SIG%s", name);
	else
		snprintf(buf, FORMAT_MAX, "signal %u", signal);
	return buf;
}

/* By number, or by name with SIG or without; 0: there is none. */
static unsigned int signal_number(const char *text)
{
	uint64_t number;
	unsigned int i;

	if (!parse_number(text, &number))
		return number <= SIGNAL_MAX ? number : 0;
	if (!strncasecmp(text, "SIG", 3))
		text += 3;
	for (i = 1; i <= SIGNAL_MAX; i++)
		if (sigabbrev_np(i) && !strcasecmp(text, sigabbrev_np(i)))
			return i;
	return 0;
}

void loss_parse(struct lock_options *o, const char *arg)
{
	static const struct {
		const char *word;
		enum on_loss what;
		unsigned int signal;
	} words[] = {
		{ "term", ON_LOSS_SIGNAL, SIGTERM }, { "kill", ON_LOSS_KILL, 0 }, { "ignore", ON_LOSS_IGNORE, 0 },
	};
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(arg, words[i].word))
			continue;
		o->on_loss = words[i].what;
		o->signal = words[i].signal;
		return;
	}
	if (strncmp(arg, "signal:", 7))
		cli_usage_error("--on-loss: \"%s\" is not term, kill, ignore, or signal: and a signal", arg);
	o->on_loss = ON_LOSS_SIGNAL;
	o->signal = signal_number(arg + 7);
	if (!o->signal)
		cli_usage_error("--on-loss: \"%s\" is no signal: a name, as USR1, or a number from 1 to %d",
				arg + 7, SIGNAL_MAX);
	if (o->signal == SIGKILL)
		cli_usage_error("--on-loss: SIGKILL without another signal before is --on-loss=kill");
}

void loss_check(const struct lock_options *o)
{
	if (!*o->command && (o->on_loss != ON_LOSS_SIGNAL || o->signal))
		cli_usage_error("--on-loss is what COMMAND gets: there is none");
	if (o->on_loss != ON_LOSS_SIGNAL && o->kill_after_ns != KQUORUM_NEVER)
		cli_usage_error("--kill-after is the time from a signal to SIGKILL: --on-loss=%s has none",
				o->on_loss == ON_LOSS_KILL ? "kill" : "ignore");
}

struct loss_span loss_span(const struct kquorum_status *st, uint32_t ttl_ms, uint32_t hold_ms)
{
	uint32_t now = st->settings.lease_ms, before = st->before.lease_ms;
	struct loss_span span = { st->overlap && before && before < now ? before : now, "a lease" };

	if (ttl_ms && (!span.ms || ttl_ms < span.ms))
		span = (struct loss_span){ ttl_ms, "a time to live" };
	if (hold_ms && (!span.ms || hold_ms < span.ms))
		span = (struct loss_span){ hold_ms, "a longest hold" };
	return span;
}

/* Whole milliseconds, a part of one too; 0: there is no end. */
static uint32_t ms_of(uint64_t ns)
{
	uint64_t ms = ns / NS_PER_MS + (ns % NS_PER_MS != 0);

	if (ns == KQUORUM_NEVER)
		return 0;
	return ms > UINT32_MAX ? UINT32_MAX : ms ? ms : 1;
}

struct loss_span loss_span_granted(const struct kquorum_status *st, const struct kquorum_lock_info *info)
{
	return loss_span(st, ms_of(info->renew_left_ns), ms_of(info->hold_left_ns));
}

/* A tenth of the lease. The shortest leases have no room for a margin that is worth its name. */
static uint32_t kill_margin_ms(uint32_t lease_ms)
{
	uint32_t ms = lease_ms / 10;

	if (ms < KILL_MS_MIN)
		ms = KILL_MS_MIN;
	if (ms > KILL_MS_MAX)
		ms = KILL_MS_MAX;
	if (ms > lease_ms / 4)
		ms = lease_ms / 4;
	return ms ? ms : 1;
}

/* Whole milliseconds, and at least one: the signal comes before SIGKILL. */
static uint64_t kill_after_ms(const struct lock_options *o)
{
	uint64_t ns = o->kill_after_ns == KQUORUM_NEVER ? KILL_AFTER_NS : o->kill_after_ns;

	return ns ? (ns - 1) / NS_PER_MS + 1 : 1;
}

void loss_check_span(const struct lock_options *o, struct loss_span span)
{
	uint32_t kill_ms = kill_margin_ms(span.ms), room = span.ms / 2 - kill_ms;
	char after[FORMAT_MAX], all[FORMAT_MAX], most[FORMAT_MAX], margin[FORMAT_MAX];

	if (!span.ms || !*o->command || o->kill_after_ns == KQUORUM_NEVER || kill_after_ms(o) <= room)
		return;
	cli_usage_error("--kill-after: %s does not fit into %s of %s: at most %s,\n"
			"  half of it without the %s that SIGKILL comes before its end",
			format_duration(after, o->kill_after_ns), span.of,
			format_duration(all, span.ms * NS_PER_MS),
			format_duration(most, room * NS_PER_MS),
			format_duration(margin, kill_ms * NS_PER_MS));
}

struct loss_plan loss_plan(const struct lock_options *o, uint32_t span_ms)
{
	struct loss_plan plan = { 0 };
	uint64_t warn_ms;

	if (o->on_loss == ON_LOSS_IGNORE)
		return plan;
	plan.kill_ms = kill_margin_ms(span_ms);
	if (o->on_loss == ON_LOSS_KILL)
		return plan;
	plan.signal = o->signal ? o->signal : SIGTERM;
	/* No more than half: while all is well what is left must never come near it. */
	warn_ms = plan.kill_ms + kill_after_ms(o);
	if (warn_ms > span_ms / 2)
		warn_ms = span_ms / 2;
	if (warn_ms <= plan.kill_ms)
		warn_ms = plan.kill_ms + 1;
	plan.warn_ms = warn_ms;
	return plan;
}

uint32_t loss_first_ms(const struct loss_plan *plan)
{
	return plan->signal ? plan->warn_ms : plan->kill_ms;
}

void loss_tell_kill(const struct loss_plan *plan, int fd, int group)
{
	const struct kquorum_on_loss on_loss = {
		.pid = group, .flags = KQUORUM_ON_LOSS_GROUP | KQUORUM_ON_LOSS_KILL,
		.kill_ms = plan->kill_ms, .cgroup_fd = -1,
	};

	/* When that cannot be, what it was told before stands. */
	kquorum_lock_on_loss(fd, &on_loss);
}

int loss_tell_module(const struct lock_options *o, const struct loss_plan *plan, int fd, int group)
{
	const struct kquorum_on_loss on_loss = {
		.pid = group, .flags = KQUORUM_ON_LOSS_GROUP | KQUORUM_ON_LOSS_KILL,
		.signal = plan->signal, .warn_ms = plan->signal ? plan->warn_ms : 0,
		.kill_ms = plan->kill_ms, .cgroup_fd = -1,
	};
	struct kquorum_lock_info info;
	int ret;

	if (!plan->kill_ms)
		return 0;
	ret = kquorum_lock_on_loss(fd, &on_loss);
	if (!ret)
		return 0;
	if (!kquorum_lock_read(fd, &info) && info.state == KQUORUM_LOCK_LOST) {
		cli_error("%s: the lock is lost: %s is not run\n  %s", o->name, *o->command,
			  kquorum_lock_why(&info));
		return KQUORUM_EXIT_LOST;
	}
	if (ret == -EBADF || ret == -EINVAL)
		cli_error("%s: the module is too old to stop %s before the lease ends: it is not run\n"
			  "  load the module of this version, or leave that to the token: --on-loss=ignore",
			  o->name, *o->command);
	else
		cli_error("%s: the module cannot stop %s before the lease ends: it is not run\n  %s", o->name,
			  *o->command, strerror(-ret));
	return cli_exit_code(ret);
}
