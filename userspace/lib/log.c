// SPDX-License-Identifier: LGPL-2.1-or-later
/* Entries of the log. */
#include <errno.h>

#include "internal.h"

struct dumping {
	kquorum_log_cb cb;
	void *user;
};

static int take_entry(const struct dumping *d, const struct nlattr *nest)
{
	struct kquorum_log_entry e = { 0 };
	struct kq_lib_attrs a;
	const struct nlattr *payload;

	kq_lib_parse_nested(nest, &a);
	e.index = kq_lib_u64(&a, KQUORUM_ENTRY_INDEX, 0);
	e.term = kq_lib_u64(&a, KQUORUM_ENTRY_TERM, 0);
	e.session = kq_lib_u64(&a, KQUORUM_ENTRY_SESSION, 0);
	e.seq = kq_lib_u64(&a, KQUORUM_ENTRY_SEQ, 0);
	e.type = kq_lib_u32(&a, KQUORUM_ENTRY_TYPE, 0);
	e.node = kq_lib_u32(&a, KQUORUM_ENTRY_NODE, 0);
	e.committed = kq_lib_u8(&a, KQUORUM_ENTRY_COMMITTED);
	e.applied = a.table[KQUORUM_ENTRY_RESULT];
	e.result = (int32_t)kq_lib_u32(&a, KQUORUM_ENTRY_RESULT, 0);
	payload = a.table[KQUORUM_ENTRY_PAYLOAD];
	e.bytes = kq_lib_u32(&a, KQUORUM_ENTRY_BYTES, payload ? mnl_attr_get_payload_len(payload) : 0);
	/* Readers go by @bytes, so a payload of another length is none. */
	if (payload && mnl_attr_get_payload_len(payload) == e.bytes)
		e.payload = mnl_attr_get_payload(payload);
	return d->cb(&e, d->user);
}

static int take_entries(const struct nlmsghdr *answer, void *user)
{
	const struct nlattr *a;
	int ret = 0;

	mnl_attr_for_each(a, answer, sizeof(struct genlmsghdr)) {
		if (mnl_attr_get_type(a) == KQUORUM_A_ENTRY && !ret)
			ret = take_entry(user, a);
	}
	return ret;
}

int kquorum_log_dump(struct kquorum *k, uint64_t first, uint64_t last, kquorum_log_cb cb,
		     void *user)
{
	struct nlmsghdr *nlh = kq_lib_request(k, KQUORUM_CMD_LOG_GET, NLM_F_DUMP);
	struct dumping d = { .cb = cb, .user = user };
	int ret;

	mnl_attr_put_u64(nlh, KQUORUM_A_FIRST_INDEX, first);
	if (last)
		mnl_attr_put_u64(nlh, KQUORUM_A_LAST_INDEX, last);
	ret = kq_lib_talk(k, nlh, take_entries, &d);
	/* The log grows while it is read; its entries carry their index and need no second look. */
	return ret == -EINTR ? 0 : ret;
}
