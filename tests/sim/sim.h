/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The simulator: N real cores and N real election logics on a virtual network,
 * virtual disks and virtual clocks. One seed gives one run, to the byte.
 *
 * Nothing here may let a pointer, a hash order or the host's clock decide.
 */
#ifndef KQSIM_H
#define KQSIM_H

#include "kq_core.h"
#include "elect.h"
#include "handover.h"
#include "prefer.h"

#define SIM_NODES	7
/*
 * Numbers are given to machines. One whose number went to another keeps its files, and may go on
 * running: a ghost, at SIM_GHOST() of its number.
 */
#define SIM_GHOST(id)	(SIM_NODES + (id))
#define SIM_MACHINES	SIM_GHOST(SIM_NODES)
/* A trace of a real cluster needs more of these: tests/trace */
#ifndef SIM_SLOTS
#define SIM_SLOTS	6		/* lock clients per node */
#define SIM_RESOURCES	4		/* the last one no client asks for */
#endif
#define SIM_APPENDS	64		/* proposals of one node under way */
#define SIM_RENEWALS	64		/* answers on their way that are remembered */
#define SIM_UNDOS	16		/* batches that can be taken back */
#define SIM_SEGMENTS	KQ_WAL_MAX_SEGMENTS
#define SIM_FILES	6		/* snapshots on one disk */
#define SIM_SNAP_MS	4		/* between two steps of a daemon that saves */
#define FAULTS_MAX	4096		/* of one seed that can be named */
#define SIM_MS		1000000ULL
#define SIM_SEC		1000000000ULL

#include "model.h"	/* with as many nodes and resources */

/* Everything that may differ between two seeds; see the table in dials.c. */
struct sim_dials {
	u64 nodes, joiners, heartbeat_ms, election_beats, lease_ms, delta_ms, drift_ppm;
	u64 segment_kib, segments;
	u64 net_us, wan_us, net_jitter_us, net_spike_pm, detect_ms, redial_ms;
	u64 disk_us, disk_spike_pm, daemon_lag_us;
	u64 clients, resources, hold_ms, think_ms, try_pct, cancel_pct;
	u64 append_ms, append_bytes, big_pct, burst_pct;
	u64 fault_ms;
	u64 w_crash, w_power, w_daemon, w_partition, w_oneway, w_bridge, w_flap, w_stall;
	u64 w_eio, w_hang, w_slow, w_pause, w_busy, w_freeze, w_transfer, w_stop, w_clock, w_rot,
	    w_misdirect, w_older, w_member, w_back, w_wipe, w_ghost, w_lost, w_settings,
	    w_live_rot, w_scrub, w_suspend;
	u64 rot_tail_pct, cling_pct;
	u64 alloc_fail_pct, used_disk_pct, full, beyond;
	u64 snap_ms, keep_entries, ship_ms;
	u64 share_pct, units_pct, define_ms;
	u64 end_pct, hung_pct, user_pct, evict_ms, show_ms;
};

enum sim_kind {
	EV_TICK,		/* a: node */
	EV_POLL,		/* the daemon looks */
	EV_LINGER,
	EV_DISK,		/* a write ends */
	EV_CLIENT,		/* b: slot */
	EV_APPEND,
	EV_BURST,		/* many appends at once */
	EV_RESTART,
	EV_DAEMON_BACK,
	EV_DIAL,		/* a < b: the pair */
	EV_DELIVER,		/* a to b */
	EV_SIDE_UP,		/* a is given its connection to b */
	EV_SIDE_DOWN,
	EV_UNBLOCK,		/* a to b passes again */
	EV_SNAP,		/* the daemon saves, and sends what it saved */
	EV_INSTALL,		/* a snapshot has arrived */
	EV_CLOCK,		/* a clock error ends */
	EV_FAULT,
	EV_DEFINE,		/* an operator says something of a resource */
	EV_EVICT,		/* an operator makes somebody give one back */
	EV_SHOW,		/* somebody shows a token */
	EV_RENEW,		/* b: slot: its holder is still at work */
	EV_CHECK,
	EV_PHASE,
};

struct sim_event {
	u64 at;
	u64 seq;
	u64 gen;
	u8 kind;
	u8 a;			/* machines: sim_at() */
	u8 b;
};

struct sim_packet {
	struct sim_packet *next;
	u64 due;
	u32 len;
	u8 data[];
};

