// SPDX-License-Identifier: GPL-2.0
/*
 * When to save. The log gives room back in whole segments, so a snapshot may free less than it
 * stands for, or nothing: what counts is how much was written since the last one came, else a small
 * log that is half full would have one snapshot chase the next.
 */
#include "policy.h"

#define POLICY_GROWTH	16	/* that part of the log makes another one worth its while */
#define POLICY_REST	4	/* times as long as the work before it */

static bool policy_bytes(const struct kqd_policy *p, const struct kqd_policy_input *in)
{
	if (!in->capacity || in->used < in->capacity / 100 * in->log_percent)
		return false;
	/* Then nothing grows any more, and whatever can be had is worth it. */
	return in->full || in->used - p->used >= in->capacity / POLICY_GROWTH;
}

/**
 * kqd_policy_step() - is it time for a snapshot?
 * @p: zeroed at first, and whenever another node was taken
 * @in: how things stand
 *
 * Return: why, or KQD_POLICY_NOT.
 */
enum kqd_policy_why kqd_policy_step(struct kqd_policy *p, const struct kqd_policy_input *in)
{
	/* A daemon that has just started saw no such moment; one snapshot too many is cheap. */
	if ((p->seen && p->index != in->index) || in->used < p->used)
		p->used = in->used;
	p->index = in->index;
	p->seen = true;
	if (in->applied <= in->index)
		return KQD_POLICY_NOT;
	if (in->by_hand)
		return KQD_POLICY_HAND;
	if (in->lost)
		return KQD_POLICY_LOST;
	if (in->needed > in->index && in->applied >= in->needed)
		return KQD_POLICY_PEER;
	if (policy_bytes(p, in))
		return KQD_POLICY_BYTES;
	return in->applied - in->index >= in->entries ? KQD_POLICY_ENTRIES : KQD_POLICY_NOT;
}

/**
 * kqd_policy_rest() - for how long a node that saves leaves processor and disk to the others
 * @in: how far it is
 * @took: how long it was at work, nanoseconds
 *
 * Commits come before a snapshot, until they would have to wait for it, for want of room in the log.
 * So it rests as long as it is far enough to be done when three quarters of the room are gone that
 * there was when it began.
 *
 * Return: nanoseconds; 0: it goes on.
 */
uint64_t kqd_policy_rest(const struct kqd_policy_pace *in, uint64_t took)
{
	double used = in->room_then > in->room ? in->room_then - in->room : 0;

	if (in->room <= in->capacity / 8)
		return 0;
	if ((double)in->done * in->room_then * 3 < (double)in->expected * used * 4)
		return 0;
	return POLICY_REST * took;
}

/**
 * kqd_policy_text() - why, for a person
 * @why: not KQD_POLICY_NOT
 *
 * Return: a constant string.
 */
const char *kqd_policy_text(enum kqd_policy_why why)
{
	static const char *const texts[] = {
		[KQD_POLICY_NOT] = "not wanted",
		[KQD_POLICY_HAND] = "it was asked for",
		[KQD_POLICY_LOST] = "the file of the one in use is gone or damaged",
		[KQD_POLICY_PEER] = "a node needs one that is newer than the one in use",
		[KQD_POLICY_BYTES] = "the log fills up",
		[KQD_POLICY_ENTRIES] = "many entries since the last one",
	};

	return texts[why];
}
