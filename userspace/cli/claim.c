// SPDX-License-Identifier: GPL-2.0
/* What of a resource is asked for or held, and by whom, in words and in JSON. */
#include <inttypes.h>
#include <pwd.h>
#include <string.h>

#include "say.h"

const char *claim_mode_name(uint32_t mode)
{
	static const char *const names[] = {
		[KQUORUM_CLAIM_EXCLUSIVE] = "exclusive", [KQUORUM_CLAIM_SHARED] = "shared",
		[KQUORUM_CLAIM_MODE_UNITS] = "units",
	};

	return mode < sizeof(names) / sizeof(names[0]) ? names[mode] : "unknown";
}

/* The first of @numbers from @n on; KQUORUM_NUMBERED: there is none. */
static unsigned int next_number(const __u64 *numbers, unsigned int n)
{
	while (n < KQUORUM_NUMBERED && !(numbers[n / 64] >> (n % 64) & 1))
		n++;
	return n;
}

const char *claim_numbers(char *buf, size_t size, const __u64 *numbers)
{
	struct text t = { buf, size, 0 };
	unsigned int n = next_number(numbers, 0);

	buf[0] = '\0';
	for (; n < KQUORUM_NUMBERED; n = next_number(numbers, n + 1))
		say(&t, "%s%u", t.at ? "," : "", n);
	return buf;
}

/* "0-3,7": three and more in a row are said in one. */
static void say_runs(struct text *t, const __u64 *numbers)
{
	unsigned int n = next_number(numbers, 0), last;
	const char *between = ": ";

	for (; n < KQUORUM_NUMBERED; n = next_number(numbers, last + 1), between = ",") {
		for (last = n; last + 1 < KQUORUM_NUMBERED &&
		     next_number(numbers, last + 1) == last + 1; last++)
			;
		if (last < n + 2)
			last = n;
		say(t, last > n ? "%s%u-%u" : "%s%u", between, n, last);
	}
}

const char *claim_what(char *buf, uint32_t mode, uint32_t units, const __u64 *numbers)
{
	struct text t = { buf, CLAIM_WHAT_MAX, 0 };

	if (mode != KQUORUM_CLAIM_MODE_UNITS) {
		say(&t, "%s", claim_mode_name(mode));
		return buf;
	}
	say(&t, "%u unit%s", units, units == 1 ? "" : "s");
	if (numbers)
		say_runs(&t, numbers);
	if (t.at >= t.size)
		strcpy(buf + t.size - 4, "...");
	return buf;
}

void claim_what_json(cJSON *o, uint32_t mode, uint32_t units, const __u64 *numbers)
{
	cJSON *list;
	unsigned int n;

	cJSON_AddStringToObject(o, "mode", claim_mode_name(mode));
	if (mode == KQUORUM_CLAIM_MODE_UNITS)
		json_u64(o, "units", units);
	else
		cJSON_AddNullToObject(o, "units");
	if (!numbers)
		return;
	list = cJSON_AddArrayToObject(o, "numbers");
	for (n = next_number(numbers, 0); n < KQUORUM_NUMBERED; n = next_number(numbers, n + 1))
		cJSON_AddItemToArray(list, cJSON_CreateNumber(n));
}

unsigned int resource_holders(const struct kquorum_resource *r)
{
	unsigned int n = 0;

	while (n < r->n_claims && r->claims[n].token)
		n++;
	return n;
}

const char *claim_user(char *buf, size_t size, uint32_t uid)
{
	const struct passwd *user = uid == KQUORUM_NOBODY ? NULL : getpwuid(uid);

	if (uid == KQUORUM_NOBODY)
		snprintf(buf, size, "?");
	else if (user)
		snprintf(buf, size, "%s", user->pw_name);
	else
		snprintf(buf, size, "%u", uid);
	return buf;
}

static uint64_t left_of(uint64_t all_ms, uint64_t age_ns)
{
	if (age_ns == KQUORUM_NEVER)
		return all_ms * NS_PER_MS;
	return all_ms * NS_PER_MS > age_ns ? all_ms * NS_PER_MS - age_ns : 0;
}

/* Who was evicted may rely on his lease still, where it is not said that tokens are checked. */
static uint64_t drain_ms(const struct kquorum_resource *r, const struct kquorum_claim *c,
			 const struct kquorum_status *st)
{
	uint32_t lease = st->settings.lease_ms;

	if (st->overlap && st->before.lease_ms > lease)
		lease = st->before.lease_ms;
	return !r->fenced && lease > c->drain_ms ? lease : c->drain_ms;
}

uint64_t claim_left_ns(const struct kquorum_resource *r, const struct kquorum_claim *c,
		       const struct kquorum_status *st)
{
	uint64_t left = c->hold_ms ? left_of(c->hold_ms, c->age_ns) : KQUORUM_NEVER, drain;

	if (!c->token)
		return KQUORUM_NEVER;
	if (c->evicted) {
		drain = left_of(drain_ms(r, c, st), c->evicted_ns);
		if (drain < left)
			left = drain;
	}
	return left;
}

const char *resource_held_by(const struct kquorum_resource *r, const struct kquorum_status *st,
			     char *buf, size_t size)
{
	struct text t = { buf, size, 0 };
	const struct kquorum_claim *c = r->claims;
	unsigned int n = resource_holders(r);
	char age[FORMAT_MAX], comm[4 * KQUORUM_COMM_MAX + 1];
	uint64_t left;

	buf[0] = '\0';
	if (!n)
		return buf;
	format_text(comm, sizeof(comm), c->comm, strlen(c->comm));
	if (n > 1)
		say(&t, "held by %u, longest by ", n);
	else
		say(&t, "held by ");
	say(&t, "%s for %s: pid %u (%s)", node_name(st, c->node), format_duration(age, c->age_ns),
	    c->pid, comm);
	left = claim_left_ns(r, c, st);
	if (n == 1 && left != KQUORUM_NEVER)
		say(&t, ", for %s more at most", format_duration(age, left));
	if (c->mode == KQUORUM_CLAIM_MODE_UNITS && r->units > 1)
		say(&t, ", %" PRIu64 " of %u units in use", r->in_use, r->units);
	return buf;
}
