// SPDX-License-Identifier: GPL-2.0
/*
 * Pre-votes and votes (Raft paper 5.2, 5.4.1; thesis 9.6), kernel to kernel. The
 * daemon says when to ask; whether a vote is given is decided here.
 */
#include "kq_int.h"

/* The log end that counts for elections: of a damaged log, what may have been acknowledged. */
static void log_end(const struct kq_core *core, u64 *index, u64 *term)
{
	*index = core->log.last;
	*term = kq_log_term(&core->log, core->log.last);
	if (core->state == KQUORUM_NODE_DAMAGED) {
		*index = core->report.claimed_index;
		*term = core->report.claimed_term;
	}
}

/* Raft paper 5.4.1: the later term wins, then the longer log. */
static bool up_to_date(const struct kq_core *core, u64 index, u64 term)
{
	u64 my_index, my_term;

	log_end(core, &my_index, &my_term);
	if (KQ_BREAK(ELECTION))
		return true;
	return term > my_term || (term == my_term && index >= my_index);
}

/*
 * The leader that was heard last may count on it for the time that was promised, also
 * when somebody else's term ends its own meanwhile: its lease may be built on that.
 */
static bool heard_leader(const struct kq_core *core)
{
	if (kq_is_leader(core))
		return true;
	if (KQ_BREAK(FORGET) && !core->leader)
		return false;
	return core->now_ns < core->promised_until_ns && !KQ_BREAK(DISTURB);
}

/* Who leads does not ask. */
static bool may_stand(const struct kq_core *core)
{
	return core->state == KQUORUM_NODE_RUNNING && !core->stopping &&
		kq_core_is_eligible(core) && !core->cfg.survivor &&
		core->now_ns >= core->wait_until_ns && core->disk_state != KQUORUM_DISK_SLOW &&
		!kq_rate_own_is_off(core);
}

static void send_requests(struct kq_core *core, u8 type, u64 term, u32 flags)
{
	struct kq_peer *p;
	u64 index, last_term;
	u32 i;

	log_end(core, &index, &last_term);
	for (i = 1; i <= KQ_MAX_NODES; i++)
		core->peer[i].vote = 0;
	kq_for_each_peer(core, core->conf.voters | core->conf.outgoing, p) {
		struct kq_body_vote_req *b;
		struct kq_msg *msg;

		if (p->id == core->cfg.self || !p->connected)
			continue;
		msg = kq_msg_alloc(core, p->id, type, sizeof(*b));
		if (!msg)
			continue;
		b = kq_msg_body(msg);
		b->last_index = cpu_to_le64(index);
		b->last_term = cpu_to_le64(last_term);
		b->flags = cpu_to_le32(flags);
		kq_msg_send(core, msg, term);
	}
	core->canvass_since_ns = core->now_ns;
}

/* 1: a majority granted, -1: it cannot any more, 0: open. */
static int count_votes(struct kq_core *core)
{
	kq_nodes granted = 0, refused = 0;
	struct kq_peer *p;

	kq_for_each_member(core, p) {
		if (p->vote > 0 && kq_is_member(core, p->id))
			granted |= kq_node_bit(p->id);
		else if (p->vote)
			refused |= kq_node_bit(p->id);
	}
	return kq_conf_decided(&core->conf, granted, refused);
}

static void canvass_end(struct kq_core *core, u32 how)
{
	core->canvass = how;
	core->role = KQUORUM_FOLLOWER;
	core->events |= KQUORUM_EVENT_CANVASS;
	kq_trace(core, "canvass %s", how == KQUORUM_CANVASS_WON ? "won" : "lost");
}

/**
 * kq_core_canvass() - ask the voters whether a campaign could win
 * @core: the core
 * @now_ns: the clock
 *
 * Changes no term. The result is core->canvass, announced as an event.
 *
 * Return: 0, -EAGAIN when it must not stand now (restart wait, leader heard, no vote),
 * -EALREADY for the leader, -EIO when the node is not able to lead.
 */