/* One direction of a connection. */
struct sim_pipe {
	struct sim_packet *head, **tail;
	u64 bytes;
	u64 last_due;
	u32 blocked;
	u64 blocked_since;
};

struct sim_conn {
	u64 epoch;		/* of the newest connection; both sides may lag behind */
	bool alive;		/* bytes can pass */
};

/* One end of a connection, as the node sees it. */
struct sim_side {
	bool up;
	u64 epoch;
	u64 inc_peer, identity_peer;	/* of whom it stands to, while it is up */
	u64 inc_self;		/* as the greetings had it */
	struct kquorum_past peer;
};

/* What a holder has of a resource. */
struct sim_right {
	u32 mode;		/* enum kq_claim_mode */
	u32 units;		/* with KQ_CLAIM_UNITS */
	u64 numbers[KQ_NUMBERED / 64];
	u64 token;
	u64 by;			/* whose it is: sim_right_by() */
	u64 request;		/* log index of its ACQUIRE */
};

/* What a program was told of its grant, by the clock of its node. */
struct sim_grant {
	u64 since, renewed;	/* seen to be granted, renewed */
	u32 ttl_ms, hold_ms;	/* by the log; 0: none */
	u64 told;		/* it may rely on it until then */
	u64 evict_most;		/* evicted: it has lost it by then; 0: not so */
	u64 owner, request;	/* whose it is; log index of its ACQUIRE */
	u64 lost_at;		/* true time; 0: it is not */
};

/* What the checker knows of a client's lock. */
struct sim_hold {
	bool active;
	bool by_session;	/* @deadline is that of the session */
	u64 expired_at;		/* true time: it ended by its deadline; 0: not so */
	u64 session;
	u64 deadline;
	struct sim_right right;
};

/* The newest tokens that a resource has seen, and whose. */
struct sim_fence {
	struct { u64 token, by; } all, unit[KQ_NUMBERED];
	u64 shares, units;
};

/* An answer to a node's request to renew its session. */
struct sim_renewal {
	u64 session, sent, deadline, commit;
};

#define SIM_TOKENS	32		/* that are remembered, to be shown */

/* Since when a leader hears of a node what it needs to measure the rate of its clock. */
struct sim_watch {
	u64 term, life, window;
	u64 since, last;		/* true time */
	u64 since_clock, clock;		/* by its own */
};

enum sim_slot_state { SLOT_IDLE, SLOT_WAIT, SLOT_HOLD, SLOT_CLOSING };

struct sim_slot {
	enum sim_slot_state state;
	struct kq_owner *owner;
	u32 resource;
	u64 gen;		/* timers of an earlier round are ignored */
	u64 since;
	u64 done;		/* full rounds */
	u64 round;		/* as @gen, for renewals */
	bool hangs;		/* its program: it does nothing until it has lost its grant */
	struct sim_hold hold;
	struct sim_grant grant;
};

/* Also what is to be said of a resource. */
struct sim_append {
	struct kq_proposal p;
	u64 id;
	bool busy;
	u64 since;
};

/* What stood where a batch was written. */
struct sim_undo {
	u8 *bytes;
	u32 slot, len;
	u64 offset;
	u64 last;		/* the batch's last index */
	u64 branch;		/* where the dead branch ended whose place it took, or 0 */
};

/* A snapshot: whole, and safe on the disk. */
struct sim_file {
	u8 *data;
	u32 len;
	u32 by;
	struct kq_snap_ref ref;
};

/* The configuration that a node was last seen to go by, as its log has it. */
struct sim_conf_read {
	u32 len;
	u8 bytes[KQ_CONF_MAX];
	struct kq_conf conf;
};

/* The bytes of a disk. */
struct sim_arena {
	u8 *bytes, *dirty;	/* dirty: by block */
	u64 room;
};

#define SIM_EVICTS_SEEN	64		/* of one node, the newest */

/* A node has applied that a request was evicted. */
struct sim_evict_seen {
	u64 request;		/* log index of its ACQUIRE */
	u64 end_clock;		/* by its clock the time to end is over */
};

/* A machine; see SIM_GHOST(). */
struct sim_node {
	u32 id;			/* its number; 0: there is no such machine */
	bool up;
	bool joins;		/* started for a cluster that runs */
	bool greet;		/* its incarnation is durable: may connect */
	bool stopping;
	bool restarting;	/* an EV_RESTART is on its way */
	u64 stop_since;
	u64 life;
	struct kq_core *core;

