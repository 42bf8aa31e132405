/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The core of a node: Raft, sessions and locks without any I/O.
 *
 * Whoever owns a core serialises all calls (one mutex per node), gives the time
 * with each event, and after each call takes what came out:
 *   kq_core_take_batch()  one write for the log, answered by kq_core_disk_done()
 *   kq_core_take_msgs()   messages to send, in order, per peer
 *   kq_core_take_done()   append proposals with an outcome
 *   kq_core_take_owner()  lock owners whose state changed, or that are closed
 *   kq_core_take_events() what changed, as enum kquorum_event bits
 * Nothing here waits; allocation goes through kq_alloc() only.
 */
#ifndef KQ_CORE_H
#define KQ_CORE_H

#include <linux/kquorum.h>
#include "kq_conf.h"
#include "kq_resource.h"
#include "kq_snap_format.h"
#include "kq_wal.h"
#include "kq_wire.h"

#define KQ_LINGER_NS	500000		/* how long a release waits for company */
#define KQ_WINDOW	1024		/* proposals of one session without outcome */
/*
 * APPENDs with entries to one peer without answer. Few, so that what gathers meanwhile
 * goes in one message, as with the disk: a message an entry costs more than it gains.
 */
#define KQ_INFLIGHT_MSGS 4
#define KQ_APPEND_BYTES	(128 * 1024)	/* of entries in one APPEND */
#define KQ_UNCOMMITTED_BYTES (4 * 1024 * 1024)
#define KQ_DISK_PARTS	16		/* at each of them it is told how full the log is */
#define KQ_KEEP_ENTRIES	8192		/* of the log, for followers that are a little behind */
#define KQ_KEEP_BYTES	(8u << 20)	/* unless they have more than that */
#define KQ_SUM_EVERY	1024		/* entries between two indexes at which replicas compare */
#define KQ_SUMS		4		/* of those that are remembered */
#define KQ_TOKEN_SHIFT	12		/* low bits: local grants under a cached lock */

struct kq_config {
	u64 cluster_id;
	u32 self;
	kq_nodes founders;		/* the first voters: the lowest begins, with all of them */
	bool joins;			/* a cluster that runs: it never begins one */
	bool survivor;			/* says nothing, writes nothing: see kq_seed.c */
	u32 segments;
	u32 segment_bytes;
	u64 salt;			/* chance, for the incarnation and a new log's identity */
	u32 keep_entries;		/* 0: KQ_KEEP_ENTRIES */
	u32 keep_bytes;			/* 0: KQ_KEEP_BYTES */
	u32 sum_every;			/* 0: KQ_SUM_EVERY */
	struct kq_settings set;		/* that a cluster begins with; then its log has them */
};

/**
 * struct kq_conf_change - a configuration that is asked for
 * @to: who shall decide; not a joint one. Its origin and identities are not looked at, its
 *	settings only with @settings
 * @based_on: index of the configuration that was looked at, 0: whichever
 * @settings: other settings, @to.now, for the same nodes
 * @id: the node that @member is about, 0: none
 * @member: its name, address and flags from now on; its identity is not looked at
 */
struct kq_conf_change {
	struct kq_conf to;
	u64 based_on;
	bool settings;
	u32 id;
	struct kquorum_conf_member member;
};

/* --- the log in memory (kq_log.c) ------------------------------------------------ */

struct kq_log {
	struct kq_entry ***chunks;	/* two levels, grown by doubling the upper one */
	u32 chunk_count;
	u64 chunk_first;		/* number of the chunk that the table begins with */
	u64 base_index;			/* of the entry before the first that is there, 0: none */
	u64 base_term;			/* of that entry */
	u64 last;			/* index of the last entry; the base's when there is none */
	u64 last_term;			/* of that entry, should it be missing */
	u64 missing;			/* entries between that are not there: kq_repair.c */
	u64 bytes;			/* of all records that are there */
};

