// SPDX-License-Identifier: GPL-2.0
/* Settings in a command: those that a cluster begins with, and those that take their place. */
#include "netlink.h"
#include "node.h"

/**
 * kq_nl_settings() - read and check KQUORUM_A_SETTINGS
 * @set: filled in
 * @segment_bytes: of NODE_START; NULL: it must not be there
 * @info: the command, which has the attribute
 *
 * Return: 0 or negative errno, and what is wrong in the extended answer.
 */
int kq_nl_settings(struct kq_settings *set, u32 *segment_bytes, struct genl_info *info)
{
	struct nlattr *nest = info->attrs[KQUORUM_A_SETTINGS];
	struct nlattr *tb[KQUORUM_SETTING_MAX + 1];
	u32 *field[KQUORUM_SETTING_MAX + 1] = {
		[KQUORUM_SETTING_HEARTBEAT_MS] = &set->heartbeat_ms,
		[KQUORUM_SETTING_ELECTION_MS] = &set->election_ms,
		[KQUORUM_SETTING_LEASE_MS] = &set->lease_ms,
		[KQUORUM_SETTING_DELTA_MS] = &set->delta_ms,
		[KQUORUM_SETTING_DRIFT_PPM] = &set->drift_ppm,
		[KQUORUM_SETTING_SEGMENT_BYTES] = segment_bytes,
	};
	const char *why;
	int i, err;

	err = nla_parse_nested(tb, KQUORUM_SETTING_MAX, nest, kq_nl_setting_policy, info->extack);
	if (err)
		return err;
	for (i = 1; i <= KQUORUM_SETTING_MAX; i++) {
		if (!field[i] && tb[i])
			return kq_nl_error(info->extack, tb[i], -EINVAL,
					   "segment_bytes is of a node's files, not of the cluster");
		if (field[i] && !tb[i])
			return kq_nl_error(info->extack, nest, -EINVAL,
					   "a setting is missing: all of them are needed");
		if (field[i])
			*field[i] = nla_get_u32(tb[i]);
	}
	why = kq_settings_check(set);
	return why ? kq_nl_error(info->extack, nest, -EINVAL, why) : 0;
}

/**
 * kq_nl_put_settings() - settings into an answer
 * @skb: the answer
 * @attr: the nested attribute
 * @set: settings
 * @segment_bytes: likewise, 0: without
 *
 * Return: 0 or -EMSGSIZE.
 */
int kq_nl_put_settings(struct sk_buff *skb, int attr, const struct kq_settings *set,
		       u32 segment_bytes)
{
	struct nlattr *nest = nla_nest_start(skb, attr);

	if (!nest || nla_put_u32(skb, KQUORUM_SETTING_HEARTBEAT_MS, set->heartbeat_ms) ||
	    nla_put_u32(skb, KQUORUM_SETTING_ELECTION_MS, set->election_ms) ||
	    nla_put_u32(skb, KQUORUM_SETTING_LEASE_MS, set->lease_ms) ||
	    nla_put_u32(skb, KQUORUM_SETTING_DELTA_MS, set->delta_ms) ||
	    nla_put_u32(skb, KQUORUM_SETTING_DRIFT_PPM, set->drift_ppm) ||
	    (segment_bytes && nla_put_u32(skb, KQUORUM_SETTING_SEGMENT_BYTES, segment_bytes)))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}