	/* clock: value + (true - since) * (1 + ppb / 1e9) */
	u64 clk_since, clk_value;
	s64 clk_ppb, clk_own_ppb;
	bool clk_stopped;
	u64 clk_error_at;
	u64 paused_until, busy_until;

	/* disk */
	struct sim_arena *arena;
	u8 *disk;
	u8 *block_kept;		/* per block: acknowledged */
	bool seg_kept[SIM_SEGMENTS];	/* per segment: some of its blocks may be */
	u64 last_first, last_block;	/* of the batch acknowledged last */
	struct kq_batch *batch;
	s32 batch_error;
	u64 batch_gen;
	u64 slow_until, hang_until;
	bool eio;
	bool rotten;		/* its log has blocks that were changed, or overwritten */
	u8 *rot;		/* by block: which */
	bool mended;		/* and it has put back what that took */
	bool live_rot;		/* some were while it ran: neither a start nor a scrub saw it yet */
	u64 rots;		/* how often */
	struct sim_scrub *scrub;	/* that is under way */
	bool lost;		/* the snapshot that its log refers to, until it has another */
	struct sim_file file[SIM_FILES], copied_file[SIM_FILES];
	struct kq_save *save;
	struct sim_file saving, arriving;
	u64 seg_generation[SIM_SEGMENTS], seg_base[SIM_SEGMENTS];	/* as written */
	u64 durable_snap;	/* that the newest batch on disk refers to */
	u64 installed;		/* the newest that it was given since it started */
	struct sim_undo undo[SIM_UNDOS];	/* the newest batches that can be undone */
	u32 undos;
	u64 written_last;	/* where the log on its disk ends */
	u64 older_term;		/* batches were undone while this term's leader counted on them */
	u8 *copy;		/* of the disk as it was at the start @copy_start, by block */
	u8 *copied;
	u64 copy_start;
	struct kq_conf copy_conf;	/* that it went by then */
	bool set_back;		/* its disk is that copy now: nobody may take it for the same */
	u64 identity;		/* of what is on its disk, 0: not known yet */
	bool wiped;		/* and the cluster knows what was on another one */
	u64 *start;		/* incarnations that these files remember, oldest first */
	u32 starts, starts_room, starts_copied;

	/* daemon */
	bool daemon;
	struct kqd_elect elect;
	struct kqd_handover handover;
	u64 poll_at;
	u64 poll_gen;

	struct sim_side side[SIM_MACHINES + 1];
	struct sim_slot slot[SIM_SLOTS];
	struct sim_append *append;	/* SIM_APPENDS of them */
	u64 acked;

	/* checker's shadow */
	struct kq_conf seen_conf;	/* the newest of its log, over restarts */
	u64 seen_conf_index;
	struct sim_conf_read conf_read;
	u64 seen_count_ms;	/* settings_count_ms() by the settings before its own */
	u32 seen_delta_ms;	/* likewise the larger Delta */
	u64 counted_until;	/* true time: a leader counts on its vote, over restarts */
	u64 durable_term;	/* of the newest batch on disk */
	u32 durable_vote;
	u64 durable_peer[SIM_NODES + 1];
	u64 met[SIM_MACHINES + 1];	/* start of a member that it spoke to last */
	u64 seen_promise[SIM_NODES + 1], seen_promised[SIM_NODES + 1];	/* and of which session */
	bool seen_ready;
	u64 voteless_ticks;	/* since it leads without a vote */
	int seen_off[SIM_NODES + 1], seen_own_off;	/* clocks, as in struct kq_rate */
	u64 off_ticks;		/* since it leads, and its own is */
	struct sim_watch watch[SIM_NODES + 1];
	u64 batch_ticks;	/* since the write under way began */
	u64 silent_ticks[SIM_NODES + 1];	/* since a peer answered it, the leader */
	u64 seen_identity[SIM_NODES + 1];	/* who was connected under a number last */
	u64 deadline_at;	/* true time when seen_deadline passed; 0: not yet */
	struct sim_renewal renewal[SIM_RENEWALS];
	u64 renewals;
	u64 sent_term;		/* highest that it ever spoke of, over restarts */
	u64 seen_commit, seen_applied, seen_last, seen_last_term, seen_term, seen_leader_term;
	u64 seen_session, seen_deadline;
	u64 lead_clock;		/* when it was seen to lead, with all of the terms before applied */
	struct sim_evict_seen evict_seen[SIM_EVICTS_SEEN];
	u64 evicts_seen;
	struct sim_fence seen_fence[SIM_RESOURCES];
};