int kq_core_canvass(struct kq_core *core, u64 now_ns)
{
	core->now_ns = now_ns;
	if (kq_is_leader(core))
		return -EALREADY;
	if (core->state != KQUORUM_NODE_RUNNING)
		return -EIO;
	if (!may_stand(core) || heard_leader(core) || core->role == KQUORUM_CANDIDATE)
		return -EAGAIN;
	core->role = KQUORUM_CANVASSING;
	core->canvass = KQUORUM_CANVASS_RUNNING;
	send_requests(core, KQ_MSG_PREVOTE_REQ, core->hs.term + 1, 0);
	kq_self(core)->vote = 1;
	kq_trace(core, "canvasses for term %llu", (unsigned long long)core->hs.term + 1);
	if (count_votes(core) > 0)
		canvass_end(core, KQUORUM_CANVASS_WON);
	return 0;
}

static void campaign(struct kq_core *core, u32 flags)
{
	kq_become_follower(core, core->hs.term + 1, 0);
	if (!kq_is_up(core))
		return;
	core->hs.vote = core->cfg.self;
	core->hs.vote_inc = (u32)core->hs.incarnation;
	core->role = KQUORUM_CANDIDATE;
	core->canvass = KQUORUM_CAMPAIGN_RUNNING;
	core->counters.elections++;
	core->events |= KQUORUM_EVENT_LEADER;
	/* They wait for the own vote to be on disk, like every message of the new term. */
	send_requests(core, KQ_MSG_VOTE_REQ, core->hs.term, flags);
	kq_trace(core, "campaigns");
	kq_disk_pump(core);
}

/**
 * kq_core_campaign() - take a new term and ask for votes
 * @core: the core
 * @now_ns: the clock
 *
 * Return: 0, or as kq_core_canvass().
 */
int kq_core_campaign(struct kq_core *core, u64 now_ns)
{
	core->now_ns = now_ns;
	if (kq_is_leader(core))
		return -EALREADY;
	if (core->state != KQUORUM_NODE_RUNNING)
		return -EIO;
	if (!may_stand(core) || heard_leader(core))
		return -EAGAIN;
	campaign(core, 0);
	return 0;
}

/*
 * One vote in a term, for one start of a node: who asks in it has it on its disk, so that another
 * start that asks again has forgotten it, or is another machine.
 */
static bool grant_vote(struct kq_core *core, u32 from, u64 term, u64 index, u64 last_term)
{
	bool same = core->hs.vote == from &&
		core->hs.vote_inc == (u32)core->peer[from].incarnation;

	if (term != core->hs.term)
		return false;
	if (core->hs.vote && !same && !KQ_BREAK(VOTE))
		return false;
	return up_to_date(core, index, last_term);
}

/**
 * kq_vote_recv_req() - answer a pre-vote or vote request
 * @core: the core
 * @h: header
 * @body: struct kq_body_vote_req
 *
 * Who has heard a leader within the shortest election timeout refuses without
 * taking the term (thesis 4.2.3), except when the leader itself asked for the
 * campaign. Who restarted does not know whom it promised what, and waits.
 */
void kq_vote_recv_req(struct kq_core *core, const struct kq_wire_hdr *h, const void *body)
{
	const struct kq_body_vote_req *b = body;
	u64 term = le64_to_cpu(h->term);
	u64 index = le64_to_cpu(b->last_index), last_term = le64_to_cpu(b->last_term);
	u32 from = le32_to_cpu(h->from);
	bool pre = h->type == KQ_MSG_PREVOTE_REQ;
	bool transfer = le32_to_cpu(b->flags) & KQ_VOTE_TRANSFER;
	struct kq_body_vote_resp *r;
	struct kq_msg *msg;
	bool granted = false;

	/* A voter that is not in this node's configuration may be in a newer one. */
	if (KQ_BREAK(STRANGER) && !kq_conf_votes(&core->conf, from))
		return;
	if (core->report.health == KQ_WAL_DAMAGED && !core->report.vote_known)
		return;		/* counts as wiped: its vote may have been given already */
	if (!transfer && (heard_leader(core) || core->now_ns < core->wait_until_ns)) {
		/* refuse, and leave the term alone */
	} else if (pre) {
		granted = term > core->hs.term && up_to_date(core, index, last_term);
	} else {
		if (term > core->hs.term) {
			if (transfer)
				core->promised_until_ns = 0;	/* its leader asked for it */
			kq_become_follower(core, term, 0);
		}
		granted = grant_vote(core, from, term, index, last_term);
		if (granted && core->hs.vote != from) {
			core->hs.vote = from;
			core->hs.vote_inc = (u32)core->peer[from].incarnation;
			if (!KQ_BREAK(VOTE_VOLATILE))
				kq_hard_state_changed(core);
		}
	}
	if (!kq_is_up(core))
		return;
	kq_trace(core, "%s %s of %u for term %llu", granted ? "grants" : "refuses",
		 pre ? "pre-vote" : "vote", from, (unsigned long long)term);
	msg = kq_msg_alloc(core, from, pre ? KQ_MSG_PREVOTE_RESP : KQ_MSG_VOTE_RESP, sizeof(*r));
	if (!msg)
		return;
	r = kq_msg_body(msg);
	r->req_term = cpu_to_le64(term);
	r->granted = cpu_to_le32(granted);
	/* A term of 0 exists only before the first election; nobody refuses with it then. */
	kq_msg_send(core, msg, max_t(u64, core->hs.term, 1));
}