int kq_log_append(struct kq_log *log, struct kq_entry *e);
int kq_log_skip(struct kq_log *log, u64 last, u64 term);
int kq_log_fill(struct kq_log *log, struct kq_entry *e);
bool kq_log_gap(const struct kq_log *log, u64 *first, u64 *last);
void kq_log_truncate(struct kq_log *log, u64 last);
struct kq_entry *kq_log_take_first(struct kq_log *log);
void kq_log_trim(struct kq_log *log, u64 upto);
void kq_log_reset(struct kq_log *log, u64 index, u64 term);
struct kq_entry *kq_log_get(const struct kq_log *log, u64 index);
u64 kq_log_term(const struct kq_log *log, u64 index);
u32 kq_log_crc(const struct kq_log *log);
void kq_log_destroy(struct kq_log *log);

/* --- peers ---------------------------------------------------------------------------- */

struct kq_inflight {
	u64 last;
	u32 bytes;
};

/**
 * struct kq_rate_times - readings of two clocks, see kq_rate.c
 * @asked_ns: here
 * @came_ns: there
 * @sent_ns: there
 * @heard_ns: here, 0: there are none
 */
struct kq_rate_times {
	u64 asked_ns;
	u64 came_ns;
	u64 sent_ns;
	u64 heard_ns;
};

#define KQ_RATE_ROW	4		/* windows in a row that make an alarm */
#define KQ_RATE_ALARM_WINDOWS 6		/* it comes within so many */
#define KQ_RATE_TRIPS_NS (5ULL * KQ_NS_PER_MS)
#define KQ_RATE_WINDOW_MAX_NS (60000ULL * KQ_NS_PER_MS)	/* unless a lease is longer */

/**
 * struct kq_rate - the rate of a peer's clock by this one's
 * @echo_ns: what stood in its newest message, for the next one to it
 * @came_ns: when that came
 * @from: what the window under way is measured from
 * @from_window: its number
 * @best: the shortest round trip of those that the next one may be measured from
 * @window: the number of that one
 * @picks: there may be a shorter one
 * @min_ppm: the last window: the peer's is faster by this at least, slower where it is below 0
 * @max_ppm: and by this at most
 * @judged_ns: when that window ended, 0: there was none
 * @row: so many in a row were beyond the bound; below 0: it was slower
 * @off: 1: too fast, -1: too slow, 0: neither, or not known
 */
struct kq_rate {
	u64 echo_ns;
	u64 came_ns;
	struct kq_rate_times from;
	u64 from_window;
	struct kq_rate_times best;
	u64 window;
	bool picks;
	s64 min_ppm;
	s64 max_ppm;
	u64 judged_ns;
	s32 row;
	s32 off;
};

struct kq_peer {
	u32 id;
	bool connected;
	u64 identity;			/* with @incarnation: of the present or last connection */
	u64 incarnation;
	bool empty;			/* it has no log and takes this node's connection */
	u64 hs_version;			/* of the hard state, with that incarnation */
	struct list_head msgs;		/* to be sent */

	/* leader's view (thesis 10.2.1; names as in etcd's raft) */
	u32 progress;			/* enum kquorum_progress */
	u64 match;
	u64 next;
	u64 commit_sent;		/* commit index that it was told last */
	u64 snap_index;			/* of the snapshot that it needs, or of a newer one */
	bool probe_sent;
	u64 acked_round;
	u64 heard_ns;			/* last answer in this term */
	u64 disk_ns;
	u32 flags;			/* KQUORUM_PEERF_* */
	bool low;			/* has no room for what clients propose */
	struct kq_inflight inflight[KQ_INFLIGHT_MSGS];
	u32 inflight_start;
	u32 inflight_count;
	u32 inflight_bytes;

	/* anyone's view */
	u64 seen_ns;			/* last message of any kind */
	s32 vote;			/* 1 granted, -1 refused, 0 no answer */

	/* a leader of all, others of the leader */
	struct kq_rate rate;
	u64 rtt_ns;

