// SPDX-License-Identifier: GPL-2.0
/*
 * RESOURCE_SET, RESOURCE_DELETE, RESOURCE_EVICT, FENCE: what is said of a resource. It goes through
 * the log like all that replicas have to agree on, so the answer is a descriptor that tells what
 * became of it.
 */
#include "handle.h"
#include "netlink.h"
#include "node.h"

/* Whatever can be said: a command, and the name behind it. */
union kq_said {
	struct kq_define_cmd define;
	struct kq_undefine_cmd undefine;
	struct kq_evict_cmd evict;
	struct kq_fence_cmd fence;
	u8 bytes[sizeof(struct kq_define_cmd) + KQ_RESOURCE_MAX];
};

static_assert(sizeof(union kq_said) >= sizeof(struct kq_evict_cmd) + KQ_RESOURCE_MAX);
static_assert(sizeof(union kq_said) >= sizeof(struct kq_fence_cmd) + KQ_RESOURCE_MAX);

/**
 * struct kq_say - how something is said
 * @cmd: enum kquorum_cmd
 * @type: of the entry
 * @size: bytes of its payload before the name
 * @name_len_at: where the length of the name is in it
 * @read: fills in what the attributes say; NULL: nothing
 * @sign: fills in who says it, which anybody may; NULL: only admins may
 */
struct kq_say {
	u8 cmd;
	u16 type;
	u16 size;
	u16 name_len_at;
	int (*read)(union kq_said *said, struct genl_info *info);
	void (*sign)(union kq_said *said, const struct kq_lock_ask *who);
};

/**
 * kq_nl_resource_name() - the resource that a command is about
 * @info: of the command; it is told what is wrong
 * @len: set to the bytes of the name
 *
 * Return: the name, part of the request, or ERR_PTR(-EINVAL).
 */
const char *kq_nl_resource_name(struct genl_info *info, u32 *len)
{
	struct nlattr *name = info->attrs[KQUORUM_A_RESOURCE];

	if (GENL_REQ_ATTR_CHECK(info, KQUORUM_A_RESOURCE))
		return ERR_PTR(-EINVAL);
	*len = strnlen(nla_data(name), nla_len(name));
	if (*len)
		return nla_data(name);
	kq_nl_error(info->extack, name, -EINVAL, "the resource's name is empty");
	return ERR_PTR(-EINVAL);
}

/* --- what the attributes say --------------------------------------------------------------- */

/* Terms of a resource: where they are in the command. */
static const struct {
	u16 attr;
	u16 flag;	/* KQ_DEFINE_* */
	u16 at;
	bool is_short;	/* __le16 */
} kq_terms_said[] = {
	{ KQUORUM_A_UNITS, KQ_DEFINE_UNITS, offsetof(struct kq_define_cmd, units) },
	{ KQUORUM_A_MAX_WAITERS, KQ_DEFINE_MAX_WAITERS,
	  offsetof(struct kq_define_cmd, max_waiters) },
	{ KQUORUM_A_TTL, KQ_DEFINE_TTL, offsetof(struct kq_define_cmd, ttl_ms) },
	{ KQUORUM_A_HOLD, KQ_DEFINE_HOLD, offsetof(struct kq_define_cmd, hold_ms) },
	{ KQUORUM_A_UID, KQ_DEFINE_UID, offsetof(struct kq_define_cmd, uid) },
	{ KQUORUM_A_GID, KQ_DEFINE_GID, offsetof(struct kq_define_cmd, gid) },
	{ KQUORUM_A_MODE, KQ_DEFINE_MODE, offsetof(struct kq_define_cmd, mode), true },
	{ KQUORUM_A_FENCED, KQ_DEFINE_FENCED, offsetof(struct kq_define_cmd, fenced), true },
};

static int read_define(union kq_said *said, struct genl_info *info)
{
	bool create = nla_get_flag(info->attrs[KQUORUM_A_CREATE]);
	u16 flags = 0;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(kq_terms_said); i++) {
		const struct nlattr *a = info->attrs[kq_terms_said[i].attr];
		void *to = said->bytes + kq_terms_said[i].at;
		u32 value;

		if (!a)
			continue;
		flags |= kq_terms_said[i].flag;
		value = nla_len(a) == sizeof(u8) ? nla_get_u8(a) : nla_get_u32(a);
		if (kq_terms_said[i].is_short)
			*(__le16 *)to = cpu_to_le16(value);
		else
			*(__le32 *)to = cpu_to_le32(value);
	}
	if (create && !(flags & KQ_DEFINE_UNITS))
		return kq_nl_error(info->extack, NULL, -EINVAL,
				   "how many units it has must be said with CREATE");
	if (!flags)
		return kq_nl_error(info->extack, NULL, -EINVAL,
				   "nothing is to change: none of UNITS, MAX_WAITERS, TTL, HOLD, UID, GID, MODE, FENCED is there");
	said->define.flags = cpu_to_le16(flags | (create ? KQ_DEFINE_NEW : 0));
	return 0;
}

static int read_evict(union kq_said *said, struct genl_info *info)
{
	const struct nlattr *drain = info->attrs[KQUORUM_A_DRAIN];

	if (GENL_REQ_ATTR_CHECK(info, KQUORUM_A_NODE_ID) ||
	    GENL_REQ_ATTR_CHECK(info, KQUORUM_A_SESSION) ||
	    GENL_REQ_ATTR_CHECK(info, KQUORUM_A_OWNER))
		return kq_nl_error(info->extack, NULL, -EINVAL,
				   "whose request it is takes NODE_ID, SESSION and OWNER");
	said->evict.node = cpu_to_le32(nla_get_u32(info->attrs[KQUORUM_A_NODE_ID]));
	said->evict.session = cpu_to_le64(nla_get_u64(info->attrs[KQUORUM_A_SESSION]));
	said->evict.owner = cpu_to_le64(nla_get_u64(info->attrs[KQUORUM_A_OWNER]));
	if (drain)
		said->evict.drain_ms = cpu_to_le32(nla_get_u32(drain));
	return 0;
}

