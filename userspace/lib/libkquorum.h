/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libkquorum: what a program says to the kquorum module.
 *
 * One struct kquorum is one netlink socket; it belongs to one thread at a time
 * and starts none. Locks and append streams are file descriptors of their own:
 * they live on when the struct kquorum is closed. No call waits for a disk or a
 * peer. Functions return 0 (or a descriptor) or a negative errno; the text that
 * goes with it is kquorum_error().
 */
#ifndef LIBKQUORUM_H
#define LIBKQUORUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/kquorum.h>

#ifdef __cplusplus
extern "C" {
#endif

struct kquorum;
struct kquorum_events;
struct kquorum_config;
struct kquorum_fence;

#define KQUORUM_REASON_MAX	255
#define KQUORUM_COMM_MAX	31
#define KQUORUM_NEVER		UINT64_MAX	/* of a time: not known, or never */

/*
 * Finds the module in this network namespace. -ENOENT: it is not loaded. @err
 * gets the text when there is no handle to ask for it.
 */
int kquorum_open(struct kquorum **k, char *err, size_t errlen);
void kquorum_close(struct kquorum *k);

/* The text of the last error on this handle; stays until the next call. */
const char *kquorum_error(const struct kquorum *k);

/* Version of the interface that the loaded module speaks. */
unsigned int kquorum_interface_version(const struct kquorum *k);

struct kquorum_peer_status {
	uint32_t id;
	char name[KQUORUM_NODE_NAME_MAX + 1];	/* of who is no member as it says itself */
	char address[KQUORUM_ADDRESS_MAX + 1];
	bool member;		/* of the configuration; before there is one: as it was started */
	bool promote;		/* a learner that gets a vote when it has caught up */
	bool witness;		/* it should lead only to hand over */
	uint32_t priority;	/* of two, the one with the higher should rather lead */
	bool connected;
	char from[48];		/* its IP address, as the connection has it; "": not known */
	bool has_progress;	/* only the leader knows progress, match, in flight, rtt */
	uint32_t progress;	/* enum kquorum_progress */
	uint64_t match_index;
	uint32_t inflight_bytes;
	uint64_t incarnation;
	uint64_t rtt_ns;	/* KQUORUM_NEVER: not known */
	uint64_t seen_ns;	/* since its last message; KQUORUM_NEVER: none */
	uint64_t disk_ns;	/* its last log write; KQUORUM_NEVER: not known */
	bool has_rate;		/* its clock was measured; the leader does all, others the leader */
	int32_t rate_min_ppm, rate_max_ppm;	/* by so much it is faster than this node's */
	int32_t clock_off;	/* 1: too fast for drift_ppm, -1: too slow; else 0 */
	uint32_t flags;		/* KQUORUM_PEERF_* */
	char reason[KQUORUM_REASON_MAX + 1];
	uint64_t drops;
	bool stranger;		/* connected is another node than the configuration means */
	struct {
		uint64_t index;		/* 0: none is */
		uint64_t bytes, done_bytes;
		bool comes;		/* from it to this node; else it goes there */
	} transit;		/* a snapshot on its way */
	bool needs_snapshot;	/* at the leader: what it lacks is gone from the log */
	uint64_t snapshot_index;	/* with that: one of this index or a newer one */
};

struct kquorum_disk_status {
	uint32_t state;		/* enum kquorum_disk_state */
	int32_t error;
	uint64_t capacity_bytes, used_bytes;
	uint64_t write_ns, write_age_ns;
	uint32_t segment;
	uint64_t offset_bytes, torn_bytes;
	uint32_t damaged_places;	/* behind which recovery went on */
	uint64_t to_repair;	/* entries that were missing then; 0: none is any more */
	uint64_t missing, missing_from;	/* how many still; index of the first */
	uint32_t lacks;		/* bit n: node n has not got that one either */
};

/* Reading the log on disk: the scrub under way, or the last one. */
struct kquorum_scrub_status {
	uint64_t count;		/* how many have begun since the node's start; 0: the rest is not set */
	bool running;
	uint64_t rate;		/* bytes in a second */
	uint64_t done_bytes, total_bytes;
	uint32_t damaged_places;	/* where something cannot be read */
	uint64_t missing;	/* entries that a start would have missed */
	uint64_t rewritten;	/* of these, written again: no snapshot stands for them */
	uint32_t segment;	/* with the first damage */
	uint64_t offset_bytes;
	uint64_t ended_ns;	/* so long ago the last one did; KQUORUM_NEVER: none has */
	int32_t error;		/* negative errno: it could not do what it should */
	char reason[KQUORUM_REASON_MAX + 1];	/* what was damaged, or why it ended early */
};

/* Which snapshot: two are the same when all of it is. */
struct kquorum_snapshot_status {
	uint64_t index;		/* the last one that is in it, 0: there is no snapshot */
	uint64_t term;		/* of that entry */
	uint64_t bytes;
	uint32_t crc;		/* CRC32C of all of them */
};

/* Of the cluster, and the same on all nodes but for the last, which is of a node's own files. */
struct kquorum_settings {
	uint32_t heartbeat_ms, election_ms, lease_ms, delta_ms, drift_ppm, segment_bytes;
};

/*
 * Can a cluster have them? -EINVAL, and @err says why not. @segment_bytes is not looked at.
 */
int kquorum_settings_check(const struct kquorum_settings *set, char *err, size_t errlen);

struct kquorum_status {
	char name[KQUORUM_NODE_NAME_MAX + 1];
	uint64_t cluster_id, cluster_hash, incarnation, epoch;
	uint64_t identity;		/* of the node's files, 0: not told yet */
	bool empty;			/* its log was never written to */
	uint32_t node_id;
	uint32_t state, role, canvass;	/* enum kquorum_node_state, _role, _canvass */
	uint64_t term;
	uint32_t vote, leader;
	uint64_t conf_index;		/* where the configuration is in the log, 0: there is none yet */
	uint32_t voters, outgoing, learners;	/* bit n: node n */
	uint32_t founders;		/* who began the cluster, or will */
	bool left;			/* this node was a member and is none any more */
	bool joins;			/* it never begins a cluster */
	uint32_t gone;			/* bit n: a node with number n has left */
	/* By number, what those were called; "": not known. */
	char departed[KQUORUM_MAX_NODES + 1][KQUORUM_NODE_NAME_MAX + 1];
	bool quorum, daemon;
	struct {
		uint32_t open;			/* lock handles of this node */
		uint32_t user_max, node_max;	/* how many there may be; 0: not told */
	} locks;
	int32_t clock_off;		/* this node's clock, as in struct kquorum_peer_status */
	uint64_t silence_ns;		/* KQUORUM_NEVER: no leader heard of */
	uint64_t first_index;		/* where the log begins; what was before is in the snapshot */
	uint64_t last_index, commit_index, applied_index, durable_index;
	struct kquorum_snapshot_status snapshot;	/* that the log refers to */
	uint64_t session, session_left_ns, wait_left_ns;
	char reason[KQUORUM_REASON_MAX + 1];
	/*
	 * By id: all members, this node whether it is one or not, who else is connected, and of
	 * whom it is known why not.
	 */
	unsigned int n_peers;
	struct kquorum_peer_status peers[KQUORUM_MAX_NODES];
	struct kquorum_disk_status disk;
	struct kquorum_scrub_status scrub;
	struct kquorum_settings settings;	/* in effect; 0: not told */
	bool overlap;			/* somebody may still rely on @before, which they replace */
	struct kquorum_settings before;	/* without @segment_bytes */
	uint64_t overlap_left_ns;	/* until nobody can; KQUORUM_NEVER: this node does not know */
	struct {
		uint64_t cluster_id, origin, index, begins;
		uint32_t how;		/* enum kquorum_lineage_how */
	} lineage;			/* what the cluster's history came from */
	struct {
		uint64_t elections, batches, entries, bad_messages, busy, pending;
	} counters;
};

/* -ENODEV: no node runs in this network namespace. */
int kquorum_status(struct kquorum *k, struct kquorum_status *st);

/* The node with this id, NULL when nothing is known of it. */
const struct kquorum_peer_status *kquorum_status_peer(const struct kquorum_status *st, uint32_t id);

/*
 * Starts the node that @c describes on the @n_fds segment files @fds, in slot
 * order; its log may refer to one of the @n_snapshots files @snapshots, KQUORUM_MAX_SNAPSHOT_FDS
 * at most. Returns while recovery still goes on: see kquorum_status().
 */
int kquorum_node_start(struct kquorum *k, const struct kquorum_config *c, const int *fds,
		       unsigned int n_fds, const int *snapshots, unsigned int n_snapshots);

/* @force: do not hand over leadership first. Ends when kquorum_status() says -ENODEV. */
int kquorum_node_stop(struct kquorum *k, bool force);

struct kquorum_change {
	uint64_t based_on;		/* kquorum_status.conf_index, 0: whichever holds */
	uint32_t voters, learners;	/* bit n: node n; from now on */
	uint32_t id;			/* a member that is new, or described anew; 0: none */
	bool promote;			/* it is a learner and gets a vote when it has caught up */
	bool witness;			/* it should lead only to hand over */
	uint32_t priority;		/* 0 to KQUORUM_PRIORITY_MAX */
	char name[KQUORUM_NODE_NAME_MAX + 1], address[KQUORUM_ADDRESS_MAX + 1];
	const struct kquorum_settings *settings;	/* other ones, and nothing else changes; or NULL */
};

/*
 * Asks for another configuration, at the leader. 0: it is in the log; whether it
 * has come about is seen in kquorum_status(). -EREMOTE: another node leads;
 * -EAGAIN, -EBUSY: not now; -ESTALE: @based_on is not the newest any more;
 * -EALREADY: it is in force; -EDESTADDRREQ: a node joins that @id does not describe; -EINVAL: it
 * has no voter, or settings that cannot be; -EINPROGRESS: somebody may rely on the settings
 * before those in force; -EDOM: all voters would be witnesses; -ENOTUNIQ, -EADDRINUSE:
 * another member has that name or address; -EEXIST: a session of the number's
 * last node is not over; -EHOSTUNREACH: a node that joins is not connected;
 * -EKEYREJECTED: it is connected, and one that has left; -ENOTCONN: no majority
 * of the new voters is connected and has caught up; -ENOSPC: the log is full.
 */
int kquorum_reconfigure(struct kquorum *k, const struct kquorum_change *c);

/* Hands leadership to node @node_id, 0: to the most up-to-date one. */
int kquorum_transfer(struct kquorum *k, uint32_t node_id);

/*
 * Has the log on disk read at @rate bytes in a second, 64 KiB to 1 TiB, and mended. Returns at once:
 * see kquorum_status.scrub. -EALREADY: one is under way; -EIO: the node does not serve.
 */
int kquorum_scrub_start(struct kquorum *k, uint64_t rate);

/* Ends the scrub that is under way; 0 also when none is. */
int kquorum_scrub_stop(struct kquorum *k);

struct kquorum_lock_request {
	const char *resource;
	uint32_t flags;		/* KQUORUM_LOCK_* */
	/*
	 * So many, at most KQUORUM_UNITS_MAX. 0: all there are, or with KQUORUM_LOCK_SHARED a
	 * share, along with others that have one; both together are refused.
	 */
	uint32_t units;
	const char *info;	/* what for, at most KQUORUM_INFO_MAX bytes; NULL: it is not said */
	/*
	 * Of the grant, at most KQUORUM_GRANT_MS_MAX; 0: as was said of the resource. Once granted it
	 * is lost when it is not renewed (kquorum_lock_renew()) for @ttl_ms, and after @hold_ms at the
	 * latest; a resource's own longest hold bounds what is asked for.
	 */
	uint32_t ttl_ms, hold_ms;
};

#define KQUORUM_GRANT_MS_MAX	(UINT32_MAX / 2)	/* of a time to live, a hold, a drain */

/*
 * Asks for a resource and returns a descriptor to poll and to read with
 * kquorum_lock_read(), which tells whether it can be had. Closing it gives what was granted, or the
 * place in the queue, back. Without CAP_NET_ADMIN one gets what the resource's owner, group and mode
 * let one have. -EINVAL: no such request can be: its name is empty or too long, its info too long, too
 * many units, units of a share, or a time that is too long; -EBUSY: too much is under way, or the node still
 * reads its log; -ENOSPC: the log is full; -ENXIO: the node is no member any more; -EIO: it has
 * failed; -ENODEV: none runs; -EPERM; -EDEADLK: this process has asked for it already, and would
 * wait for itself, unless that was for somebody else (KQUORUM_LOCK_OTHERS, in a server's process);
 * -EDQUOT, -EMFILE: there are as many handles of this user, or of the node, as there may be, or as
 * many descriptors of this process.
 */
int kquorum_lock_open(struct kquorum *k, const struct kquorum_lock_request *request);

/* Where a lock stands now. Never waits. */
int kquorum_lock_read(int fd, struct kquorum_lock_info *info);

/*
 * Whoever holds the grant with @token is still at work: it has its time to live once more. To be
 * called in good time, such as each third of it; one that need not be renewed may be. 0; -ETIME: it is
 * lost, kquorum_lock_read() says why; -EINVAL: this handle has another token, or none yet.
 */
int kquorum_lock_renew(int fd, uint64_t token);

/*
 * Why it was refused or is lost, in words that name the way out; "": it is neither.
 */
const char *kquorum_lock_why(const struct kquorum_lock_info *info);

/*
 * Says what the module does by itself before the lease ends: whom it signals, and when; the newest
 * counts, until the last copy of @fd is closed. It does so whatever has become of this process and of
 * the daemon. Who must be stopped is told before it does anything: a command, say, between fork() and
 * exec(). -EPERM: this process may not signal them; -ESRCH: there are none; -EINVAL: no such thing can
 * be asked for, or, as -EBADF, the module is older and cannot do it; -EBADF, -EINVAL: it is about
 * cgroup_fd.
 */
int kquorum_lock_on_loss(int fd, const struct kquorum_on_loss *on_loss);

/* Returns a descriptor: one write() is one entry, one read() one or more results. */
int kquorum_append_open(struct kquorum *k);

/*
 * Returns a descriptor: read() gives a snapshot of the state as it is now, until the end of the
 * file, while commands go on; close() gives it up. -EBUSY: another one is being saved, or the node
 * still reads its log; -EALREADY: kquorum_status.snapshot is of this very state, or there is no
 * state yet; -EIO: the node has failed or has lost its state. A read that fails ends it: -EIO;
 * -ENOMEM: no memory to keep what changed meanwhile; -ESTALE: another state was installed.
 */
int kquorum_snapshot_save(struct kquorum *k);

struct kquorum_claim {
	uint32_t node, pid;
	uint64_t session, owner, index;
	uint64_t token;		/* 0: it waits */
	uint64_t age_ns;	/* since granted or queued; KQUORUM_NEVER: not known */
	char comm[KQUORUM_COMM_MAX + 1];
	uint32_t mode;		/* enum kquorum_claim_mode */
	uint32_t units;		/* with KQUORUM_CLAIM_MODE_UNITS: how many */
	__u64 numbers[KQUORUM_NUMBERED / 64];	/* bit n of the whole: it has unit n */
	char info[KQUORUM_INFO_MAX + 1];	/* what for, "": it was not said */
	uint32_t uid;		/* who asked, on that node; KQUORUM_NOBODY: not known */
	/* Of who holds it: */
	uint32_t ttl_ms;	/* it is lost when it is not renewed for so long; 0: it need not be */
	uint32_t hold_ms;	/* it is lost so long after the grant; 0: it is not */
	bool evicted;		/* kquorum_resource_evict() */
	uint32_t drain_ms;	/* so long it has then, or longer while its lease lasts */
	uint64_t evicted_ns;	/* since then, as seen here; KQUORUM_NEVER: not known */
};

#define KQUORUM_NOBODY		UINT32_MAX	/* of a user's or group's number: none */

struct kquorum_resource {
	char name[KQUORUM_RESOURCE_NAME_MAX + 1];
	uint64_t token;			/* of the newest holder, 0: none */
	uint32_t units;			/* that there are of it; 1 when nothing was said of it */
	uint64_t in_use;		/* of these; more than there are after there were made fewer */
	uint64_t defined;		/* log index of what was said of it, 0: nothing was */
	uint32_t max_waiters;		/* with that; 0: as many as the cluster has room for */
	/* With that too: */
	uint32_t ttl_ms;		/* who asks for none loses it unrenewed after that; 0: does not */
	uint32_t hold_ms;		/* nobody holds it longer; 0: as long as one likes */
	uint32_t uid, gid;		/* owner and group, by number: the same on all nodes */
	uint32_t mode;			/* who may have a share (r), and all the rest (w), as of a file */
	bool fenced;			/* its users check tokens: it may be taken before a lease ends */
	uint64_t fence;			/* highest token shown (kquorum_fence_ask()), 0: none */
	unsigned int n_claims;
	/*
	 * Holders first, the one that was granted first before all, then the queue; valid in the
	 * callback.
	 */
	const struct kquorum_claim *claims;
};

/* A callback's return value other than 0 ends the dump and is returned. */
typedef int (*kquorum_resource_cb)(const struct kquorum_resource *r, void *user);

/* -EINTR: what was dumped changed meanwhile, so it may be incomplete; ask again. */
int kquorum_resource_dump(struct kquorum *k, kquorum_resource_cb cb, void *user);

/* One resource by name. -ENOENT: it is not defined, and nobody holds it or waits for it. */
int kquorum_resource_get(struct kquorum *k, const char *name, kquorum_resource_cb cb, void *user);

struct kquorum_resource_request {
	const char *name;
	bool create;		/* it must not be defined yet, and @units is needed; else it must be */
	uint32_t units;		/* from now on, at most KQUORUM_UNITS_MAX; 0: as they are */
	/* Each counts with its has_, else it stays as it is: nothing of it, and 0600 of root, at first. */
	bool has_max_waiters, has_ttl, has_hold, has_uid, has_gid, has_mode, has_fenced;
	uint32_t max_waiters;	/* how many may wait; 0: as many as the cluster has room for */
	uint32_t ttl_ms, hold_ms;	/* at most KQUORUM_GRANT_MS_MAX; 0: none */
	uint32_t uid, gid;
	uint32_t mode;		/* bits of 0666 */
	bool fenced;
};

/*
 * Says what a resource is from now on. Returns a descriptor, to be closed, from which one struct
 * kquorum_append_result is read once it has come about, or is refused; poll() tells when. Its error:
 * 0; with an index, so as all nodes have it: -EEXIST: it is defined already (@create), -ENOENT: it
 * is not; -ENFILE: in the whole cluster no more can be; without one: -EBUSY: too much under way,
 * -ENOSPC: the log is full: it was not done; -EHOSTDOWN: the outcome is unknown, see
 * kquorum_resource_get(). A read of 0 bytes: the node went down, and so is it unknown.
 *
 * Who holds it keeps it as it was granted, also when there are fewer units from now on; who waits for
 * more than there are is refused.
 *
 * -EINVAL: no such request can be, its name is empty or too long, or it says nothing; -EBUSY,
 * -ENOSPC: as above, or the node still reads its log; -ENXIO, -EIO, -ENODEV, -EPERM: as with
 * kquorum_lock_open().
 */
int kquorum_resource_set(struct kquorum *k, const struct kquorum_resource_request *request);

/*
 * Nothing is said of @name any more: from now on it has one unit, and is there while somebody holds
 * it. Returns a descriptor as kquorum_resource_set() does, with the errors of that one, and with an
 * index: -ENOENT: it is not defined; -EBUSY: somebody holds it or waits.
 */
int kquorum_resource_delete(struct kquorum *k, const char *name);

struct kquorum_evict_request {
	const char *name;
	/* Whose request for it: as kquorum_claim has them. */
	uint32_t node;
	uint64_t session, owner;
	uint32_t drain_ms;	/* so long who holds it has to end; at most KQUORUM_GRANT_MS_MAX */
};

/*
 * Makes somebody give @name back, or wait no longer, and says so in the log. Who waits is refused at
 * once, -ECANCELED. Who holds it is told (poll, and @why and @hold_left_ns of kquorum_lock_read()), and
 * loses it after @drain_ms; of a resource that is not fenced no sooner than what was left of his
 * node's lease, for he may rely on that. Returns a descriptor as kquorum_resource_set() does: 0: he is
 * told; with an index: -ENOENT: there is no such request (any more).
 */
int kquorum_resource_evict(struct kquorum *k, const struct kquorum_evict_request *request);

/*
 * The fence that the cluster keeps: may what comes with @token be done to @name, which is fenced and
 * of one unit? For a resource that has no file of its own (see kquorum_fence_enter(), which needs no
 * cluster, and keeps others out until it is done: this does not). Returns a descriptor as
 * kquorum_resource_set() does: 0: none higher was shown, and all later ones that are lower are refused;
 * with an index: -ESTALE: a higher one was; -EINVAL: nobody can have been given that one; -ENOENT: it
 * is not defined; -EMEDIUMTYPE: it is not fenced, or has more units; -EACCES.
 */
int kquorum_fence_ask(struct kquorum *k, const char *name, uint64_t token);

struct kquorum_log_entry {
	uint64_t index, term, session, seq;
	uint32_t type;		/* enum kquorum_entry_type */
	uint32_t bytes;		/* length of the payload */
	uint32_t node;		/* who proposed it */
	bool committed;
	bool applied;		/* by the node that was asked: @result counts */
	int32_t result;		/* 0: it took effect; -EALREADY: repeated; -ESTALE: session over; ... */
	const void *payload;	/* NULL: too long to be shown; valid in the callback */
};

typedef int (*kquorum_log_cb)(const struct kquorum_log_entry *e, void *user);

/* Entries @first..@last in order; @last 0: to the end of the log. */
int kquorum_log_dump(struct kquorum *k, uint64_t first, uint64_t last, kquorum_log_cb cb,
		     void *user);

struct kquorum_event_record {
	uint32_t events;	/* enum kquorum_event bits */
	uint32_t node_id, leader, role;
	uint64_t term;
};

/*
 * Wake-ups. Subscribe, then ask for the status: nothing is missed. The
 * descriptor of kquorum_events_fd() is for poll.
 */
int kquorum_events_open(struct kquorum_events **e, char *err, size_t errlen);
void kquorum_events_close(struct kquorum_events *e);
int kquorum_events_fd(const struct kquorum_events *e);

/*
 * Takes one record without waiting. -EAGAIN: there is none. -ENOBUFS: some were
 * lost, so ask for the status.
 */
int kquorum_events_read(struct kquorum_events *e, struct kquorum_event_record *record);

/*
 * The fence: what a resource needs to refuse whoever lost a lock and does not know. A file has, for
 * each name, the highest token that was seen; what comes with a lower one is refused. It needs neither
 * the module nor a cluster, only the file, which stands where the resource is: a storage service or a
 * spooler asks before it does what came with a token. Several processes may use one file at once, and
 * whatever is killed or loses its power at any moment: a token that was let pass is on the disk before.
 *
 * A struct kquorum_fence belongs to one thread at a time. Two of them, in one process or in two, keep
 * each other out by a lock on the file, flock(2): so all are to be on one machine, or the file on a
 * file system that has such locks for all machines.
 */

/*
 * Opens the fence file @path; @create: it is made with the first token when it is not there. Without
 * that it must be there: then a file that was lost is not taken for one that has seen nothing. Links
 * in @path are followed now, not later. 0, or: -ENOENT: it, or its directory, is not there; -EISDIR;
 * -ELOOP, -ENOTDIR, -EACCES, -ENAMETOOLONG, -EIO, -ENOMEM. @err gets the text then.
 */
int kquorum_fence_open(struct kquorum_fence **f, const char *path, bool create, char *err,
		       size_t errlen);

/*
 * Ends what was entered too, but for who inherited kquorum_fence_fd(): it stays entered until that
 * one's copy is closed. NULL is let pass.
 */
void kquorum_fence_close(struct kquorum_fence *f);

/* The text of the last error of @f; stays until the next call. */
const char *kquorum_fence_error(const struct kquorum_fence *f);

/*
 * May what comes with @token be done to @name? 0: yes, for none higher was seen; if it is the
 * highest, that is on the disk. Nobody else gets an answer for this file until
 * kquorum_fence_leave(): what is done before it is done before anything with a higher token, and a
 * check that is followed by the deed outside is none. Waits for who has entered it.
 *
 * @seen: gets the highest token that was seen before, 0: none, with 0 and -ESTALE; may be NULL.
 *
 * After an error nothing was entered, and the file is as it was, or has seen @token:
 * -ESTALE: no, a higher one was seen: who has this one lost the lock, and nothing else gives that;
 * -EBADMSG: the file is damaged, empty, or no fence file: what it had seen is not known, so nothing is
 *	let pass and it stays as it is. Put it away, and let the next token be that of a grant that is
 *	newer than all that may be on their way;
 * -EINVAL: @name is empty, longer than KQUORUM_RESOURCE_NAME_MAX or has control characters, @token
 *	is 0, which no grant has, or the file is not a regular one; -EBUSY: @f has entered already;
 * -ENOENT: the file is gone, and @create was not given; -EMLINK: it has another name, which would not
 *	be replaced; -ELOOP: it has become a link; -EFBIG: larger than 16 MiB, or it would be;
 * -EINTR: a signal came while somebody else had entered;
 * -ENOSPC, -EDQUOT, -EROFS, -EACCES, -EPERM, -EIO, -ENOMEM, ...: it cannot be read, replaced or synced.
 */
int kquorum_fence_enter(struct kquorum_fence *f, const char *name, uint64_t token, uint64_t *seen);

/* What was entered is done, for those who inherited kquorum_fence_fd() too. */
void kquorum_fence_leave(struct kquorum_fence *f);

/*
 * The descriptor that keeps others out, close-on-exec; -1: @f has not entered. A child that inherits
 * it does so on, should this process be killed.
 */
int kquorum_fence_fd(const struct kquorum_fence *f);

/*
 * kquorum_fence_enter() and kquorum_fence_leave(): for who does one thing after the other anyway, and
 * alone. The errors are those of the first.
 */
int kquorum_fence_check(struct kquorum_fence *f, const char *name, uint64_t token, uint64_t *seen);

#ifdef __cplusplus
}
#endif

#endif /* LIBKQUORUM_H */