	/* leader: this node's session */
	u64 promise_until_ns;
	u64 told_left_ns;		/* of the promise, as the log says or soon will */
	bool suspect_sent;		/* SUSPECT or EXPIRE is in the log: not renewed */
	bool expire_sent;
	bool clear_sent;
	u64 renew_round;		/* 0: no request waits */
	u64 renew_session;
	u64 renew_sent_ns;
};

/* --- sessions: replicated (kq_m_session.c) ----------------------------------------------- */

struct kq_session {
	u64 id;				/* 0: none */
	u64 last_id;			/* the newest that ever was */
	bool suspect;
	u64 left_ns;			/* with @suspect */
	u64 settled;
	u64 applied[KQ_WINDOW / 64];	/* bit of seq % KQ_WINDOW */
};

/* --- comparing replicas (kq_sum.c) --------------------------------------------------------- */

/**
 * struct kq_sum - what the state adds up to at one index
 * @index: a multiple of what is agreed, 0: none
 * @value: of each node that said so, by its id; the own one from applying
 * @said: which nodes have
 */
struct kq_sum {
	u64 index;
	u64 value[KQ_MAX_NODES + 1];
	kq_nodes said;
};

/* --- proposals and owners of this node ------------------------------------------------------- */

struct kq_owner;

struct kq_proposal {
	struct list_head node;		/* core's pending list, or the done list */
	struct kq_entry *entry;
	struct kq_owner *owner;		/* NULL: an append of the glue */
	void *cookie;			/* of the glue */
	u64 session;
	u64 seq;			/* 0: not submitted */
	bool sent;			/* to the present leader, on the present connection */
	bool lingers;			/* waits a moment for company */
	u32 tries;
	u64 not_before_ns;
	s32 error;			/* the outcome */
	u64 index;
	u64 term;
};

#define KQ_NEVER U64_MAX		/* instead of a time */

/**
 * struct kq_lock_ask - what a handle asks for
 * @name: resource
 * @name_len: bytes, 1..KQ_RESOURCE_MAX
 * @info: what it is for, for display
 * @info_len: bytes, at most KQ_INFO_MAX
 * @flags: KQUORUM_LOCK_TRY, KQUORUM_LOCK_SHARED
 * @units: so many, at most KQ_UNITS_MAX; 0: all there are, or a share
 * @ttl_ms: of the grant: to be renewed in that time; 0: as the resource says
 * @hold_ms: likewise, to be held so long at most
 * @uid: of who asks
 * @gid: a group of his: the one that the resource is of, if he is in it
 * @admin: he may have it whatever its owner, group and mode are
 * @pid: of the process that asks, for display
 * @comm: its name, at most KQ_COMM_MAX bytes
 */
struct kq_lock_ask {
	const char *name;
	const char *info;
	const char *comm;
	u32 name_len;
	u32 info_len;
	u32 flags;
	u32 units;
	u32 ttl_ms;
	u32 hold_ms;
	u32 uid;
	u32 gid;
	u32 pid;
	bool admin;
};

/**
 * struct kq_owner - who holds or awaits one lock on this node; lives in its handle
 * @node: core's list of owners
 * @by_id: core's tree of them
 * @changed: on the core's list of changed owners
 * @id: unique for the life of the node
 * @state: enum kquorum_lock_state
 * @closing: the handle is gone; released as soon as its place in the log is known
 * @closed: the core has let go; the glue may free it
 * @held: the replicated state has a claim of it under @session
 * @by_end: of those that are granted and end by themselves
 * @end_ns: granted: it is lost then; KQ_NEVER: only with the session. Read without lock, at each
 *	use; stays when it is lost
 * @limit_ns: granted: no renewal takes @end_ns beyond; KQ_NEVER: there is no such end
 * @limit: enum kq_release_why: what that is
 * @ttl_ms: granted: from one renewal to the next; 0: needs none
 */
