// SPDX-License-Identifier: LGPL-2.1-or-later
/* Reading attributes: absent ones have a value, wrong ones count as absent. */
#include <string.h>

#include "internal.h"

#define TABLE_SIZE (sizeof(((struct kq_lib_attrs *)0)->table) / sizeof(struct nlattr *))

_Static_assert(KQUORUM_A_MAX < TABLE_SIZE, "attribute table too small");

static void remember(struct kq_lib_attrs *attrs, const struct nlattr *a)
{
	if (mnl_attr_get_type(a) < TABLE_SIZE)
		attrs->table[mnl_attr_get_type(a)] = a;
}

void kq_lib_parse(const struct nlmsghdr *answer, struct kq_lib_attrs *attrs)
{
	const struct nlattr *a;

	memset(attrs, 0, sizeof(*attrs));
	mnl_attr_for_each(a, answer, sizeof(struct genlmsghdr))
		remember(attrs, a);
}

void kq_lib_parse_nested(const struct nlattr *nest, struct kq_lib_attrs *attrs)
{
	const struct nlattr *a;

	memset(attrs, 0, sizeof(*attrs));
	mnl_attr_for_each_nested(a, nest)
		remember(attrs, a);
}

uint64_t kq_lib_u64(const struct kq_lib_attrs *attrs, unsigned int type, uint64_t otherwise)
{
	const struct nlattr *a = attrs->table[type];

	return a && !mnl_attr_validate(a, MNL_TYPE_U64) ? mnl_attr_get_u64(a) : otherwise;
}

uint32_t kq_lib_u32(const struct kq_lib_attrs *attrs, unsigned int type, uint32_t otherwise)
{
	const struct nlattr *a = attrs->table[type];

	return a && !mnl_attr_validate(a, MNL_TYPE_U32) ? mnl_attr_get_u32(a) : otherwise;
}

bool kq_lib_u8(const struct kq_lib_attrs *attrs, unsigned int type)
{
	const struct nlattr *a = attrs->table[type];

	return a && !mnl_attr_validate(a, MNL_TYPE_U8) && mnl_attr_get_u8(a);
}

void kq_lib_string(const struct kq_lib_attrs *attrs, unsigned int type, char *buf, size_t size)
{
	const struct nlattr *a = attrs->table[type];
	size_t n;

	buf[0] = '\0';
	if (!a)
		return;
	n = strnlen(mnl_attr_get_payload(a), mnl_attr_get_payload_len(a));
	if (n >= size)
		n = size - 1;
	memcpy(buf, mnl_attr_get_payload(a), n);
	buf[n] = '\0';
}