struct sim_ack {
	u64 index;
	u64 term;
	u64 effective;		/* index where it counts */
	s32 error;
	bool done;
	u32 node;
	bool said;		/* of a resource; in the log it is found by these: */
	u64 session, seq;
};

enum sim_fault {
	FAULT_CRASH, FAULT_POWER, FAULT_DAEMON, FAULT_PARTITION, FAULT_ONEWAY, FAULT_BRIDGE,
	FAULT_FLAP, FAULT_STALL, FAULT_EIO, FAULT_HANG, FAULT_SLOW, FAULT_PAUSE, FAULT_BUSY,
	FAULT_FREEZE, FAULT_TRANSFER, FAULT_STOP, FAULT_CLOCK, FAULT_ROT, FAULT_MISDIRECT,
	FAULT_OLDER,
	FAULT_MEMBER, FAULT_BACK, FAULT_WIPE, FAULT_GHOST, FAULT_LOST, FAULT_SETTINGS,
	FAULT_LIVE_ROT, FAULT_SCRUB, FAULT_SUSPEND,
	FAULT_KINDS
};

struct sim_stats {
	u64 virtual_ns, events, messages, elections, leaders, crashes, faults, grants, expiries,
	    acks, unknown, refused, committed, torn, damaged, mended, shared, full, ops, overlaps, stale, saved,
	    installed, restored, scrubs, shares, units, said, renewed, ended, evicted, taken,
	    denied, passed, refused_tokens, off;
	u64 fault[FAULT_KINDS];
};

enum sim_phase { PHASE_FAULTS, PHASE_MAJORITY, PHASE_HEALED, PHASE_DRAIN, PHASE_OVER };

struct sim {
	u64 seed;
	u64 rng[4];
	u64 now;
	u64 event_seq;
	struct sim_event *heap;
	u32 heap_count, heap_room;
	struct sim_dials d;
	struct kq_settings set;		/* that the cluster begins with */
	u64 end_faults;
	enum sim_phase phase;
	u64 phase_since;
	u64 fault_gen;
	u64 fault_no;		/* faults so far, of this seed */
	bool older_waits;	/* an older disk, for a dead branch */
	u32 healed;		/* bit n: node n, of which progress is demanded */
	bool clock_errors;	/* the gap may shrink by them */
	bool clocks_lie;	/* beyond what the settings promise: only tokens protect */
	bool frozen;		/* one was stopped */
	u64 clocks_right;	/* true time since when they are within the bound, 0: always or never */
	/* Which append is it? NULL: its payload begins with its number */
	u64 (*payload_id)(struct sim *s, const struct kq_entry *e);

	struct sim_node node[SIM_MACHINES + 1];
	u32 last;		/* machine; 0: the one with the highest number */
	u64 lives[SIM_NODES + 1];	/* starts under a number */
	struct sim_conn conn[SIM_MACHINES + 1][SIM_MACHINES + 1];	/* a < b */
	struct sim_pipe pipe[SIM_MACHINES + 1][SIM_MACHINES + 1];	/* from, to */

	/* checker */
	struct kq_conf conf;		/* the newest that is committed */
	u64 conf_index;
	u64 overlap_since;		/* true time: a change of settings was committed */
	struct kquorum_conf_member member[SIM_NODES + 1];	/* what it says of each */
	struct kquorum_conf_member left[SIM_NODES + 1];	/* who had a number last, and left */
	u64 begun;		/* identity of the node that began the cluster */
	struct sim_committed *log;	/* by index */
	u64 log_count, log_room;
	u32 *term_leader;		/* by term; machines, like votes */
	u8 (*term_vote)[SIM_MACHINES + 1];	/* by term and machine */
	u64 term_room;
	struct sim_ack *ack;
	u64 ack_count, ack_room;
	struct sim_fence fence[SIM_RESOURCES];	/* at each resource itself */
	struct { u64 token; u32 resource; } given[SIM_TOKENS];	/* the newest that were */
	u64 givens;
	struct { u64 session, at; } expired[SIM_NODES + 1];	/* the newest EXPIRE of each */
	struct sim_model model;
	struct sim_stats st;
};

