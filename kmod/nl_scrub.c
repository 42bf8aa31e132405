// SPDX-License-Identifier: GPL-2.0
/*
 * SCRUB: have the log on disk read; and what STATUS tells of it.
 */
#include "netlink.h"
#include "node.h"

/* Returns 0 with @rate, 0 of which means: stop; or an error that was told. */
static int read_wish(struct genl_info *info, u64 *rate)
{
	const struct nlattr *nest = info->attrs[KQUORUM_A_SCRUB];
	struct nlattr *tb[KQUORUM_SCRUB_MAX + 1];
	int err;

	err = nla_parse_nested(tb, KQUORUM_SCRUB_MAX, nest, kq_nl_scrub_attr_policy, info->extack);
	if (err)
		return err;
	if (!tb[KQUORUM_SCRUB_STOP] == !tb[KQUORUM_SCRUB_RATE])
		return kq_nl_error(info->extack, nest, -EINVAL, "a rate to begin with, or STOP");
	*rate = tb[KQUORUM_SCRUB_RATE] ? nla_get_u64(tb[KQUORUM_SCRUB_RATE]) : 0;
	if (tb[KQUORUM_SCRUB_RATE] && (*rate < KQ_SCRUB_RATE_MIN || *rate > KQ_SCRUB_RATE_MAX))
		return kq_nl_error(info->extack, tb[KQUORUM_SCRUB_RATE], -ERANGE,
				   "the rate is 64 KiB to 1 TiB in a second");
	return 0;
}

/**
 * kq_nl_scrub() - SCRUB
 * @skb: request
 * @info: its attributes
 *
 * Return: 0 or negative errno.
 */
int kq_nl_scrub(struct sk_buff *skb, struct genl_info *info)
{
	const char *why = NULL;
	struct kq_node *node;
	struct kq_step step;
	u64 rate = 0;
	int err;

	if (!kq_nl_admin(skb, info->extack))
		return -EPERM;
	if (GENL_REQ_ATTR_CHECK(info, KQUORUM_A_SCRUB))
		return -EINVAL;
	err = read_wish(info, &rate);
	if (err)
		return err;
	node = kq_nl_node(genl_info_net(info), info->extack);
	if (IS_ERR(node))
		return PTR_ERR(node);
	err = kq_nl_enter(node, &step, info);
	if (!err) {
		if (rate)
			err = kq_scrub_start(&step, rate, &why);
		else
			kq_scrub_stop(node);
		if (err)
			kq_nl_error(info->extack, NULL, err, why);
		kq_node_leave(&step);
	}
	kq_node_put(node);
	return err;
}

/**
 * kq_nl_put_scrub() - what STATUS tells of it
 * @skb: the answer
 * @node: the node, locked
 * @now: kq_clock()
 *
 * Return: 0 or -EMSGSIZE.
 */
int kq_nl_put_scrub(struct sk_buff *skb, const struct kq_node *node, u64 now)
{
	const struct kq_scrub_state *s = &node->scrub.state;
	struct nlattr *nest;
	const struct {
		int attr;
		u64 value;
	} list[] = {
		{ KQUORUM_SCRUB_RATE, s->rate },
		{ KQUORUM_SCRUB_COUNT, s->count },
		{ KQUORUM_SCRUB_DONE, s->done },
		{ KQUORUM_SCRUB_TOTAL, s->total },
		{ KQUORUM_SCRUB_MISSING, s->missing },
		{ KQUORUM_SCRUB_REWRITTEN, s->rewritten },
		{ KQUORUM_SCRUB_OFFSET, s->offset },
	};
	u32 i;

	if (!s->count)
		return 0;
	nest = nla_nest_start(skb, KQUORUM_A_SCRUB);
	if (!nest)
		return -EMSGSIZE;
	for (i = 0; i < ARRAY_SIZE(list); i++)
		if (nla_put_u64_64bit(skb, list[i].attr, list[i].value, KQUORUM_SCRUB_PAD))
			return -EMSGSIZE;
	if (nla_put_u8(skb, KQUORUM_SCRUB_RUNNING, s->running) ||
	    nla_put_u32(skb, KQUORUM_SCRUB_PLACES, s->places) ||
	    nla_put_u32(skb, KQUORUM_SCRUB_SEGMENT, s->slot) ||
	    nla_put_s32(skb, KQUORUM_SCRUB_ERROR, s->error) ||
	    (s->ended_ns && nla_put_u64_64bit(skb, KQUORUM_SCRUB_ENDED, now - s->ended_ns,
					      KQUORUM_SCRUB_PAD)) ||
	    (s->reason[0] && nla_put_string(skb, KQUORUM_SCRUB_REASON, s->reason)))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}