struct kq_owner {
	struct list_head node;
	struct rb_node by_id;
	struct list_head changed;
	u64 id;
	u64 session;
	u64 token;
	u32 state;
	s32 error;
	u32 flags;			/* KQUORUM_LOCK_TRY, KQUORUM_LOCK_SHARED */
	u32 units;			/* 0: all there are, or a share */
	u64 numbers[KQ_NUMBERED / 64];	/* once granted: bit n: unit n, where units have numbers */
	bool closing;
	bool closed;
	bool held;
	struct rb_node by_end;
	u64 end_ns;
	u64 limit_ns;
	u32 limit;
	u32 ttl_ms;
	struct kq_proposal acquire;
	struct kq_proposal release;
	u16 name_len;
	char name[KQ_RESOURCE_MAX + 1];
};

enum kq_session_state {
	KQ_SESSION_NONE,
	KQ_SESSION_OPENING,		/* OPEN proposed */
	KQ_SESSION_OPEN,		/* in the table, no renewal answered yet */
	KQ_SESSION_LIVE,
	KQ_SESSION_LAPSED,		/* deadline past; waits for EXPIRE in the log */
	KQ_SESSION_CLOSING,
};

struct kq_local_session {
	u32 state;			/* enum kq_session_state */
	u64 id;
	u64 deadline_ns;		/* 0: lost. Read without lock, at each use */
	u64 next_seq;
	u64 asked_ns;			/* last OPEN or RENEW sent */
	u64 answered_ns;		/* when the newest RENEW that was answered had been sent */
	u64 pending_deadline_ns;	/* counts once @pending_commit is applied */
	u64 pending_commit;
	struct kq_proposal open;	/* OPEN, then CLOSE */
};

/* --- what is missing in the log (kq_repair.c) ------------------------------------------------ */

/**
 * struct kq_repair - entries that damage took are being fetched
 * @total: how many were missing at the start, 0: none
 * @from: no entry below is missing
 * @asked: node that was asked last, 0: none yet
 * @asked_ns: when
 * @waits: for its answer
 * @lacks: have not got what is needed next
 * @first: put back, and not given to the disk yet; 0: nothing is
 * @last: up to this index
 * @need: the leader has not got it, or there is no room: a snapshot of this index, or a later one,
 *	may stand for it; 0: none is needed
 * @enough: a leader's log ended there: what this one has behind it nobody needs; 0: not known
 */
struct kq_repair {
	u64 total;
	u64 from;
	u32 asked;
	u64 asked_ns;
	bool waits;
	kq_nodes lacks;
	u64 first;
	u64 last;
	u64 need;
	u64 enough;
};

/* --- the log on disk is read while it is in use (kq_scrub.c) --------------------------------- */

/**
 * struct kq_core_scrub - what a scrub wants of the log
 * @on: segments are not recycled
 * @release: they are, as soon as that is over
 * @first: to be written again next, 0: nothing is
 * @last: up to this index
 * @rewritten: entries that were, since the start
 * @error: why some were not
 * @version: of the hard state that was written for it last
 */
struct kq_core_scrub {
	bool on;
	bool release;
	u64 first;
	u64 last;
	u64 rewritten;
	s32 error;
	u64 version;
};

struct kq_save;
struct kq_restore;

struct kq_counters {
	u64 elections;
	u64 batches;
	u64 entries;
	u64 busy;
};

