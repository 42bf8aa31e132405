/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The generic netlink family, and what its files share.
 */
#ifndef KQ_NETLINK_H
#define KQ_NETLINK_H

#include <net/genetlink.h>
#include "core/kq_core.h"

struct file;
struct kq_node;
struct kq_step;

/* What a command is told while the node recovers. */
#define KQ_NL_READING	"this node is still reading its log: try again"

/* What a multicast says. */
struct kq_nl_event {
	u32 bits;		/* enum kquorum_event */
	u32 node;
	u32 leader;
	u32 role;
	u64 term;
};

extern struct genl_family kq_nl_family;

/* netlink.c */
int kq_nl_module_init(void);
void kq_nl_module_exit(void);
void kq_nl_multicast(struct net *net, const struct kq_nl_event *ev);
bool kq_nl_admin(struct sk_buff *skb, struct netlink_ext_ack *extack);
struct kq_node *kq_nl_node(struct net *net, struct netlink_ext_ack *extack);
int kq_nl_error(struct netlink_ext_ack *extack, const struct nlattr *attr, int err,
		const char *why);

int kq_nl_enter(struct kq_node *node, struct kq_step *step, struct genl_info *info);
int kq_nl_check_epoch(const struct kq_node *node, struct genl_info *info);

/* nl_policy.c */
extern const struct nla_policy kq_nl_start_policy[KQUORUM_A_MAX + 1];
extern const struct nla_policy kq_nl_stop_policy[KQUORUM_A_MAX + 1];
extern const struct nla_policy kq_nl_none_policy[KQUORUM_A_MAX + 1];
extern const struct nla_policy kq_nl_epoch_policy[KQUORUM_A_MAX + 1];
extern const struct nla_policy kq_nl_transfer_policy[KQUORUM_A_MAX + 1];
extern const struct nla_policy kq_nl_attach_policy[KQUORUM_A_MAX + 1];
extern const struct nla_policy kq_nl_detach_policy[KQUORUM_A_MAX + 1];
extern const struct nla_policy kq_nl_note_policy[KQUORUM_A_MAX + 1];
extern const struct nla_policy kq_nl_snapshot_note_policy[KQUORUM_A_MAX + 1];
extern const struct nla_policy kq_nl_transit_policy[KQUORUM_TRANSIT_MAX + 1];
extern const struct nla_policy kq_nl_lock_policy[KQUORUM_A_MAX + 1];
extern const struct nla_policy kq_nl_resource_policy[KQUORUM_A_MAX + 1];
extern const struct nla_policy kq_nl_resource_set_policy[KQUORUM_A_MAX + 1];
extern const struct nla_policy kq_nl_resource_evict_policy[KQUORUM_A_MAX + 1];
extern const struct nla_policy kq_nl_fence_policy[KQUORUM_A_MAX + 1];
extern const struct nla_policy kq_nl_log_policy[KQUORUM_A_MAX + 1];
extern const struct nla_policy kq_nl_adopt_policy[KQUORUM_A_MAX + 1];
extern const struct nla_policy kq_nl_install_policy[KQUORUM_A_MAX + 1];
extern const struct nla_policy kq_nl_scrub_policy[KQUORUM_A_MAX + 1];
extern const struct nla_policy kq_nl_scrub_attr_policy[KQUORUM_SCRUB_MAX + 1];
extern const struct nla_policy kq_nl_reconfigure_policy[KQUORUM_A_MAX + 1];
extern const struct nla_policy kq_nl_setting_policy[KQUORUM_SETTING_MAX + 1];
extern const struct nla_policy kq_nl_member_policy[KQUORUM_MEMBER_MAX + 1];

/* nl_settings.c */
struct kq_settings;
int kq_nl_settings(struct kq_settings *set, u32 *segment_bytes, struct genl_info *info);
int kq_nl_put_settings(struct sk_buff *skb, int attr, const struct kq_settings *set,
		       u32 segment_bytes);

/* nl_start.c */
int kq_nl_node_start(struct sk_buff *skb, struct genl_info *info);

/* nl_member.c */
int kq_nl_reconfigure(struct sk_buff *skb, struct genl_info *info);

/* nl_note.c */
int kq_nl_peer_note(struct sk_buff *skb, struct genl_info *info);
int kq_nl_snapshot_note(struct sk_buff *skb, struct genl_info *info);
void kq_nl_forget_transits(struct kq_node *node);

/* nl_scrub.c */
int kq_nl_scrub(struct sk_buff *skb, struct genl_info *info);
int kq_nl_put_scrub(struct sk_buff *skb, const struct kq_node *node, u64 now);

/* nl_status.c */
int kq_nl_status(struct sk_buff *skb, struct genl_info *info);

/* nl_handle.c */
int kq_nl_open_handle(struct genl_info *info, u8 cmd, u32 fd_flags, struct file *file,
		      int (*ask)(struct file *file));
const char *kq_nl_ask_refusal(const struct kq_node *node, int err);
int kq_nl_lock(struct sk_buff *skb, struct genl_info *info);
int kq_nl_append_open(struct sk_buff *skb, struct genl_info *info);
int kq_nl_snapshot_save(struct sk_buff *skb, struct genl_info *info);
int kq_nl_snapshot_adopt(struct sk_buff *skb, struct genl_info *info);
int kq_nl_snapshot_install(struct sk_buff *skb, struct genl_info *info);

/* nl_access.c */
int kq_nl_sign(struct sk_buff *skb, struct genl_info *info, struct kq_node *node,
	       struct kq_lock_ask *ask);

/* nl_resource.c */
const char *kq_nl_resource_name(struct genl_info *info, u32 *len);
int kq_nl_resource_set(struct sk_buff *skb, struct genl_info *info);
int kq_nl_resource_delete(struct sk_buff *skb, struct genl_info *info);
int kq_nl_resource_evict(struct sk_buff *skb, struct genl_info *info);
int kq_nl_fence(struct sk_buff *skb, struct genl_info *info);

/* nl_dump.c */
int kq_nl_resource_get(struct sk_buff *skb, struct genl_info *info);
int kq_nl_resource_start(struct netlink_callback *cb);
int kq_nl_resource_dump(struct sk_buff *skb, struct netlink_callback *cb);
int kq_nl_log_start(struct netlink_callback *cb);
int kq_nl_log_dump(struct sk_buff *skb, struct netlink_callback *cb);
int kq_nl_dump_done(struct netlink_callback *cb);

#endif /* KQ_NETLINK_H */
