// SPDX-License-Identifier: GPL-2.0
/*
 * Which attributes each command takes. All others are refused: validation is strict,
 * and what is not named here has no type.
 */
#include <linux/kquorum.h>
#include "netlink.h"
#include "node.h"

#define KQ_NODE_ID	NLA_POLICY_RANGE(NLA_U32, 1, KQUORUM_MAX_NODES)
#define KQ_GROUP	NLA_POLICY_MAX(NLA_U32, 0)
#define KQ_NAME(max)	{ .type = NLA_NUL_STRING, .len = (max) }
#define KQ_TYPE(t)	{ .type = (t) }

/* More than the 16 bits of NLA_POLICY_RANGE(). Not const: 6.1 has no const there. */
static struct netlink_range_validation kq_units = { .min = 1, .max = KQUORUM_UNITS_MAX };
#define KQ_UNITS	NLA_POLICY_FULL_RANGE(NLA_U32, &kq_units)
static struct netlink_range_validation kq_grant_ms = { .max = KQ_GRANT_MS_MAX };
#define KQ_GRANT_MS	NLA_POLICY_FULL_RANGE(NLA_U32, &kq_grant_ms)
/* (uid_t)-1 is nobody. */
static struct netlink_range_validation kq_ids = { .max = U32_MAX - 1 };
#define KQ_USER		NLA_POLICY_FULL_RANGE(NLA_U32, &kq_ids)

const struct nla_policy kq_nl_setting_policy[KQUORUM_SETTING_MAX + 1] = {
	[KQUORUM_SETTING_HEARTBEAT_MS] = NLA_POLICY_RANGE(NLA_U32, KQUORUM_HEARTBEAT_MS_MIN,
							  KQUORUM_HEARTBEAT_MS_MAX),
	[KQUORUM_SETTING_ELECTION_MS] = NLA_POLICY_MIN(NLA_U32, 15),
	[KQUORUM_SETTING_LEASE_MS] = NLA_POLICY_MIN(NLA_U32, 1),
	[KQUORUM_SETTING_DELTA_MS] = KQ_TYPE(NLA_U32),
	[KQUORUM_SETTING_DRIFT_PPM] = KQ_TYPE(NLA_U32),
	[KQUORUM_SETTING_SEGMENT_BYTES] = KQ_TYPE(NLA_U32),
};

const struct nla_policy kq_nl_member_policy[KQUORUM_MEMBER_MAX + 1] = {
	[KQUORUM_MEMBER_ID] = KQ_NODE_ID,
	[KQUORUM_MEMBER_NAME] = KQ_NAME(KQUORUM_NODE_NAME_MAX),
	[KQUORUM_MEMBER_ADDRESS] = KQ_NAME(KQUORUM_ADDRESS_MAX),
	[KQUORUM_MEMBER_FLAGS] = NLA_POLICY_MASK(NLA_U32, KQUORUM_CONF_PROMOTE |
						 KQUORUM_CONF_WITNESS),
	[KQUORUM_MEMBER_PRIORITY] = NLA_POLICY_MAX(NLA_U32, KQUORUM_PRIORITY_MAX),
};

const struct nla_policy kq_nl_start_policy[KQUORUM_A_MAX + 1] = {
	[KQUORUM_A_GROUP] = KQ_GROUP,
	[KQUORUM_A_NAME] = KQ_NAME(KQUORUM_NODE_NAME_MAX),
	[KQUORUM_A_CLUSTER_ID] = KQ_TYPE(NLA_U64),
	[KQUORUM_A_NODE_ID] = KQ_NODE_ID,
	[KQUORUM_A_SETTINGS] = NLA_POLICY_NESTED(kq_nl_setting_policy),
	[KQUORUM_A_MEMBER] = NLA_POLICY_NESTED(kq_nl_member_policy),
	[KQUORUM_A_SEGMENT_FD] = NLA_POLICY_MIN(NLA_S32, 0),
	[KQUORUM_A_VOTERS] = NLA_POLICY_MASK(NLA_U32, KQ_NODES_BITS),
	[KQUORUM_A_SNAPSHOT_FD] = NLA_POLICY_MIN(NLA_S32, 0),
	[KQUORUM_A_SEED] = KQ_TYPE(NLA_FLAG),
	[KQUORUM_A_SURVIVOR] = KQ_TYPE(NLA_FLAG),
	[KQUORUM_A_USER_LOCKS] = NLA_POLICY_MIN(NLA_U32, 1),
	[KQUORUM_A_NODE_LOCKS] = NLA_POLICY_MIN(NLA_U32, 1),
};