static int read_fence(union kq_said *said, struct genl_info *info)
{
	const struct nlattr *token = info->attrs[KQUORUM_A_TOKEN];

	if (GENL_REQ_ATTR_CHECK(info, KQUORUM_A_TOKEN))
		return kq_nl_error(info->extack, NULL, -EINVAL, "which TOKEN must be said");
	if (!nla_get_u64(token))
		return kq_nl_error(info->extack, token, -EINVAL, "0 is nobody's token");
	said->fence.token = cpu_to_le64(nla_get_u64(token));
	return 0;
}

static void sign_fence(union kq_said *said, const struct kq_lock_ask *who)
{
	said->fence.uid = cpu_to_le32(who->uid);
	said->fence.gid = cpu_to_le32(who->gid);
	said->fence.flags = cpu_to_le16(who->admin ? KQ_ACQUIRE_ADMIN : 0);
}

/* --- to the log ----------------------------------------------------------------------------- */

/* All but who says it. Return: bytes, or negative errno. */
static int compose(union kq_said *said, const struct kq_say *how, struct genl_info *info,
		   struct kq_lock_ask *about)
{
	int err;

	about->name = kq_nl_resource_name(info, &about->name_len);
	if (IS_ERR(about->name))
		return PTR_ERR(about->name);
	err = how->read ? how->read(said, info) : 0;
	if (err)
		return err;
	*(__le16 *)(said->bytes + how->name_len_at) = cpu_to_le16(about->name_len);
	memcpy(said->bytes + how->size, about->name, about->name_len);
	return how->size + about->name_len;
}

static int say(struct sk_buff *skb, struct genl_info *info, const struct kq_say *how)
{
	struct kq_lock_ask about = {};
	union kq_said said = {};
	struct kq_node *node;
	int len, err = 0;

	if (!how->sign && !kq_nl_admin(skb, info->extack))
		return -EPERM;
	len = compose(&said, how, info, &about);
	if (len < 0)
		return len;
	node = kq_nl_node(genl_info_net(info), info->extack);
	if (IS_ERR(node))
		return PTR_ERR(node);
	if (how->sign) {
		err = kq_nl_sign(skb, info, node, &about);
		if (err)
			goto put_node;
		how->sign(&said, &about);
	}
	err = kq_nl_open_handle(info, how->cmd, O_CLOEXEC,
				kq_command_file(node, how->type, &said, len), kq_command_ask);
	if (err)
		kq_nl_error(info->extack, NULL, err, kq_nl_ask_refusal(node, err));
put_node:
	kq_node_put(node);
	return err;
}

/**
 * kq_nl_resource_set() - RESOURCE_SET
 * @skb: request
 * @info: its attributes
 *
 * Return: 0: it is proposed, the descriptor tells the rest; or negative errno.
 */
int kq_nl_resource_set(struct sk_buff *skb, struct genl_info *info)
{
	static const struct kq_say how = {
		.cmd = KQUORUM_CMD_RESOURCE_SET, .type = KQ_ENTRY_DEFINE,
		.size = sizeof(struct kq_define_cmd),
		.name_len_at = offsetof(struct kq_define_cmd, name_len), .read = read_define,
	};

	return say(skb, info, &how);
}

/**
 * kq_nl_resource_delete() - RESOURCE_DELETE
 * @skb: request
 * @info: its attributes
 *
 * Return: as kq_nl_resource_set().
 */
int kq_nl_resource_delete(struct sk_buff *skb, struct genl_info *info)
{
	static const struct kq_say how = {
		.cmd = KQUORUM_CMD_RESOURCE_DELETE, .type = KQ_ENTRY_UNDEFINE,
		.size = sizeof(struct kq_undefine_cmd),
		.name_len_at = offsetof(struct kq_undefine_cmd, name_len),
	};

	return say(skb, info, &how);
}

/**
 * kq_nl_resource_evict() - RESOURCE_EVICT
 * @skb: request
 * @info: its attributes
 *
 * Return: as kq_nl_resource_set().
 */
int kq_nl_resource_evict(struct sk_buff *skb, struct genl_info *info)
{
	static const struct kq_say how = {
		.cmd = KQUORUM_CMD_RESOURCE_EVICT, .type = KQ_ENTRY_EVICT,
		.size = sizeof(struct kq_evict_cmd),
		.name_len_at = offsetof(struct kq_evict_cmd, name_len), .read = read_evict,
	};

	return say(skb, info, &how);
}

/**
 * kq_nl_fence() - FENCE
 * @skb: request
 * @info: its attributes
 *
 * Return: as kq_nl_resource_set(), and kq_nl_sign().
 */
int kq_nl_fence(struct sk_buff *skb, struct genl_info *info)
{
	static const struct kq_say how = {
		.cmd = KQUORUM_CMD_FENCE, .type = KQ_ENTRY_FENCE,
		.size = sizeof(struct kq_fence_cmd),
		.name_len_at = offsetof(struct kq_fence_cmd, name_len),
		.read = read_fence, .sign = sign_fence,
	};

	return say(skb, info, &how);
}