struct kq_core {
	struct kq_config cfg;
	u64 cluster_hash;
	u64 now_ns;
	struct kq_conf conf;		/* who decides: the newest in the log, committed or not */
	struct kquorum_conf_member founder[KQ_MAX_NODES + 1];	/* by id: what they are called */
	u64 conf_index;			/* where it is in the log; 0: nowhere, it is empty */
	bool had_vote;			/* this node, by the one before it, and has none by it */
	struct kq_effective eff;	/* what its settings come to */
	u64 overlap_until_ns;		/* leader: what was before is no use then; 0: unknown */
	u64 conf_applied;		/* where the newest is that is applied */
	struct kq_entry *base_conf;	/* the newest that was taken off the log's beginning */
	u64 conf_count;			/* how often another took effect here */
	bool left;			/* as kq_core_has_left() was when that was told */
	kq_nodes leaving;		/* leader: no members, to be told so */
	bool handed_over;		/* leader that should not be one: a transfer was tried */
	u64 beginner;			/* identity of who may begin the cluster, as seen here */
	u64 met_ns;			/* when an empty node said last that it is */

	/* durable */
	struct kq_hard_state hs;
	u64 hs_version;
	u64 hs_said;			/* of the last change of what every message speaks of */
	u64 hs_durable;			/* version that is on disk */
	struct kq_wal *wal;
	struct kq_log log;
	u64 write_next;			/* first index not yet given to the disk */
	u64 written_bytes;		/* of the records before it */
	u64 durable;			/* last index on disk */
	u64 recovered_term;		/* at the start: only in this term can a peer know better */
	struct kq_snap_ref snap;	/* in use: durable, and the log refers to it durably */
	struct kq_snap_ref snap_next;	/* finished; the log on disk is not that far yet */
	u64 snap_version;		/* of the hard state that refers to it, 0: it is durable */
	u64 restart_at;			/* behind it the log on disk is to begin anew; 0: not so */
	bool stateless;			/* damaged: for want of the snapshot its log goes on from */
	struct kq_repair repair;
	struct kq_core_scrub scrub;
	struct kq_batch *batch;		/* under way */
	bool batch_taken;
	u64 batch_since_ns;
	u64 disk_ns;			/* how long the last write took */
	u64 disk_idle_ns;		/* when the last write ended */
	struct kq_wal_report report;

	/* volatile */
	u32 state;			/* enum kquorum_node_state */
	u32 role;			/* enum kquorum_role */
	u32 leader;
	u32 canvass;			/* enum kquorum_canvass */
	u64 canvass_since_ns;
	u64 heard_ns;			/* last APPEND of the leader; 0: never */
	u64 promised_until_ns;		/* stands by it, unless that leader itself gives it up */
	u64 promised_long_ns;		/* until then a promise of hs.promise_ns may be good */
	u64 durable_term;		/* the term on disk: all that a failed node speaks of */
	bool silent;			/* SILENCE was reported */
	u64 wait_until_ns;		/* restart: no vote, no campaign before */
	u64 verified;			/* follower: log agrees with the leader up to here */
	u64 round;			/* leader: newest sent; follower: newest seen */
	bool resp_due;			/* an answer waits for the disk */
	u64 commit;
	u64 applied;
	u64 term_start;			/* leader: index of its NOOP */
	bool lead_ready;		/* ... and it is applied */
	u64 lead_ns;			/* when that came to be */
	u64 heartbeat_ns;		/* last broadcast */
	s32 own_off;			/* its own clock, as in struct kq_rate */
	u64 own_off_until_ns;		/* unless a leader's shows it again */
	u64 uncommitted_bytes;
	u64 concerned;			/* leader: bits of nodes whom what was applied concerns */
	u32 transfer_to;
	u64 transfer_since_ns;
	bool transfer_sent;
	bool stopping;
	u64 stopping_since_ns;
	bool log_full;			/* no room for what clients propose */
	bool store_full;		/* follower: refuses entries for want of room */
	u32 store_bytes;		/* of the record that it refused */
	enum kq_wal_room store_room;	/* that this may use */
	u32 disk_state;			/* enum kquorum_disk_state */
	u32 disk_part;			/* of the log that is in use, in KQ_DISK_PARTS */
	s32 disk_error;
	char reason[200];		/* why it does not serve; for a person */

	struct kq_peer peer[KQ_MAX_NODES + 1];	/* by node id; own one too */
	struct list_head held;		/* messages that wait for the hard state */
	u32 held_count;
	const char *refused;		/* what was wrong with the message being received */