/**
 * kq_vote_recv_resp() - count an answer
 * @core: the core
 * @h: header
 * @body: struct kq_body_vote_resp
 */
void kq_vote_recv_resp(struct kq_core *core, const struct kq_wire_hdr *h, const void *body)
{
	const struct kq_body_vote_resp *b = body;
	u32 from = le32_to_cpu(h->from);
	u64 req_term = le64_to_cpu(b->req_term);
	bool pre = h->type == KQ_MSG_PREVOTE_RESP;

	if (pre) {
		if (core->role != KQUORUM_CANVASSING || req_term != core->hs.term + 1)
			return;
		/* A voter ahead of us: take its term, or no later canvass could win. */
		if (!b->granted && le64_to_cpu(h->term) > core->hs.term) {
			kq_become_follower(core, le64_to_cpu(h->term), 0);
			canvass_end(core, KQUORUM_CANVASS_LOST);
			return;
		}
	} else if (core->role != KQUORUM_CANDIDATE || req_term != core->hs.term) {
		return;
	}
	core->peer[from].vote = b->granted ? 1 : -1;
	kq_vote_tick(core);
}

/**
 * kq_vote_tick() - has the canvass or campaign under way ended?
 * @core: the core
 *
 * The own vote counts once it is on disk.
 */
void kq_vote_tick(struct kq_core *core)
{
	bool late = core->now_ns - core->canvass_since_ns > kq_ms(core->eff.election_ms);
	int won;

	if (core->role == KQUORUM_CANDIDATE && core->hs.vote == core->cfg.self &&
	    core->hs_durable >= core->hs_said)
		kq_self(core)->vote = 1;
	if (core->role != KQUORUM_CANVASSING && core->role != KQUORUM_CANDIDATE)
		return;
	won = count_votes(core);
	if (!won && !late)
		return;
	if (core->role == KQUORUM_CANVASSING) {
		canvass_end(core, won > 0 ? KQUORUM_CANVASS_WON : KQUORUM_CANVASS_LOST);
	} else if (won > 0) {
		core->canvass = KQUORUM_CAMPAIGN_WON;
		core->events |= KQUORUM_EVENT_CANVASS;
		kq_leader_start(core);
	} else {
		canvass_end(core, KQUORUM_CAMPAIGN_LOST);
	}
}

/**
 * kq_vote_recv_timeout_now() - the leader hands over to this node
 * @core: the core
 * @h: header
 * @body: struct kq_body_timeout_now
 *
 * The kernel campaigns by itself, so that a transfer needs no daemon alive here.
 */
void kq_vote_recv_timeout_now(struct kq_core *core, const struct kq_wire_hdr *h,
			      const void *body)
{
	const struct kq_body_timeout_now *b = body;

	if (core->leader != le32_to_cpu(h->from) || !may_stand(core))
		return;
	if (core->log.last != le64_to_cpu(b->last_index) ||
	    kq_log_term(&core->log, core->log.last) != le64_to_cpu(b->last_term))
		return;
	core->promised_until_ns = 0;
	campaign(core, KQ_VOTE_TRANSFER);
}