struct sim_opt {
	u64 first, seeds, seconds;
	u32 jobs;
	bool quiet, trace, swarm, shrink;
	bool brief;		/* of a timeline only what matters */
	const char *program, *bug_option;	/* as they were typed */
	u8 *faults;		/* by number: it happens; NULL: all do */
	u64 fault_count;
};

/* How a seed ended. */
struct sim_outcome {
	bool failed;
	u64 events, faults, at;
	char text[400];
};

/* main.c */
extern struct sim_opt opt;
void run_seed(u64 seed, struct sim_stats *out);

/* seeds.c */
int seeds_run(void);
void seeds_replay(u64 seed);

/* shrink.c */
int shrink_run(void);

/* Whose timeline it is: by itself that of the seed of sim_running. */
struct sim_timeline {
	u32 shown;		/* lines; 0: the usual number */
	const char *file;	/* of a trace of a real cluster, replayed */
	u64 line;		/* in it */
	void (*around)(void);	/* prints what stands there */
};

/* timeline.c */
extern struct sim_timeline sim_timeline;
extern bool sim_tracing;
extern struct sim *sim_running;
void timeline_child(bool with_ring, int fd);
__attribute__((format(printf, 3, 4)))
void sim_trace(struct sim *s, const struct sim_node *n, const char *fmt, ...);
__attribute__((format(printf, 3, 4), noreturn))
void sim_fail(struct sim *s, const struct sim_node *n, const char *fmt, ...);
void sim_core_trace(void *ctx, const struct kq_core *core, const char *text);
void *sim_calloc(size_t n, size_t size);

/* dials.c */
void dials_draw(struct sim *s, bool swarm);
bool dials_fix(const char *arg);
size_t dials_count(void);
bool dials_smaller(size_t i, u32 how, const struct sim_dials *now);
void dials_undo(size_t i);
void dials_print_fixed(FILE *out);
void dials_print(FILE *out, const struct sim_dials *d);

/* bugs.c */
bool bug_plant(const char *name);
void bug_list(FILE *out);

/* world.c */
void sim_seed(struct sim *s, u64 x);
u64 sim_rand(struct sim *s);
u64 sim_below(struct sim *s, u64 n);
u64 sim_range(struct sim *s, u64 lo, u64 hi);
u64 sim_about(struct sim *s, u64 mean);
bool sim_chance(struct sim *s, u64 pct);
void sim_push(struct sim *s, u64 at, enum sim_kind kind, u32 a, u32 b, u64 gen);
void sim_run(struct sim *s);
u32 sim_at(const struct sim *s, const struct sim_node *n);
u32 sim_last(const struct sim *s);
struct sim_node *sim_peer(struct sim *s, const struct sim_node *n, u32 id);
struct sim_node *sim_machine(struct sim *s, u32 id, u64 identity);
bool sim_has_another(const struct sim *s, const struct sim_node *n, const struct sim_node *l);
u64 sim_clock(const struct sim *s, const struct sim_node *n);
u64 sim_clock_to_true(const struct sim *s, const struct sim_node *n, u64 clock);
void sim_clock_set(struct sim *s, struct sim_node *n, u64 value, s64 ppb, bool stopped);
u32 sim_up(const struct sim *s);
struct sim_node *sim_leader(struct sim *s);
bool sim_decides(const struct kq_conf *conf, kq_nodes who);
struct sim_node *sim_leader_among(struct sim *s, u32 who);
bool sim_no_room(const struct sim *s, const struct sim_node *n);

/* net.c */
void net_init(struct sim *s);
void net_send(struct sim *s, struct sim_node *n);
void net_leaves(struct sim *s, struct sim_node *n, u32 to, const struct kq_msg *m);
int net_take(struct sim *s, struct sim_node *n, u32 from, const struct kq_wire_hdr *h,
	     const char **why);
void net_dial(struct sim *s, u32 a, u32 b);
void net_deliver(struct sim *s, u32 from, u32 to, u64 epoch);
void net_side_up(struct sim *s, u32 a, u32 b, u64 epoch);
void net_side_down(struct sim *s, u32 a, u32 b, u64 epoch);
void net_break(struct sim *s, u32 a, u32 b);
void net_node_gone(struct sim *s, u32 a);
void net_block(struct sim *s, u32 from, u32 to);
void net_unblock(struct sim *s, u32 from, u32 to, bool all);
void net_free(struct sim *s);
void net_dial_all(struct sim *s, u32 a);
void net_swap(struct sim *s, u32 a, u32 b);