const struct nla_policy kq_nl_stop_policy[KQUORUM_A_MAX + 1] = {
	[KQUORUM_A_GROUP] = KQ_GROUP,
	[KQUORUM_A_FORCE] = KQ_TYPE(NLA_FLAG),
};

const struct nla_policy kq_nl_none_policy[KQUORUM_A_MAX + 1] = {
	[KQUORUM_A_GROUP] = KQ_GROUP,
};

const struct nla_policy kq_nl_epoch_policy[KQUORUM_A_MAX + 1] = {
	[KQUORUM_A_GROUP] = KQ_GROUP,
	[KQUORUM_A_EPOCH] = KQ_TYPE(NLA_U64),
};

const struct nla_policy kq_nl_transfer_policy[KQUORUM_A_MAX + 1] = {
	[KQUORUM_A_GROUP] = KQ_GROUP,
	[KQUORUM_A_NODE_ID] = NLA_POLICY_MAX(NLA_U32, KQUORUM_MAX_NODES),
};

const struct nla_policy kq_nl_attach_policy[KQUORUM_A_MAX + 1] = {
	[KQUORUM_A_GROUP] = KQ_GROUP,
	[KQUORUM_A_EPOCH] = KQ_TYPE(NLA_U64),
	[KQUORUM_A_NODE_ID] = KQ_NODE_ID,
	[KQUORUM_A_FD] = NLA_POLICY_MIN(NLA_S32, 0),
	[KQUORUM_A_NAME] = KQ_NAME(KQUORUM_NODE_NAME_MAX),
	[KQUORUM_A_PAST] = NLA_POLICY_EXACT_LEN(sizeof(struct kquorum_past)),
};

const struct nla_policy kq_nl_detach_policy[KQUORUM_A_MAX + 1] = {
	[KQUORUM_A_GROUP] = KQ_GROUP,
	[KQUORUM_A_EPOCH] = KQ_TYPE(NLA_U64),
	[KQUORUM_A_NODE_ID] = KQ_NODE_ID,
};

const struct nla_policy kq_nl_note_policy[KQUORUM_A_MAX + 1] = {
	[KQUORUM_A_GROUP] = KQ_GROUP,
	[KQUORUM_A_EPOCH] = KQ_TYPE(NLA_U64),
	[KQUORUM_A_NODE_ID] = KQ_NODE_ID,
	[KQUORUM_A_REASON] = KQ_NAME(KQ_REASON_MAX - 1),
};

const struct nla_policy kq_nl_transit_policy[KQUORUM_TRANSIT_MAX + 1] = {
	[KQUORUM_TRANSIT_INDEX] = KQ_TYPE(NLA_U64),
	[KQUORUM_TRANSIT_BYTES] = KQ_TYPE(NLA_U64),
	[KQUORUM_TRANSIT_DONE] = KQ_TYPE(NLA_U64),
	[KQUORUM_TRANSIT_COMES] = KQ_TYPE(NLA_FLAG),
};

const struct nla_policy kq_nl_snapshot_note_policy[KQUORUM_A_MAX + 1] = {
	[KQUORUM_A_GROUP] = KQ_GROUP,
	[KQUORUM_A_EPOCH] = KQ_TYPE(NLA_U64),
	[KQUORUM_A_NODE_ID] = KQ_NODE_ID,
	[KQUORUM_A_TRANSIT] = NLA_POLICY_NESTED(kq_nl_transit_policy),
};

const struct nla_policy kq_nl_adopt_policy[KQUORUM_A_MAX + 1] = {
	[KQUORUM_A_GROUP] = KQ_GROUP,
	[KQUORUM_A_SNAPSHOT_FD] = NLA_POLICY_MIN(NLA_S32, 0),
};

const struct nla_policy kq_nl_install_policy[KQUORUM_A_MAX + 1] = {
	[KQUORUM_A_GROUP] = KQ_GROUP,
	[KQUORUM_A_SNAPSHOT_FD] = NLA_POLICY_MIN(NLA_S32, 0),
	[KQUORUM_A_SNAPSHOT_GROWS] = KQ_TYPE(NLA_FLAG),
};

const struct nla_policy kq_nl_scrub_attr_policy[KQUORUM_SCRUB_MAX + 1] = {
	[KQUORUM_SCRUB_RATE] = KQ_TYPE(NLA_U64),
	[KQUORUM_SCRUB_STOP] = KQ_TYPE(NLA_FLAG),
};