	struct kq_session session[KQ_MAX_NODES + 1];	/* by node id */
	struct kq_resources *res;
	struct kq_save *save;		/* under way, or NULL */
	u64 saves;			/* how many were begun */
	struct kq_sum sum[KQ_SUMS];	/* by index, as a ring */
	u64 sum_term;			/* in which the leader was told up to ... */
	u64 sum_told;			/* ... this index */
	u64 sum_alarm;			/* index at which no majority agrees, 0: none */

	struct kq_local_session local;
	struct list_head owners;
	struct rb_root owners_by_id;	/* the same */
	struct rb_root owners_by_end;	/* of those that are granted and end by themselves */
	struct list_head pending;	/* proposals with a seq, in order of seq */
	u32 pending_count;
	u64 linger_until_ns;		/* until then some of them linger; 0: none */
	bool linger_new;		/* ... and nobody was asked yet to wake the core then */
	u64 next_owner;

	u32 events;
	struct list_head changed;
	struct list_head done;
	struct kq_counters counters;
	void *trace_ctx;		/* of whoever listens to kq_trace() */
#ifndef __KERNEL__
	void (*trace)(void *ctx, const struct kq_core *core, const char *text);
#endif
};

/* Life (kq_core.c) */
struct kq_core *kq_core_create(const struct kq_config *cfg);
int kq_core_name_founder(struct kq_core *core, u32 id, const char *name, const char *address);
void kq_core_destroy(struct kq_core *core);
int kq_core_recover_entry(void *core, const struct kq_record *rec, const void *payload);
void kq_core_start(struct kq_core *core, u64 now_ns, const struct kq_wal_report *report);
void kq_core_stop(struct kq_core *core, u64 now_ns, bool force);
bool kq_core_stopped(const struct kq_core *core);
void kq_core_fail(struct kq_core *core, s32 error, const char *why);

/* Events in */
void kq_core_tick(struct kq_core *core, u64 now_ns);
u64 kq_core_linger_over(struct kq_core *core, u64 now_ns);
void kq_core_disk_done(struct kq_core *core, u64 now_ns, struct kq_batch *batch, s32 error);
int kq_core_peer_up(struct kq_core *core, u64 now_ns, u32 id, const struct kquorum_past *past);
void kq_core_peer_down(struct kq_core *core, u64 now_ns, u32 id);
int kq_core_recv(struct kq_core *core, u64 now_ns, const struct kq_wire_hdr *h,
		 const void *body, const char **why);
int kq_core_canvass(struct kq_core *core, u64 now_ns);
int kq_core_campaign(struct kq_core *core, u64 now_ns);
int kq_core_transfer(struct kq_core *core, u64 now_ns, u32 to);
int kq_core_reconfigure(struct kq_core *core, u64 now_ns, const struct kq_conf_change *change);
void kq_core_drop_lease(struct kq_core *core, u64 now_ns);

/* Proposals of this node (kq_propose.c, kq_owner.c) */
int kq_core_append(struct kq_core *core, u64 now_ns, struct kq_proposal *p);
void kq_core_append_cancel(struct kq_core *core, struct kq_proposal *p);
int kq_owner_init(struct kq_owner *o, const struct kq_lock_ask *ask);
void kq_owner_destroy(struct kq_owner *o);
int kq_core_lock(struct kq_core *core, u64 now_ns, struct kq_owner *o);
void kq_core_unlock(struct kq_core *core, u64 now_ns, struct kq_owner *o);
int kq_core_renew(struct kq_core *core, u64 now_ns, struct kq_owner *o, u64 token);
u64 kq_owner_deadline(const struct kq_core *core, const struct kq_owner *o);

