// SPDX-License-Identifier: LGPL-2.1-or-later
/* The node's life: start, stop, leadership transfer. */
#include <errno.h>

#include "config.h"
#include "internal.h"

/* @segment_bytes: 0: without. */
static void put_settings(struct nlmsghdr *nlh, const struct kquorum_settings *set,
			 uint32_t segment_bytes)
{
	struct nlattr *nest = mnl_attr_nest_start(nlh, KQUORUM_A_SETTINGS);

	mnl_attr_put_u32(nlh, KQUORUM_SETTING_HEARTBEAT_MS, set->heartbeat_ms);
	mnl_attr_put_u32(nlh, KQUORUM_SETTING_ELECTION_MS, set->election_ms);
	mnl_attr_put_u32(nlh, KQUORUM_SETTING_LEASE_MS, set->lease_ms);
	mnl_attr_put_u32(nlh, KQUORUM_SETTING_DELTA_MS, set->delta_ms);
	mnl_attr_put_u32(nlh, KQUORUM_SETTING_DRIFT_PPM, set->drift_ppm);
	if (segment_bytes)
		mnl_attr_put_u32(nlh, KQUORUM_SETTING_SEGMENT_BYTES, segment_bytes);
	mnl_attr_nest_end(nlh, nest);
}

static void put_member(struct nlmsghdr *nlh, const struct kquorum_config_member *m)
{
	char address[KQUORUM_ADDRESS_MAX + 1];
	struct nlattr *nest = mnl_attr_nest_start(nlh, KQUORUM_A_MEMBER);

	kquorum_address_format(&m->address, address, sizeof(address));
	mnl_attr_put_u32(nlh, KQUORUM_MEMBER_ID, m->id);
	mnl_attr_put_strz(nlh, KQUORUM_MEMBER_NAME, m->name);
	mnl_attr_put_strz(nlh, KQUORUM_MEMBER_ADDRESS, address);
	mnl_attr_nest_end(nlh, nest);
}

int kquorum_node_start(struct kquorum *k, const struct kquorum_config *c, const int *fds,
		       unsigned int n_fds, const int *snapshots, unsigned int n_snapshots)
{
	const struct kquorum_settings set = kquorum_config_settings(c);
	struct nlmsghdr *nlh = kq_lib_request(k, KQUORUM_CMD_NODE_START, 0);
	/* Who was there when it began, of a cluster that this node must not begin again. */
	unsigned int founders = c->founders ? c->founders : c->founded ? c->n_members : 0, i;

	if (!n_fds || n_fds > KQUORUM_MAX_SEGMENTS)
		return kq_lib_fail(k, -EINVAL, "a node needs 1 to %u segment files, not %u",
				   KQUORUM_MAX_SEGMENTS, n_fds);
	if (n_snapshots > KQUORUM_MAX_SNAPSHOT_FDS)
		return kq_lib_fail(k, -EINVAL, "a node takes %u snapshot files at most, not %u",
				   KQUORUM_MAX_SNAPSHOT_FDS, n_snapshots);
	mnl_attr_put_strz(nlh, KQUORUM_A_NAME, c->name);
	mnl_attr_put_u64(nlh, KQUORUM_A_CLUSTER_ID, c->cluster_id);
	mnl_attr_put_u32(nlh, KQUORUM_A_NODE_ID, c->node_id);
	put_settings(nlh, &set, c->segment_bytes);
	mnl_attr_put_u32(nlh, KQUORUM_A_USER_LOCKS, c->user_locks);
	mnl_attr_put_u32(nlh, KQUORUM_A_NODE_LOCKS, c->node_locks);
	if (founders)
		mnl_attr_put_u32(nlh, KQUORUM_A_VOTERS, (2u << founders) - 2);
	/* Once. A log that is empty again has lost what was in it. */
	if (c->seeded && !c->founded)
		mnl_attr_put(nlh, KQUORUM_A_SEED, 0, NULL);
	if (c->survivor)
		mnl_attr_put(nlh, KQUORUM_A_SURVIVOR, 0, NULL);
	for (i = 0; i < c->n_members; i++)
		put_member(nlh, &c->members[i]);
	for (i = 0; i < n_fds; i++)
		mnl_attr_put_u32(nlh, KQUORUM_A_SEGMENT_FD, fds[i]);
	for (i = 0; i < n_snapshots; i++)
		mnl_attr_put_u32(nlh, KQUORUM_A_SNAPSHOT_FD, snapshots[i]);
	return kq_lib_talk(k, nlh, NULL, NULL);
}

