/* SPDX-License-Identifier: GPL-2.0 */
/* Commands for resources, as the input has them: well-formed, and mostly ones that make sense. */
#ifndef FUZZ_COMMANDS_H
#define FUZZ_COMMANDS_H

#include "input.h"

/* What is asked for: mostly all of a resource, else a share or some units; perhaps only tried. */
struct want {
	bool try, share;
	uint32_t units;
};

static inline struct want want(struct input *in)
{
	uint8_t how = input_u8(in);

	return (struct want){
		.try = how & 1, .share = how >= 128 && how < 192,
		.units = how >= 192 ? 1 + how / 2 % 4 : 0,
	};
}

static inline char resource(struct input *in)
{
	return 'a' + input_u8(in) % 2;
}

static inline uint32_t put_acquire(struct input *in, uint8_t *body, uint64_t owner)
{
	struct kq_acquire_cmd *a = (void *)body;
	struct want wanted = want(in);

	memset(a, 0, sizeof(*a));
	a->owner = cpu_to_le64(owner);
	a->flags = cpu_to_le16((wanted.try ? KQ_ACQUIRE_TRY : 0) |
			       (wanted.share ? KQ_ACQUIRE_SHARED : 0) | KQ_ACQUIRE_ADMIN);
	a->units = cpu_to_le32(wanted.units);
	a->name_len = cpu_to_le16(1);
	body[sizeof(*a)] = resource(in);
	/* Units are for something. */
	a->info_len = cpu_to_le16(wanted.units);
	memset(body + sizeof(*a) + 1, 'i', wanted.units);
	return sizeof(*a) + 1 + wanted.units;
}

static inline uint32_t put_release(struct input *in, uint8_t *body, uint64_t owner)
{
	struct kq_release_cmd *r = (void *)body;

	memset(r, 0, sizeof(*r));
	r->owner = cpu_to_le64(owner);
	r->name_len = cpu_to_le16(1);
	body[sizeof(*r)] = resource(in);
	return sizeof(*r) + 1;
}

static inline uint32_t put_define(struct input *in, uint8_t *body)
{
	struct kq_define_cmd *d = (void *)body;
	uint8_t how = input_u8(in);

	memset(d, 0, sizeof(*d));
	d->flags = cpu_to_le16(how % 8);
	if (how & KQ_DEFINE_UNITS)
		d->units = cpu_to_le32(how & 128 ? KQ_NUMBERED + how / 8 % 8 : 1 + how / 8 % 8);
	if (how & KQ_DEFINE_MAX_WAITERS)
		d->max_waiters = cpu_to_le32(how / 16 % 4);
	d->name_len = cpu_to_le16(1);
	body[sizeof(*d)] = resource(in);
	return sizeof(*d) + 1;
}

static inline uint32_t put_undefine(struct input *in, uint8_t *body)
{
	struct kq_undefine_cmd *u = (void *)body;

	memset(u, 0, sizeof(*u));
	u->name_len = cpu_to_le16(1);
	body[sizeof(*u)] = resource(in);
	return sizeof(*u) + 1;
}

#endif /* FUZZ_COMMANDS_H */