/* Snapshots: saving (kq_save.c), restoring (kq_restore.c), what they make of the log (kq_trim.c) */
struct kq_save *kq_core_save_begin(struct kq_core *core, int *err);
int kq_core_save_next(struct kq_core *core, struct kq_save *save, void *buf, u32 len);
void kq_core_save_ref(const struct kq_save *save, struct kq_snap_ref *ref);
void kq_core_save_end(struct kq_core *core, struct kq_save *save);
struct kq_restore *kq_restore_create(const struct kq_config *cfg, u64 now_ns);
int kq_restore_feed(struct kq_restore *rs, const void *data, size_t len);
int kq_restore_finish(struct kq_restore *rs);
const char *kq_restore_why(const struct kq_restore *rs);
const struct kq_snap_ref *kq_restore_ref(const struct kq_restore *rs);
void kq_restore_free(struct kq_restore *rs);
int kq_core_restore(struct kq_core *core, struct kq_restore *rs,
		    const struct kq_wal_report *report);
void kq_core_restore_failed(struct kq_core *core, const char *why);
bool kq_restore_conf(const struct kq_restore *rs, struct kq_conf *conf);
bool kq_core_is_blank(const struct kq_core *core, const struct kq_wal_report *report);
int kq_core_seed(struct kq_core *core, u64 now_ns, struct kq_restore *rs,
		 const struct kq_wal_report *report);
int kq_core_install(struct kq_core *core, u64 now_ns, struct kq_restore *rs);
int kq_core_snapshot_done(struct kq_core *core, u64 now_ns, const struct kq_snap_ref *ref);

/* A scrub: see kq_scrub.h. */
int kq_core_scrub_begin(struct kq_core *core, u64 now_ns);
bool kq_core_scrub_busy(const struct kq_core *core);
int kq_core_scrub_rewrite(struct kq_core *core, u64 now_ns, u64 first, u64 last);
int kq_core_scrub_mend(struct kq_core *core, u64 now_ns);
void kq_core_scrub_end(struct kq_core *core, u64 now_ns);
bool kq_core_needs_snapshot(const struct kq_core *core, u32 id);
void kq_core_state_sum(const struct kq_core *core, u64 sum[KQ_SNAP_TYPES]);

/* Out */
struct kq_batch *kq_core_take_batch(struct kq_core *core);
bool kq_core_take_linger(struct kq_core *core);
void kq_core_take_msgs(struct kq_core *core, u32 id, struct list_head *to);
struct kq_proposal *kq_core_take_done(struct kq_core *core);
struct kq_owner *kq_core_take_owner(struct kq_core *core);
u32 kq_core_take_events(struct kq_core *core);

/* Whoever has the core provides this, for kq_trace(): a tracepoint in the module */
void __printf(2, 3) kq_trace_text(struct kq_core *core, const char *fmt, ...);

/* Looking (any time under the caller's lock) */
const struct kquorum_conf_member *kq_core_member(const struct kq_core *core, u32 id);
const char *kq_core_left_name(const struct kq_core *core, u32 id);
const struct kq_entry *kq_core_conf_entry(const struct kq_core *core, u64 index);
bool kq_core_has_quorum(const struct kq_core *core);
struct kq_resource *kq_resources_next(const struct kq_resources *res, const char *name, u32 len,
				      bool behind);
bool kq_core_has_left(const struct kq_core *core);
bool kq_core_is_eligible(const struct kq_core *core);
bool kq_core_is_gone(const struct kq_core *core, u32 id);
struct kq_resource *kq_core_resource_find(struct kq_core *core, const char *name, u32 len);
void kq_core_past(const struct kq_core *core, u32 id, struct kquorum_past *out);
u64 kq_rate_window_ns(const struct kq_effective *eff);
u32 kq_rate_bound_ppm(u32 drift_ppm, int sign);
bool kq_rate_own_is_off(const struct kq_core *core);
void kq_core_wire_peer(const struct kq_core *core, u32 id, struct kq_wire_peer *out);
u64 kq_cluster_hash(const struct kq_config *cfg);

#endif /* KQ_CORE_H */