int kquorum_node_stop(struct kquorum *k, bool force)
{
	struct nlmsghdr *nlh = kq_lib_request(k, KQUORUM_CMD_NODE_STOP, 0);

	if (force)
		mnl_attr_put(nlh, KQUORUM_A_FORCE, 0, NULL);
	return kq_lib_talk(k, nlh, NULL, NULL);
}

int kquorum_reconfigure(struct kquorum *k, const struct kquorum_change *c)
{
	struct nlmsghdr *nlh = kq_lib_request(k, KQUORUM_CMD_RECONFIGURE, 0);
	struct nlattr *nest;

	mnl_attr_put_u32(nlh, KQUORUM_A_VOTERS, c->voters);
	mnl_attr_put_u32(nlh, KQUORUM_A_LEARNERS, c->learners);
	mnl_attr_put_u64(nlh, KQUORUM_A_CONF_INDEX, c->based_on);
	if (c->settings)
		put_settings(nlh, c->settings, 0);
	if (c->id) {
		nest = mnl_attr_nest_start(nlh, KQUORUM_A_MEMBER);
		mnl_attr_put_u32(nlh, KQUORUM_MEMBER_ID, c->id);
		mnl_attr_put_strz(nlh, KQUORUM_MEMBER_NAME, c->name);
		mnl_attr_put_strz(nlh, KQUORUM_MEMBER_ADDRESS, c->address);
		mnl_attr_put_u32(nlh, KQUORUM_MEMBER_FLAGS, (c->promote ? KQUORUM_CONF_PROMOTE : 0) |
				 (c->witness ? KQUORUM_CONF_WITNESS : 0));
		mnl_attr_put_u32(nlh, KQUORUM_MEMBER_PRIORITY, c->priority);
		mnl_attr_nest_end(nlh, nest);
	}
	return kq_lib_talk(k, nlh, NULL, NULL);
}

int kquorum_transfer(struct kquorum *k, uint32_t node_id)
{
	struct nlmsghdr *nlh = kq_lib_request(k, KQUORUM_CMD_TRANSFER, 0);

	if (node_id)
		mnl_attr_put_u32(nlh, KQUORUM_A_NODE_ID, node_id);
	return kq_lib_talk(k, nlh, NULL, NULL);
}

int kquorum_scrub_start(struct kquorum *k, uint64_t rate)
{
	struct nlmsghdr *nlh = kq_lib_request(k, KQUORUM_CMD_SCRUB, 0);
	struct nlattr *nest = mnl_attr_nest_start(nlh, KQUORUM_A_SCRUB);

	mnl_attr_put_u64(nlh, KQUORUM_SCRUB_RATE, rate);
	mnl_attr_nest_end(nlh, nest);
	return kq_lib_talk(k, nlh, NULL, NULL);
}

int kquorum_scrub_stop(struct kquorum *k)
{
	struct nlmsghdr *nlh = kq_lib_request(k, KQUORUM_CMD_SCRUB, 0);
	struct nlattr *nest = mnl_attr_nest_start(nlh, KQUORUM_A_SCRUB);

	mnl_attr_put(nlh, KQUORUM_SCRUB_STOP, 0, NULL);
	mnl_attr_nest_end(nlh, nest);
	return kq_lib_talk(k, nlh, NULL, NULL);
}
