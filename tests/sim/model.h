/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the checks know of the committed log, and the independent model that is fed from it:
 * check_model.c, check_resource.c, check_terms.c. Part of sim.h.
 */
#ifndef KQSIM_MODEL_H
#define KQSIM_MODEL_H

#include "kq_core.h"

/* What can be said of a resource. */
struct model_terms {
	u32 units, max_waiters, ttl_ms, hold_ms, uid, gid, mode, fenced;
};

/* An entry that some node has committed. */
struct sim_committed {
	u64 term;
	u64 commit_term;	/* in which it was committed: its own or a later one */
	u64 at;			/* true time when that was first known to a node */
	u64 digest;
	u64 session, seq;
	u64 payload;		/* APPEND: unique id */
	u64 settled;
	u32 crc;
	u32 node;
	u16 type;
	u64 cmd_session;	/* OPEN, CLOSE, EXPIRE: which */
	u32 cmd_node;
	u64 owner;		/* ACQUIRE, RELEASE, EVICT */
	u32 resource;		/* DEFINE, UNDEFINE, FENCE too */
	bool is_try, is_shared, is_admin;
	u32 flags;		/* DEFINE: KQ_DEFINE_* */
	struct model_terms is;	/* DEFINE; of ACQUIRE what has the same name */
	u16 why;		/* RELEASE */
	u32 drain_ms;		/* EVICT */
	u64 token;		/* FENCE */
	struct kq_conf *conf;	/* CONF */
	/* by the model */
	bool counts;		/* it was applied, not as a twin or in a session that is over */
	s32 result;		/* of a request for a resource, also one that is refused later */
	u64 request;		/* EVICT: of whose ACQUIRE */
	bool evicted;		/* ACQUIRE */
	bool cut;		/* where tokens are checked: what was told may end sooner; EVICT too */
	bool taken;		/* ... and the leader took it: its node may not know */
};

#define MODEL_CLAIMS 4096

struct model_claim {
	u64 session, owner, index;
	u64 token;		/* 0: waits */
	u32 node;
	u32 units;		/* 0: all there are, unless it shares */
	bool shares, evicted;
	u32 ttl_ms, hold_ms, drain_ms, uid;
	u64 numbers[KQ_NUMBERED / 64];
};

struct model_room {
	u64 from;		/* log index */
	u32 units;
};

struct model_resource {
	struct model_claim claim[MODEL_CLAIMS];		/* in the order of the log */
	u32 count;
	u64 defined;		/* at this index; 0: nothing was said of it */
	struct model_terms is;
	u64 fence;		/* the highest token that it was shown */
	struct model_room *room;	/* how many units it had, oldest first */
	u32 rooms, rooms_room;
};

struct model_session {
	u64 id, last_id;
	bool suspect;
	u8 *applied;		/* by sequence number */
	u64 seqs;
};

struct sim_model {
	u64 applied;
	struct kq_conf conf;
	struct model_session session[SIM_NODES + 1];
	struct model_resource res[SIM_RESOURCES];
};

#endif /* KQSIM_MODEL_H */