const struct nla_policy kq_nl_scrub_policy[KQUORUM_A_MAX + 1] = {
	[KQUORUM_A_GROUP] = KQ_GROUP,
	[KQUORUM_A_SCRUB] = NLA_POLICY_NESTED(kq_nl_scrub_attr_policy),
};

const struct nla_policy kq_nl_reconfigure_policy[KQUORUM_A_MAX + 1] = {
	[KQUORUM_A_GROUP] = KQ_GROUP,
	[KQUORUM_A_VOTERS] = NLA_POLICY_MASK(NLA_U32, KQ_NODES_BITS),
	[KQUORUM_A_LEARNERS] = NLA_POLICY_MASK(NLA_U32, KQ_NODES_BITS),
	[KQUORUM_A_CONF_INDEX] = KQ_TYPE(NLA_U64),
	[KQUORUM_A_SETTINGS] = NLA_POLICY_NESTED(kq_nl_setting_policy),
	[KQUORUM_A_MEMBER] = NLA_POLICY_NESTED(kq_nl_member_policy),
};

const struct nla_policy kq_nl_lock_policy[KQUORUM_A_MAX + 1] = {
	[KQUORUM_A_GROUP] = KQ_GROUP,
	[KQUORUM_A_RESOURCE] = KQ_NAME(KQUORUM_RESOURCE_NAME_MAX),
	[KQUORUM_A_LOCK_FLAGS] = NLA_POLICY_MASK(NLA_U32, KQUORUM_LOCK_TRY | KQUORUM_LOCK_CLOEXEC |
						 KQUORUM_LOCK_SHARED | KQUORUM_LOCK_OTHERS),
	[KQUORUM_A_LOCK_UNITS] = KQ_UNITS,
	[KQUORUM_A_LOCK_INFO] = KQ_NAME(KQUORUM_INFO_MAX),
	[KQUORUM_A_TTL] = KQ_GRANT_MS,
	[KQUORUM_A_HOLD] = KQ_GRANT_MS,
};

const struct nla_policy kq_nl_resource_policy[KQUORUM_A_MAX + 1] = {
	[KQUORUM_A_GROUP] = KQ_GROUP,
	[KQUORUM_A_RESOURCE] = KQ_NAME(KQUORUM_RESOURCE_NAME_MAX),
};

const struct nla_policy kq_nl_resource_set_policy[KQUORUM_A_MAX + 1] = {
	[KQUORUM_A_GROUP] = KQ_GROUP,
	[KQUORUM_A_RESOURCE] = KQ_NAME(KQUORUM_RESOURCE_NAME_MAX),
	[KQUORUM_A_UNITS] = KQ_UNITS,
	[KQUORUM_A_MAX_WAITERS] = KQ_TYPE(NLA_U32),
	[KQUORUM_A_CREATE] = KQ_TYPE(NLA_FLAG),
	[KQUORUM_A_TTL] = KQ_GRANT_MS,
	[KQUORUM_A_HOLD] = KQ_GRANT_MS,
	[KQUORUM_A_UID] = KQ_USER,
	[KQUORUM_A_GID] = KQ_USER,
	[KQUORUM_A_MODE] = NLA_POLICY_MASK(NLA_U32, KQ_MODE_BITS),
	[KQUORUM_A_FENCED] = NLA_POLICY_MAX(NLA_U8, 1),
};

const struct nla_policy kq_nl_resource_evict_policy[KQUORUM_A_MAX + 1] = {
	[KQUORUM_A_GROUP] = KQ_GROUP,
	[KQUORUM_A_RESOURCE] = KQ_NAME(KQUORUM_RESOURCE_NAME_MAX),
	[KQUORUM_A_NODE_ID] = KQ_NODE_ID,
	[KQUORUM_A_SESSION] = KQ_TYPE(NLA_U64),
	[KQUORUM_A_OWNER] = KQ_TYPE(NLA_U64),
	[KQUORUM_A_DRAIN] = KQ_GRANT_MS,
};

const struct nla_policy kq_nl_fence_policy[KQUORUM_A_MAX + 1] = {
	[KQUORUM_A_GROUP] = KQ_GROUP,
	[KQUORUM_A_RESOURCE] = KQ_NAME(KQUORUM_RESOURCE_NAME_MAX),
	[KQUORUM_A_TOKEN] = KQ_TYPE(NLA_U64),
};

const struct nla_policy kq_nl_log_policy[KQUORUM_A_MAX + 1] = {
	[KQUORUM_A_GROUP] = KQ_GROUP,
	[KQUORUM_A_FIRST_INDEX] = KQ_TYPE(NLA_U64),
	[KQUORUM_A_LAST_INDEX] = KQ_TYPE(NLA_U64),
};
