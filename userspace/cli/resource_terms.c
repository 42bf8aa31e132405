// SPDX-License-Identifier: GPL-2.0
/* What can be said of a resource: in words, in JSON, and as options have it. */
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "resource.h"
#include "say.h"

const char *resource_describe(const struct kquorum_resource *r, char *buf, size_t size)
{
	struct text t = { buf, size, 0 };

	say(&t, "%u unit%s, %" PRIu64 " in use; ", r->units, r->units == 1 ? "" : "s", r->in_use);
	if (!r->defined)
		say(&t, "nothing was said of it: it is gone when nobody wants it");
	else if (r->max_waiters)
		say(&t, "at most %u may wait", r->max_waiters);
	else
		say(&t, "any number may wait");
	return buf;
}

/* "alice (1000)": the number is what counts on all nodes. */
static void say_user(struct text *t, const char *name, uint32_t number)
{
	if (name)
		say(t, "%s (%u)", name, number);
	else
		say(t, "%u", number);
}

static void say_access(struct text *t, const struct kquorum_resource *r)
{
	const struct passwd *user = getpwuid(r->uid);
	const struct group *group;

	if (!r->uid && !(r->mode & 066)) {
		say(t, "for root only");
		return;
	}
	say(t, "owner ");
	say_user(t, user ? user->pw_name : NULL, r->uid);
	group = getgrgid(r->gid);
	say(t, ", group ");
	say_user(t, group ? group->gr_name : NULL, r->gid);
	say(t, ", mode %04o", r->mode);
}

static void say_ends(struct text *t, const struct kquorum_resource *r)
{
	char time[FORMAT_MAX];

	if (r->ttl_ms)
		say(t, "a grant is lost when it is not renewed for %s; ",
		    format_duration(time, r->ttl_ms * NS_PER_MS));
	if (r->hold_ms)
		say(t, "it is held for %s at most; ", format_duration(time, r->hold_ms * NS_PER_MS));
}

const char *resource_terms(const struct kquorum_resource *r, char *buf, size_t size)
{
	struct text lines = { buf, size, 0 };
	char line[RESOURCE_TEXT_MAX];
	struct text t = { line, sizeof(line), 0 };

	buf[0] = '\0';
	if (!r->defined)
		return buf;
	say_ends(&t, r);
	say_access(&t, r);
	if (r->fenced)
		say(&t, "; fenced");
	if (r->fenced && r->fence)
		say(&t, ", tokens below %" PRIu64 " are refused", r->fence);
	say_wrapped(&lines, "%s", line);
	return buf;
}

void resource_terms_json(cJSON *o, const struct kquorum_resource *r)
{
	char mode[8];

	cJSON_AddBoolToObject(o, "defined", r->defined);
	if (r->defined)
		json_u64(o, "defined_index", r->defined);
	else
		cJSON_AddNullToObject(o, "defined_index");
	json_u64(o, "max_waiters", r->max_waiters);	/* 0: any number */
	json_u64(o, "ttl_ms", r->ttl_ms);		/* 0: a grant need not be renewed */
	json_u64(o, "hold_ms", r->hold_ms);		/* 0: it has no such end */
	json_u64(o, "uid", r->uid);
	json_u64(o, "gid", r->gid);
	snprintf(mode, sizeof(mode), "%04o", r->mode & 07777);
	cJSON_AddStringToObject(o, "access", mode);
	cJSON_AddBoolToObject(o, "fenced", r->fenced);
	json_u64(o, "fence_token", r->fence);		/* 0: none was shown */
}

static bool is_number(const char *arg, uint32_t *number)
{
	uint64_t value;

	if (parse_number(arg, &value) || value >= KQUORUM_NOBODY)
		return false;
	*number = value;
	return true;
}

uint32_t resource_user(const char *arg)
{
	const struct passwd *user = getpwnam(arg);
	uint32_t number;

	if (user)
		return user->pw_uid;
	if (!is_number(arg, &number))
		cli_usage_error("--owner: there is no user \"%s\" here, nor is it a number", arg);
	return number;
}

uint32_t resource_group(const char *arg)
{
	const struct group *group = getgrnam(arg);
	uint32_t number;

	if (group)
		return group->gr_gid;
	if (!is_number(arg, &number))
		cli_usage_error("--group: there is no group \"%s\" here, nor is it a number", arg);
	return number;
}

uint32_t resource_mode(const char *arg)
{
	unsigned long mode = strspn(arg, "01234567") == strlen(arg) && *arg ? strtoul(arg, NULL, 8) : ~0UL;

	if (mode & ~0666UL)
		cli_usage_error("--mode: \"%s\" is not four octal digits, as 0660\n"
				"  of owner, group and others: 4 for a share of it, 2 for all the rest", arg);
	return mode;
}