/* scrub.c */
void scrub_strike(struct sim *s, struct sim_node *n);
void scrub_tick(struct sim *s, struct sim_node *n);
void scrub_gone(struct sim_node *n);

/* snap.c */
void snap_daemon_gone(struct sim_node *n);
void snap_files(struct sim_node *n, struct sim_file *to, const struct sim_file *from);
int snap_start(struct sim *s, struct sim_node *n, const struct kq_wal_report *rep);
void snap_lose(struct sim *s, struct sim_node *n);
void snap_install(struct sim *s, struct sim_node *n);
void snap_step(struct sim *s, struct sim_node *n);
void snap_check(struct sim *s, struct sim_node *n);

/* node.c */
void node_configure(struct sim *s, const struct sim_node *n, struct kq_config *cfg);
void node_create(struct sim *s, u32 at, u32 id);
void node_free(struct sim_node *n);
void node_start(struct sim *s, struct sim_node *n);
void node_down(struct sim *s, struct sim_node *n, const char *how);
void node_restart_at(struct sim *s, struct sim_node *n, u64 at);
void node_out(struct sim *s, struct sim_node *n);
void node_tick(struct sim *s, struct sim_node *n);
void node_poll(struct sim *s, struct sim_node *n);
void node_poll_soon(struct sim *s, struct sim_node *n);
void node_daemon_start(struct sim *s, struct sim_node *n);

/* client.c */
void client_start(struct sim *s, struct sim_node *n);
void client_gone(struct sim *s, struct sim_node *n);
void client_free(struct sim *s, struct sim_node *n);
void client_step(struct sim *s, struct sim_node *n, u32 slot, u64 gen);
u64 client_ack_new(struct sim *s, u32 node);
struct sim_append *client_append_slot(struct sim *s, struct sim_node *n);
void client_append(struct sim *s, struct sim_node *n);
void client_burst(struct sim *s, struct sim_node *n);
void client_append_done(struct sim *s, struct sim_node *n, struct kq_proposal *p);
void client_owner_closed(struct sim *s, struct sim_node *n, struct sim_slot *c);
void client_owner_changed(struct sim *s, struct sim_node *n, struct kq_owner *o);
void client_heal(struct sim *s, struct sim_node *n);
bool client_idle(const struct sim_node *n);

/* define.c */
void define_begin(struct sim *s);
void define_step(struct sim *s);
void define_done(struct sim *s, struct sim_node *n, struct sim_append *a);
void define_say(struct sim *s, struct sim_node *n, struct sim_append *a, struct kq_entry *e);

/* grant.c */
void grant_ask(struct sim *s, struct sim_node *n, const char *name, struct kq_lock_ask *ask);
void grant_began(struct sim *s, struct sim_node *n, u32 slot);
int grant_renewal(struct sim *s, struct sim_node *n, struct sim_slot *c, u64 token);
void grant_renew(struct sim *s, struct sim_node *n, u32 slot, u64 round);

/* evict.c */
void evict_begin(struct sim *s);
void evict_step(struct sim *s);
void evict_show(struct sim *s);

/* ghost.c */
void ghost_made(struct sim *s, struct sim_node *n, bool joins);
void ghost_strike(struct sim *s, struct sim_node *n);
bool sim_ghost_counts(const struct sim *s, const struct sim_node *g);

/* member.c */
void member_strike(struct sim *s, struct sim_node *n);

/* settings.c */
struct kq_settings settings_most(const struct sim *s);
struct kq_settings settings_draw(struct sim *s, const struct kq_settings *from);
void settings_strike(struct sim *s, struct sim_node *n);
u64 settings_count_ms(const struct sim_node *n);
u64 settings_error_ns(const struct sim_node *n);
void check_settings(struct sim *s, struct sim_node *n, const struct kq_conf *to);

/* fault.c */
const char *fault_name(u32 kind);
void fault_step(struct sim *s);
bool fault_tick(struct sim *s, struct sim_node *n);
bool fault_may_lose(struct sim *s, struct sim_node *n, bool *joins);
bool fault_told_older(struct sim *s, const struct sim_node *n);
bool sim_disk_bad(const struct sim *s, const struct sim_node *n);
bool sim_out_for_good(struct sim *s, const struct sim_node *n);

/* phase.c */
void phase_step(struct sim *s);

#endif /* KQSIM_H */
