/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * kquorum: the interface between the module and user space.
 *
 * One generic netlink family, one node per network namespace. Whatever a
 * process holds is a file descriptor: closing it, and so the death of the
 * process, gives it back.
 */
#ifndef _UAPI_LINUX_KQUORUM_H
#define _UAPI_LINUX_KQUORUM_H

#include <linux/types.h>

#define KQUORUM_GENL_NAME	"kquorum"
#define KQUORUM_GENL_VERSION	5
#define KQUORUM_MCGRP_EVENTS	"events"

#define KQUORUM_PORT		7420
#define KQUORUM_MAX_NODES	15	/* node ids are 1..15 */
#define KQUORUM_MAX_SEGMENTS	1024
#define KQUORUM_NODE_NAME_MAX	31	/* bytes, without the final NUL */
#define KQUORUM_ADDRESS_MAX	79
#define KQUORUM_RESOURCE_NAME_MAX 127
#define KQUORUM_INFO_MAX	63	/* bytes that say what a lock is for */
#define KQUORUM_UNITS_MAX	(1U << 31) /* of one resource */
#define KQUORUM_NUMBERED	256	/* of no more units each has a number, from 0 on */
/* Lock handles of one user and of a node, unless NODE_START says otherwise. */
#define KQUORUM_USER_LOCKS	1000
#define KQUORUM_NODE_LOCKS	100000
#define KQUORUM_PAYLOAD_MAX	(48 * 1024)	/* bytes in one log entry */
#define KQUORUM_STARTS		22	/* earlier starts of itself that a node tells of */
#define KQUORUM_INCARNATION_SALT 40	/* bits by chance; above them the number of the start */
#define KQUORUM_BLOCK		4096	/* the unit of the log on disk */

/* What a cluster's settings may be; the rest depends on one another. */
#define KQUORUM_HEARTBEAT_MS_MIN 5
#define KQUORUM_HEARTBEAT_MS_MAX 10000
#define KQUORUM_ELECTION_MS_MAX	300000
#define KQUORUM_LEASE_MS_MAX	3600000
#define KQUORUM_DRIFT_PPM_MAX	100000

/**
 * enum kquorum_cmd - commands of the family
 * @KQUORUM_CMD_NODE_START: start this namespace's node: NAME, CLUSTER_ID,
 *	NODE_ID, SETTINGS, one MEMBER per node (this one too), one SEGMENT_FD per
 *	segment file in slot order; VOTERS: who founded the cluster, of a node that
 *	joins one (it never begins one; without it the members found it). USER_LOCKS and NODE_LOCKS:
 *	how many lock handles there may be. Returns at once; recovery goes on and its end is an
 *	event. Admin.
 * @KQUORUM_CMD_NODE_STOP: hand over leadership, end the session, close the
 *	files. Returns at once; poll STATUS until it answers -ENODEV. FORCE: do
 *	not hand over. Admin.
 * @KQUORUM_CMD_DAEMON_TAKE: become the node's daemon; answers EPOCH, and
 *	commands of an older epoch are refused with -ESTALE. Admin.
 * @KQUORUM_CMD_STATUS: everything about the node; anyone.
 * @KQUORUM_CMD_CANVASS: ask the voters whether a campaign could win
 *	(pre-vote). EPOCH. The result is an event. Admin.
 * @KQUORUM_CMD_CAMPAIGN: take a new term and ask for votes. EPOCH. Admin.
 * @KQUORUM_CMD_TRANSFER: hand leadership to NODE_ID (0 or absent: the most
 *	up-to-date). Admin.
 * @KQUORUM_CMD_PEER_ATTACH: give a connected stream socket for NODE_ID: FD,
 *	PAST and NAME of the peer as its greeting told, EPOCH. An older connection to that peer
 *	is closed. -ESTALE: its files are older than when it was met, or another daemon
 *	has the node; -EKEYREJECTED: they are new, and the configuration knows others;
 *	-EXDEV: of a log that another node began; -EBUSY: another under its number is
 *	connected; -ENOSPC: no room to note whom this node meets. Admin.
 * @KQUORUM_CMD_PEER_DETACH: drop the connection to NODE_ID. EPOCH. Admin.
 * @KQUORUM_CMD_PEER_NOTE: the daemon says why there is no connection to NODE_ID, or, of
 *	this node itself, why it takes none: REASON, shown in the status. EPOCH. Admin.
 * @KQUORUM_CMD_LOCK: ask for RESOURCE: all of it, a share with KQUORUM_LOCK_SHARED in
 *	LOCK_FLAGS, or LOCK_UNITS; LOCK_INFO says what for; TTL and HOLD: of the grant, 0 or
 *	absent: as the resource says. Answers FD, the handle, which is close-on-exec only with
 *	KQUORUM_LOCK_CLOEXEC. Who is not admin gets what the resource's owner, group and mode
 *	let him have, and nothing of one that is not defined.
 *	-EDEADLK: the process has asked for it already, and has or awaits what does not go along
 *	with this; see KQUORUM_LOCK_OTHERS. -EDQUOT, -EMFILE: its user, the node, has as many lock
 *	handles as NODE_START allows; no user's limit counts for who has CAP_SYS_RESOURCE in the
 *	initial user namespace.
 * @KQUORUM_CMD_APPEND_OPEN: answers FD of an append stream (struct
 *	kquorum_append_result).
 * @KQUORUM_CMD_RESOURCE_GET: dump: every resource that is defined, held or awaited;
 *	with RESOURCE: do: that one. Answers RESOURCE, TOKEN, UNITS, IN_USE, what it is defined
 *	with (DEFINED, MAX_WAITERS), CLAIM...
 * @KQUORUM_CMD_LOG_GET: dump of entries: FIRST_INDEX, LAST_INDEX (optional).
 * @KQUORUM_CMD_RECONFIGURE: VOTERS and LEARNERS from now on, at the leader; CONF_INDEX of the
 *	configuration that was looked at (0: whichever); MEMBER: one node's name and address,
 *	new or changed. A node that joins must be connected, and be that one. SETTINGS: other ones,
 *	with the same VOTERS and LEARNERS and no MEMBER. Admin.
 * @KQUORUM_CMD_SNAPSHOT_SAVE: answers FD: read() gives a snapshot of the state as it is now,
 *	until the end of the file; commands go on meanwhile. One at a time; close() gives it up.
 *	-EALREADY: the snapshot in use is of this very state.
 *	A read that fails ends it: -EIO: the node has failed; -ENOMEM: no memory to keep what
 *	changed meanwhile; -ESTALE: another state was installed. Admin.
 * @KQUORUM_CMD_SNAPSHOT_ADOPT: SNAPSHOT_FD is a file with a whole snapshot of this node's, under
 *	its name: it is read, checked and synced; then the log refers to it, and what it stands for
 *	goes. Answers FD: read() gives struct kquorum_snapshot_result once. Admin.
 * @KQUORUM_CMD_SNAPSHOT_INSTALL: likewise one of another node's, which takes the place of the
 *	state here if that is behind it. With SNAPSHOT_GROWS the file is still being written:
 *	write() of struct kquorum_snapshot_grown to FD says how much of it may be read, and at
 *	last that it is whole; only then it is synced and taken. Admin.
 * @KQUORUM_CMD_SNAPSHOT_NOTE: the daemon says how far a snapshot is on its way to NODE_ID, or from
 *	there: TRANSIT, absent when none is any more. Shown in the status while that daemon lives.
 *	EPOCH. Admin.
 * @KQUORUM_CMD_SCRUB: have the log on disk read, and what a start would miss written again: SCRUB
 *	with RATE, or with STOP. Returns at once; its end is an event, SCRUB in STATUS has the rest.
 *	-EALREADY: one is under way. Admin.
 * @KQUORUM_CMD_RESOURCE_SET: say of RESOURCE how many UNITS it has, how many may wait
 *	(MAX_WAITERS), what a grant of it is bound to (TTL, HOLD), who may have it (UID, GID, MODE)
 *	and whether it is FENCED; what is absent stays as it is. With CREATE it must not be defined
 *	yet, and UNITS is needed; without it must be. Answers FD: read() gives one struct
 *	kquorum_append_result, whose error is -EEXIST or -ENOENT then; -ENFILE: no more can be
 *	defined. Who holds it keeps it as it was granted; who waits for more units than there are
 *	from now on is refused. Admin.
 * @KQUORUM_CMD_RESOURCE_DELETE: nothing is said of RESOURCE any more. Answers FD, likewise:
 *	-ENOENT: it is not defined; -EBUSY: somebody holds it or waits. Admin.
 * @KQUORUM_CMD_RESOURCE_EVICT: the request of NODE_ID, SESSION and OWNER for RESOURCE has to go.
 *	Who waits is refused at once. Who holds it is told, and has DRAIN to end; of a resource that
 *	is not FENCED no less than what was left of the session's lease, for he may rely on that.
 *	Then his node gives it back; of a FENCED one the leader does, should that node be silent.
 *	Answers FD, likewise: -ENOENT: there is no such request. Admin.
 * @KQUORUM_CMD_FENCE: TOKEN is shown to RESOURCE, which must be defined, FENCED and of one unit.
 *	Answers FD, likewise: 0: none higher was; it is noted; -ESTALE: a higher one was; -ENOENT;
 *	-EMEDIUMTYPE: it is not FENCED, or has more units. Who may have the resource may ask.
 * @KQUORUM_CMD_EVENT: only in multicasts: EVENT, and STATUS's attributes NODE_ID,
 *	TERM, LEADER, ROLE. A wake-up: the truth is in STATUS.
 */
enum kquorum_cmd {
	KQUORUM_CMD_UNSPEC,
	KQUORUM_CMD_NODE_START,
	KQUORUM_CMD_NODE_STOP,
	KQUORUM_CMD_DAEMON_TAKE,
	KQUORUM_CMD_STATUS,
	KQUORUM_CMD_CANVASS,
	KQUORUM_CMD_CAMPAIGN,
	KQUORUM_CMD_TRANSFER,
	KQUORUM_CMD_PEER_ATTACH,
	KQUORUM_CMD_PEER_DETACH,
	KQUORUM_CMD_PEER_NOTE,
	KQUORUM_CMD_LOCK,
	KQUORUM_CMD_APPEND_OPEN,
	KQUORUM_CMD_RESOURCE_GET,
	KQUORUM_CMD_LOG_GET,
	KQUORUM_CMD_EVENT,
	KQUORUM_CMD_RECONFIGURE,
	KQUORUM_CMD_SNAPSHOT_SAVE,
	KQUORUM_CMD_SNAPSHOT_ADOPT,
	KQUORUM_CMD_SNAPSHOT_INSTALL,
	KQUORUM_CMD_SNAPSHOT_NOTE,
	KQUORUM_CMD_SCRUB,
	KQUORUM_CMD_RESOURCE_SET,
	KQUORUM_CMD_RESOURCE_DELETE,
	KQUORUM_CMD_RESOURCE_EVICT,
	KQUORUM_CMD_FENCE,
	__KQUORUM_CMD_MAX,
};

#define KQUORUM_CMD_MAX (__KQUORUM_CMD_MAX - 1)

/* Attributes; u64 ones are NLA_U64, padded with KQUORUM_A_PAD. Times are nanoseconds. */
enum kquorum_attr {
	KQUORUM_A_UNSPEC,
	KQUORUM_A_PAD,
	KQUORUM_A_GROUP,	/* u32: Raft group, 0 */
	KQUORUM_A_NAME,		/* string: the cluster's name */
	KQUORUM_A_CLUSTER_ID,	/* u64 */
	KQUORUM_A_NODE_ID,	/* u32 */
	KQUORUM_A_SETTINGS,	/* nested enum kquorum_setting_attr; STATUS: those in effect */
	KQUORUM_A_MEMBER,	/* nested enum kquorum_member_attr, many */
	KQUORUM_A_SEGMENT_FD,	/* s32, many, in slot order */
	KQUORUM_A_FORCE,	/* flag */
	KQUORUM_A_EPOCH,	/* u64 */
	KQUORUM_A_FD,		/* s32 */
	KQUORUM_A_INCARNATION,	/* u64 */
	KQUORUM_A_RESOURCE,	/* string */
	KQUORUM_A_LOCK_FLAGS,	/* u32: KQUORUM_LOCK_* */
	KQUORUM_A_TOKEN,	/* u64 */
	KQUORUM_A_CLAIM,	/* nested enum kquorum_claim_attr, many: holder, queue */
	KQUORUM_A_FIRST_INDEX,	/* u64 */
	KQUORUM_A_LAST_INDEX,	/* u64: last index in the log */
	KQUORUM_A_ENTRY,	/* nested enum kquorum_entry_attr */
	KQUORUM_A_EVENT,	/* u32: enum kquorum_event bits */
	/* status */
	KQUORUM_A_STATE,	/* u32: enum kquorum_node_state */
	KQUORUM_A_ROLE,		/* u32: enum kquorum_role */
	KQUORUM_A_TERM,		/* u64 */
	KQUORUM_A_VOTE,		/* u32: node voted for in this term, 0: none */
	KQUORUM_A_LEADER,	/* u32: 0: none known */
	KQUORUM_A_QUORUM,	/* u8: 1: a leader is known and heard of in time */
	KQUORUM_A_SILENCE,	/* u64: since the leader was last heard of */
	KQUORUM_A_COMMIT_INDEX,	/* u64 */
	KQUORUM_A_APPLIED_INDEX,/* u64 */
	KQUORUM_A_DURABLE_INDEX,/* u64 */
	KQUORUM_A_SESSION,	/* u64: this node's session, 0: none */
	KQUORUM_A_SESSION_LEFT,	/* u64: time left on it */
	KQUORUM_A_WAIT_LEFT,	/* u64: until a restarted node may vote */
	KQUORUM_A_PEER,		/* nested enum kquorum_peer_attr, many */
	KQUORUM_A_DISK,		/* nested enum kquorum_disk_attr */
	KQUORUM_A_DAEMON,	/* u8: 1: a daemon has the node and its socket lives */
	KQUORUM_A_REASON,	/* string: why the node does not serve */
	KQUORUM_A_COUNTERS,	/* nested enum kquorum_counter_attr */
	KQUORUM_A_CANVASS,	/* u32: enum kquorum_canvass: how the last one went */
	KQUORUM_A_CLUSTER_HASH,	/* u64: cluster id and founders, as every message carries it */
	KQUORUM_A_PAST,		/* struct kquorum_past; in STATUS without @met, absent at first */
	KQUORUM_A_CONF_INDEX,	/* u64: log index of the configuration, 0: there is none yet */
	KQUORUM_A_VOTERS,	/* u32: bit n: node n */
	KQUORUM_A_OUTGOING,	/* u32: voters before a change that is not complete */
	KQUORUM_A_LEARNERS,	/* u32: get the log and do not vote */
	KQUORUM_A_FOUNDERS,	/* u32: who began the cluster, or will */
	KQUORUM_A_LEFT,		/* flag: this node was a member and is none any more */
	KQUORUM_A_JOINS,	/* flag: this node never begins a cluster */
	KQUORUM_A_GONE,		/* u32: bit n: a node with number n has left, as the log says */
	KQUORUM_A_SNAPSHOT,	/* nested enum kquorum_snapshot_attr: that the log refers to */
	KQUORUM_A_SNAPSHOT_FD,	/* s32; in NODE_START many: what the log may refer to */
	KQUORUM_A_SEED,		/* flag: an empty log begins with the first snapshot given */
	KQUORUM_A_SURVIVOR,	/* flag: only gives its state away; all that its log has counts */
	KQUORUM_A_LINEAGE,	/* struct kquorum_lineage: what this history came from */
	KQUORUM_A_TRANSIT,	/* nested enum kquorum_transit_attr */
	KQUORUM_A_DEPARTED,	/* nested enum kquorum_member_attr: ID, NAME; each of GONE */
	KQUORUM_A_SETTINGS_BEFORE, /* as SETTINGS: replaced, but not out of use yet */
	KQUORUM_A_OVERLAP_LEFT,	/* u64: at the leader: until they are */
	KQUORUM_A_SCRUB,	/* nested enum kquorum_scrub_attr */
	KQUORUM_A_SNAPSHOT_GROWS, /* flag: SNAPSHOT_FD is still being written */
	KQUORUM_A_LOCK_UNITS,	/* u32: so many, at most KQUORUM_UNITS_MAX */
	KQUORUM_A_LOCK_INFO,	/* string: what it is for */
	KQUORUM_A_CREATE,	/* flag */
	KQUORUM_A_UNITS,	/* u32: that a resource has */
	KQUORUM_A_IN_USE,	/* u64: units that are held; by shares and by all of it: all */
	KQUORUM_A_MAX_WAITERS,	/* u32: 0: as many as the cluster has room for */
	KQUORUM_A_DEFINED,	/* u64: log index of the entry that did it */
	KQUORUM_A_TTL,		/* u32 ms: so long a grant lives unrenewed; 0: it needs none */
	KQUORUM_A_HOLD,		/* u32 ms: at most it is held so long; 0: as long as one likes */
	KQUORUM_A_UID,		/* u32: a resource's owner, in the initial user namespace */
	KQUORUM_A_GID,		/* u32: likewise its group */
	KQUORUM_A_MODE,		/* u32: who may have a share (r), all else (w), as of a file */
	KQUORUM_A_FENCED,	/* u8: 1: its users check tokens */
	KQUORUM_A_FENCE,	/* u64: the highest token that it was shown, 0: none */
	KQUORUM_A_OWNER,	/* u64: a handle's number on its node */
	KQUORUM_A_DRAIN,	/* u32 ms */
	KQUORUM_A_ELIGIBLE,	/* flag: the configuration lets this node stand for election */
	KQUORUM_A_LOCKS,	/* u32: lock handles of this node that are open */
	KQUORUM_A_USER_LOCKS,	/* u32: how many of them one user may have */
	KQUORUM_A_NODE_LOCKS,	/* u32: how many there may be */
	KQUORUM_A_CLOCK_OFF,	/* s32: 1: its clock is too fast for most others, -1: too slow */
	__KQUORUM_A_MAX,
};

#define KQUORUM_A_MAX (__KQUORUM_A_MAX - 1)

enum kquorum_setting_attr {
	KQUORUM_SETTING_UNSPEC,
	KQUORUM_SETTING_HEARTBEAT_MS,	/* u32 */
	KQUORUM_SETTING_ELECTION_MS,	/* u32: the shortest election timeout */
	KQUORUM_SETTING_LEASE_MS,	/* u32: session lease */
	KQUORUM_SETTING_DELTA_MS,	/* u32: Delta, largest clock error during a lease */
	KQUORUM_SETTING_DRIFT_PPM,	/* u32: bound on each clock's rate error */
	KQUORUM_SETTING_SEGMENT_BYTES,	/* u32: size of each segment file; of the node itself */
	__KQUORUM_SETTING_MAX,
};

#define KQUORUM_SETTING_MAX (__KQUORUM_SETTING_MAX - 1)

enum kquorum_snapshot_attr {
	KQUORUM_SNAPSHOT_UNSPEC,
	KQUORUM_SNAPSHOT_PAD,
	KQUORUM_SNAPSHOT_INDEX,		/* u64: last log index that is applied in it */
	KQUORUM_SNAPSHOT_TERM,		/* u64: of that entry */
	KQUORUM_SNAPSHOT_BYTES,		/* u64 */
	KQUORUM_SNAPSHOT_CRC,		/* u32: CRC32C of all of them */
	__KQUORUM_SNAPSHOT_MAX,
};

#define KQUORUM_SNAPSHOT_MAX (__KQUORUM_SNAPSHOT_MAX - 1)

/* A snapshot on its way between two nodes. */
enum kquorum_transit_attr {
	KQUORUM_TRANSIT_UNSPEC,
	KQUORUM_TRANSIT_PAD,
	KQUORUM_TRANSIT_INDEX,		/* u64: last log index that is applied in it */
	KQUORUM_TRANSIT_BYTES,		/* u64: of all of it */
	KQUORUM_TRANSIT_DONE,		/* u64: of these, how many are there */
	KQUORUM_TRANSIT_COMES,		/* flag: to this node; absent: to the other */
	__KQUORUM_TRANSIT_MAX,
};

#define KQUORUM_TRANSIT_MAX (__KQUORUM_TRANSIT_MAX - 1)

enum kquorum_member_attr {
	KQUORUM_MEMBER_UNSPEC,
	KQUORUM_MEMBER_ID,		/* u32 */
	KQUORUM_MEMBER_NAME,		/* string */
	KQUORUM_MEMBER_ADDRESS,		/* string, as the operator wrote it */
	KQUORUM_MEMBER_FLAGS,		/* u32: KQUORUM_CONF_* */
	KQUORUM_MEMBER_PRIORITY,	/* u32 */
	__KQUORUM_MEMBER_MAX,
};

#define KQUORUM_MEMBER_MAX (__KQUORUM_MEMBER_MAX - 1)

enum kquorum_peer_attr {
	KQUORUM_PEER_UNSPEC,
	KQUORUM_PEER_PAD,
	KQUORUM_PEER_ID,		/* u32 */
	KQUORUM_PEER_NAME,		/* string; of who is no member as its greeting told */
	KQUORUM_PEER_ADDRESS,		/* string */
	KQUORUM_PEER_CONNECTED,		/* u8 */
	KQUORUM_PEER_INCARNATION,	/* u64: that which was met last, 0: none */
	KQUORUM_PEER_PROGRESS,		/* u32: enum kquorum_progress; at the leader */
	KQUORUM_PEER_MATCH,		/* u64: match index; at the leader */
	KQUORUM_PEER_INFLIGHT_BYTES,	/* u32 */
	KQUORUM_PEER_RTT,		/* u64 ns: last round trip of a heartbeat; at the leader */
	KQUORUM_PEER_SEEN,		/* u64 ns since the last message of it */
	KQUORUM_PEER_DISK,		/* u64 ns: its last log write, as it reports it */
	KQUORUM_PEER_FLAGS,		/* u32: KQUORUM_PEERF_* as the peer reports them */
	KQUORUM_PEER_REASON,		/* string: why the last connection ended */
	KQUORUM_PEER_DROPS,		/* u64: connections closed for a bad message */
	KQUORUM_PEER_MET,		/* u32: low half of the own incarnation when met last */
	KQUORUM_PEER_WHOSE,		/* u32: low half of the identity with that incarnation */
	KQUORUM_PEER_IDENTITY,		/* u64: that the configuration has, 0: no member */
	KQUORUM_PEER_SNAPSHOT,		/* u64: at the leader: it needs this one, or a newer */
	KQUORUM_PEER_STRANGER,		/* flag: connected, and not the member with that number */
	KQUORUM_PEER_TRANSIT,		/* nested enum kquorum_transit_attr */
	KQUORUM_PEER_FROM,		/* string: IP address of its end of the connection */
	KQUORUM_PEER_RATE_MIN,		/* s32 ppm: its clock is faster than the own by this ... */
	KQUORUM_PEER_RATE_MAX,		/* s32 ppm: ... to this; of all at the leader, else of it */
	KQUORUM_PEER_CLOCK_OFF,		/* s32: 1: too fast, -1: too slow for drift_ppm */
	__KQUORUM_PEER_MAX,
};

#define KQUORUM_PEER_MAX (__KQUORUM_PEER_MAX - 1)

#define KQUORUM_PEERF_LOG_FULL	1	/* cannot store entries: its log is full */
#define KQUORUM_PEERF_FAULTY	2	/* cannot write, or its log is damaged */

enum kquorum_disk_attr {
	KQUORUM_DISK_UNSPEC,
	KQUORUM_DISK_PAD,
	KQUORUM_DISK_STATE,		/* u32: enum kquorum_disk_state */
	KQUORUM_DISK_ERROR,		/* s32: negative errno that latched */
	KQUORUM_DISK_CAPACITY,		/* u64 bytes */
	KQUORUM_DISK_USED,		/* u64 bytes */
	KQUORUM_DISK_WRITE_TIME,	/* u64 ns: last log write */
	KQUORUM_DISK_WRITE_AGE,		/* u64 ns: age of the write under way, 0: none */
	KQUORUM_DISK_SEGMENT,		/* u32: slot being written; damage: slot with the damage */
	KQUORUM_DISK_OFFSET,		/* u64: bytes in that slot */
	KQUORUM_DISK_TORN,		/* u64: bytes of a torn last batch that recovery cut off */
	KQUORUM_DISK_CROSSED,		/* u32: damaged places behind which recovery went on */
	KQUORUM_DISK_TO_REPAIR,		/* u64: entries that were missing then, 0: none is now */
	KQUORUM_DISK_MISSING,		/* u64: how many of them are missing still */
	KQUORUM_DISK_MISSING_FROM,	/* u64: index of the first */
	KQUORUM_DISK_LACKS,		/* u32: bit n: node n has not got that one either */
	__KQUORUM_DISK_MAX,
};

#define KQUORUM_DISK_MAX (__KQUORUM_DISK_MAX - 1)

/* Reading the log on disk: the one under way, or the last one. Absent when none was. */
enum kquorum_scrub_attr {
	KQUORUM_SCRUB_UNSPEC,
	KQUORUM_SCRUB_PAD,
	KQUORUM_SCRUB_RATE,		/* u64 bytes in a second, 64 KiB to 1 TiB */
	KQUORUM_SCRUB_STOP,		/* flag, in a command */
	KQUORUM_SCRUB_RUNNING,		/* u8: 1: one is under way */
	KQUORUM_SCRUB_COUNT,		/* u64: how many have begun since the node's start */
	KQUORUM_SCRUB_DONE,		/* u64: bytes read */
	KQUORUM_SCRUB_TOTAL,		/* u64: of so many */
	KQUORUM_SCRUB_PLACES,		/* u32: where something cannot be read */
	KQUORUM_SCRUB_MISSING,		/* u64: entries that a start would have missed */
	KQUORUM_SCRUB_REWRITTEN,	/* u64: of these, those that were written again */
	KQUORUM_SCRUB_SEGMENT,		/* u32: slot with the first damage */
	KQUORUM_SCRUB_OFFSET,		/* u64: bytes in that slot */
	KQUORUM_SCRUB_ENDED,		/* u64 ns since the last one ended; absent: none has */
	KQUORUM_SCRUB_ERROR,		/* s32: negative errno: it could not do what it should */
	KQUORUM_SCRUB_REASON,		/* string: what was damaged, or why it ended early */
	__KQUORUM_SCRUB_MAX,
};

#define KQUORUM_SCRUB_MAX (__KQUORUM_SCRUB_MAX - 1)

enum kquorum_claim_attr {
	KQUORUM_CLAIM_UNSPEC,
	KQUORUM_CLAIM_PAD,
	KQUORUM_CLAIM_NODE,		/* u32 */
	KQUORUM_CLAIM_SESSION,		/* u64 */
	KQUORUM_CLAIM_OWNER,		/* u64: the handle's number on its node */
	KQUORUM_CLAIM_INDEX,		/* u64: log index of the request */
	KQUORUM_CLAIM_TOKEN,		/* u64: 0 while it waits */
	KQUORUM_CLAIM_PID,		/* u32: process that asked, on its node */
	KQUORUM_CLAIM_COMM,		/* string: its command name */
	KQUORUM_CLAIM_AGE,		/* u64 ns since it was granted (or queued), as seen here */
	KQUORUM_CLAIM_MODE,		/* u32: enum kquorum_claim_mode */
	KQUORUM_CLAIM_UNITS,		/* u32: with KQUORUM_CLAIM_MODE_UNITS: how many */
	KQUORUM_CLAIM_NUMBERS,		/* binary: which, a byte each, where they have numbers */
	KQUORUM_CLAIM_INFO,		/* string: what it is for */
	KQUORUM_CLAIM_TTL,		/* u32 ms: granted: to be renewed in; absent: need not */
	KQUORUM_CLAIM_HOLD,		/* u32 ms: granted: so long at most; absent: without end */
	KQUORUM_CLAIM_UID,		/* u32: who asked, in the initial user namespace there */
	KQUORUM_CLAIM_DRAIN,		/* u32 ms: it was evicted, and had so long to end */
	KQUORUM_CLAIM_EVICTED,		/* u64 ns since then, as seen here */
	__KQUORUM_CLAIM_MAX,
};

#define KQUORUM_CLAIM_MAX (__KQUORUM_CLAIM_MAX - 1)

enum kquorum_claim_mode {
	KQUORUM_CLAIM_EXCLUSIVE,	/* all of it, whatever there is */
	KQUORUM_CLAIM_SHARED,		/* along with others that share it */
	KQUORUM_CLAIM_MODE_UNITS,	/* so many units */
};

enum kquorum_entry_attr {
	KQUORUM_ENTRY_UNSPEC,
	KQUORUM_ENTRY_PAD,
	KQUORUM_ENTRY_INDEX,		/* u64 */
	KQUORUM_ENTRY_TERM,		/* u64 */
	KQUORUM_ENTRY_TYPE,		/* u32: enum kquorum_entry_type */
	KQUORUM_ENTRY_SESSION,		/* u64: proposer's session, 0: the leader itself */
	KQUORUM_ENTRY_SEQ,		/* u64: proposer's sequence number */
	KQUORUM_ENTRY_COMMITTED,	/* u8 */
	KQUORUM_ENTRY_PAYLOAD,		/* binary; absent with more than 4 KiB */
	KQUORUM_ENTRY_BYTES,		/* u32: length of the payload */
	/*
	 * s32, absent while it is not applied: 0 it took effect; -EALREADY it was proposed
	 * again and counted before; -ESTALE its session was over; another errno: refused
	 */
	KQUORUM_ENTRY_RESULT,
	KQUORUM_ENTRY_NODE,		/* u32: who proposed it */
	__KQUORUM_ENTRY_MAX,
};

#define KQUORUM_ENTRY_MAX (__KQUORUM_ENTRY_MAX - 1)

enum kquorum_counter_attr {
	KQUORUM_COUNTER_UNSPEC,
	KQUORUM_COUNTER_PAD,
	KQUORUM_COUNTER_ELECTIONS,	/* u64: campaigns of this node */
	KQUORUM_COUNTER_BATCHES,	/* u64: log writes */
	KQUORUM_COUNTER_ENTRIES,	/* u64: entries written */
	KQUORUM_COUNTER_BAD_MESSAGES,	/* u64 */
	KQUORUM_COUNTER_BUSY,		/* u64: proposals refused as busy */
	KQUORUM_COUNTER_PENDING,	/* u64: proposals of this node without outcome */
	__KQUORUM_COUNTER_MAX,
};

#define KQUORUM_COUNTER_MAX (__KQUORUM_COUNTER_MAX - 1)

enum kquorum_node_state {
	KQUORUM_NODE_RECOVERING,
	KQUORUM_NODE_RUNNING,
	KQUORUM_NODE_DAMAGED,	/* the log is damaged: votes at most, does not lead or serve */
	KQUORUM_NODE_FAILED,	/* an invariant broke or the log cannot be written */
	KQUORUM_NODE_STOPPING,
};

enum kquorum_role {
	KQUORUM_FOLLOWER,
	KQUORUM_CANVASSING,	/* pre-candidate */
	KQUORUM_CANDIDATE,
	KQUORUM_LEADER,
};

enum kquorum_canvass {
	KQUORUM_CANVASS_NONE,
	KQUORUM_CANVASS_RUNNING,
	KQUORUM_CANVASS_WON,	/* a majority would vote for this node: campaign now */
	KQUORUM_CANVASS_LOST,	/* a majority refused */
	KQUORUM_CAMPAIGN_RUNNING,
	KQUORUM_CAMPAIGN_WON,
	KQUORUM_CAMPAIGN_LOST,
};

enum kquorum_progress {
	KQUORUM_PROGRESS_PROBE,
	KQUORUM_PROGRESS_REPLICATE,
	KQUORUM_PROGRESS_PAUSED,	/* not connected, or the peer cannot store entries */
	KQUORUM_PROGRESS_SNAPSHOT,	/* needs a snapshot: what it lacks is gone from the log */
};

enum kquorum_disk_state {
	KQUORUM_DISK_OK,
	KQUORUM_DISK_SLOW,	/* the write under way is older than an election timeout */
	KQUORUM_DISK_LOW,	/* less than a quarter of the log is left */
	KQUORUM_DISK_FULL,	/* no room for entries; votes go on */
	KQUORUM_DISK_FAILED,	/* a write failed: latched */
	KQUORUM_DISK_DAMAGED,	/* recovery found damage */
};

/* Bits of KQUORUM_A_EVENT. */
enum kquorum_event {
	KQUORUM_EVENT_LEADER	= 1 << 0,	/* leader, term or role changed */
	KQUORUM_EVENT_SILENCE	= 1 << 1,	/* the leader fell silent */
	KQUORUM_EVENT_CANVASS	= 1 << 2,	/* a canvass or campaign ended */
	KQUORUM_EVENT_PEER	= 1 << 3,	/* a connection came or broke */
	KQUORUM_EVENT_DISK	= 1 << 4,	/* its state, or which 16th the log fills */
	KQUORUM_EVENT_SESSION	= 1 << 5,	/* this node's session opened or lapsed */
	KQUORUM_EVENT_STATE	= 1 << 6,	/* node state changed: recovered, failed, stopped */
	KQUORUM_EVENT_DAEMON	= 1 << 7,	/* another daemon took the node */
	KQUORUM_EVENT_SNAPSHOT	= 1 << 8,	/* a snapshot is in use, or a peer needs one */
	KQUORUM_EVENT_SCRUB	= 1 << 9,	/* a scrub began or ended */
	KQUORUM_EVENT_CLOCK	= 1 << 10,	/* a clock is off, or is not any more */
};

/* What an entry of the log is. */
enum kquorum_entry_type {
	KQUORUM_ENTRY_NOOP	= 1,	/* start of a term */
	KQUORUM_ENTRY_OPEN	= 2,	/* a node's session begins */
	KQUORUM_ENTRY_CLOSE	= 3,	/* it ends by its own wish */
	KQUORUM_ENTRY_SUSPECT	= 4,	/* it has been silent */
	KQUORUM_ENTRY_CLEAR	= 5,	/* it has been heard again */
	KQUORUM_ENTRY_EXPIRE	= 6,	/* its promise is over: all it held is released */
	KQUORUM_ENTRY_CONF	= 7,	/* who votes from here on, struct kquorum_conf */
	KQUORUM_ENTRY_ACQUIRE	= 16,
	KQUORUM_ENTRY_RELEASE	= 17,
	KQUORUM_ENTRY_DEFINE	= 18,	/* what a resource is from here on */
	KQUORUM_ENTRY_UNDEFINE	= 19,	/* nothing is said of it any more */
	KQUORUM_ENTRY_EVICT	= 20,	/* somebody has to give it back, or wait no longer */
	KQUORUM_ENTRY_FENCE	= 21,	/* a token was shown to a resource */
	KQUORUM_ENTRY_APPEND	= 32,	/* bytes of a client, for the log's own sake */
};

/* In a KQUORUM_ENTRY_RELEASE: why something is given back. */
enum kquorum_release_why {
	KQUORUM_RELEASE_ASKED,		/* its handle was closed */
	KQUORUM_RELEASE_UNRENEWED,	/* its time to live was over */
	KQUORUM_RELEASE_OVERDUE,	/* it was held as long as it may be */
	KQUORUM_RELEASE_EVICTED,	/* an operator wished it, and it had time to end */
};

/* KQUORUM_A_LOCK_FLAGS */
#define KQUORUM_LOCK_TRY	1	/* refuse instead of queueing */
#define KQUORUM_LOCK_CLOEXEC	2	/* the handle does not survive exec */
#define KQUORUM_LOCK_SHARED	4	/* along with others that share it; not with LOCK_UNITS */
/* Other handles of this process for the same resource are somebody else's, as in a server's. */
#define KQUORUM_LOCK_OTHERS	8

/* Where a lock handle stands; the order is the order of life. */
enum kquorum_lock_state {
	KQUORUM_LOCK_ASKING,	/* not in the log yet: no session, no leader, or on its way */
	KQUORUM_LOCK_QUEUED,	/* in the log, others stand before */
	KQUORUM_LOCK_GRANTED,
	/*
	 * By error: -EAGAIN: it is held (try); -EBUSY: too much under way; -ENOSPC: the log is
	 * full; -ERANGE: it has fewer units; -EUSERS: as many wait for it as may; -ENFILE: in
	 * the whole cluster no more can hold or wait; -EACCES: its owner, group and mode do not
	 * let him who asks; -ECANCELED: an operator made it go
	 */
	KQUORUM_LOCK_REFUSED,
	/*
	 * It was granted, and nobody may rely on it any more. By error: 0: the session's lease
	 * ran out; -ETIME: it was not renewed in time; -ETIMEDOUT: it was held as long as it may
	 * be; -ECANCELED: an operator took it
	 */
	KQUORUM_LOCK_LOST,
	KQUORUM_LOCK_UNKNOWN,	/* the session ended before the outcome was known */
};

/**
 * struct kquorum_lock_info - what read() on a lock handle gives, always the present state
 * @state: enum kquorum_lock_state
 * @error: negative errno with KQUORUM_LOCK_REFUSED, else 0
 * @token: fencing token, 0 before the grant
 * @left_ns: how long it may be relied on as things are: the least of what is left of the session's
 *	lease, which is renewed while the node lives, of @renew_left_ns and of @hold_left_ns
 * @owner: the handle's number; with @session it names the request
 * @session: the node's session that holds it
 * @leader: node id of the leader known, 0: none
 * @holder: node id of a present holder, the first of them; 0: none known
 * @mode: enum kquorum_claim_mode
 * @units: asked for, with KQUORUM_CLAIM_MODE_UNITS
 * @numbers: granted: bit n of the whole: unit n; none where they have no numbers
 * @renew_left_ns: granted: until then it must be renewed (struct kquorum_renew); ~0: it need not
 * @hold_left_ns: granted: no renewal helps beyond; ~0: there is no such end
 * @why: granted: enum kquorum_release_why when @hold_left_ns is over
 * @zero: 0
 *
 * poll(): EPOLLIN when the state changed since the last read; EPOLLHUP when the
 * handle has ended (refused, lost, unknown); EPOLLPRI when less than a third of
 * the lease is left, or of the time to live when it must be renewed, or as much of the longest hold
 * as a third of the lease; and when an operator wants it back.
 */
struct kquorum_lock_info {
	__u32 state;
	__s32 error;
	__u64 token;
	__u64 left_ns;
	__u64 owner;
	__u64 session;
	__u32 leader;
	__u32 holder;
	__u32 mode;
	__u32 units;
	__u64 numbers[KQUORUM_NUMBERED / 64];
	__u64 renew_left_ns;
	__u64 hold_left_ns;
	__u32 why;
	__u32 zero;
};

/**
 * struct kquorum_renew - write() to a lock handle: whoever holds it is still at work
 * @token: of the grant
 *
 * From now on it has its time to live once more, up to the time that it may be held at most.
 * -EINVAL: it has another token, or none; -ETIME: it is lost already.
 */
struct kquorum_renew {
	__u64 token;
};

/**
 * struct kquorum_on_loss - write() to a lock handle: what the module does by itself before the
 *	lease runs out, or the grant comes to its own end, whatever has become of the process that
 *	wrote this, and of the daemon
 * @pid: to whom, as the writer sees it: a process, or with KQUORUM_ON_LOSS_GROUP the process group
 *	of that number; 0: to nobody, and what was written before no longer counts
 * @flags: KQUORUM_ON_LOSS_*
 * @signal: that it gets when @warn_ms are left, 1 to 64; 0: none
 * @warn_ms: more than @kill_ms with KQUORUM_ON_LOSS_KILL
 * @kill_ms: with KQUORUM_ON_LOSS_KILL: when so many are left it gets SIGKILL
 * @cgroup_fd: of a cgroup.kill file, open for writing: gets a 1 along with SIGKILL; -1: none
 *
 * What is lost at once (the session is over, the node stops) has both at once. Each comes once; the
 * newest of what was written counts. When a signal ends the process that has the handle's last
 * descriptor, @pid gets its SIGKILL then, with KQUORUM_ON_LOSS_KILL, and has ended before the lock
 * is given back. -EPERM: the writer may not signal @pid; -ESRCH: there is none;
 * -EBADF: @cgroup_fd is not open for writing; -EINVAL: it is no cgroup.kill, or the rest cannot be.
 * Ends with the handle's last descriptor: that gives the lock back.
 */
struct kquorum_on_loss {
	__s32 pid;
	__u32 flags;
	__u32 signal;
	__u32 warn_ms;
	__u32 kill_ms;
	__s32 cgroup_fd;
	__u32 zero[2];
};

#define KQUORUM_ON_LOSS_GROUP	1	/* @pid is a process group */
#define KQUORUM_ON_LOSS_KILL	2	/* SIGKILL, should @signal not have helped */

/**
 * struct kquorum_append_result - what read() on an append stream gives, one per write(); and what
 *	became of a RESOURCE_SET, RESOURCE_DELETE, RESOURCE_EVICT or FENCE
 * @number: 1 for the first write() of this stream, 2 for the next, ...
 * @index: log index of the entry, 0 without
 * @term: its term
 * @error: 0: committed and durable; -EBUSY: too much under way, not appended;
 *	-ENOSPC: log full, not appended; -EHOSTDOWN: outcome unknown, look in the
 *	log for @session and @seq
 * @session: this node's session when it was proposed
 * @seq: its sequence number there
 *
 * Each write() is one entry of 1..KQUORUM_PAYLOAD_MAX bytes. Results come in
 * order of completion. At most 64 writes may be without a result that was read;
 * one more gives -EAGAIN (poll EPOLLOUT). Closing forgets results, not entries.
 */
struct kquorum_append_result {
	__u64 number;
	__u64 index;
	__u64 term;
	__s32 error;
	__u32 pad;
	__u64 session;
	__u64 seq;
};

#define KQUORUM_MAX_SNAPSHOT_FDS 8

/**
 * struct kquorum_snapshot_result - what became of a snapshot that was handed over
 * @error: 0 or negative errno
 * @crc: CRC32C of its bytes
 * @index: last log index in it
 * @term: of that entry
 * @bytes: its size
 * @why: with @error, for a person; ends with NUL
 */
struct kquorum_snapshot_result {
	__s32 error;
	__u32 crc;
	__u64 index;
	__u64 term;
	__u64 bytes;
	char why[128];
};

/**
 * struct kquorum_snapshot_grown - of a snapshot that was handed over while it is written
 * @bytes: of the file that are there; never fewer than before
 * @whole: 1: nothing is written to it any more, and it has its name: it may be taken
 * @zero: 0
 */
struct kquorum_snapshot_grown {
	__u64 bytes;
	__u32 whole;
	__u32 zero;
};

/**
 * struct kquorum_conf_member - a node in a configuration
 * @identity: of its files
 * @flags: KQUORUM_CONF_*
 * @priority: of two nodes that could lead, the one with the higher should
 * @zero: 0
 * @name: as people call it, ends with NUL
 * @address: where the others connect to it, as the operator wrote it; ends with NUL
 */
struct kquorum_conf_member {
	__le64 identity;
	__u8 flags;
	__u8 priority;
	__u8 zero[6];
	char name[KQUORUM_NODE_NAME_MAX + 1];
	char address[KQUORUM_ADDRESS_MAX + 1];
} __attribute__((packed));

#define KQUORUM_CONF_PROMOTE	1	/* a learner that gets a vote when it has caught up */
#define KQUORUM_CONF_WITNESS	2	/* leads only to bring another up, and hands over */
#define KQUORUM_PRIORITY_DEFAULT 100
#define KQUORUM_PRIORITY_MAX	255

/**
 * struct kquorum_conf_left - the last one that left with a number
 * @identity: of its files
 * @name: as people called it, ends with NUL
 */
struct kquorum_conf_left {
	__le64 identity;
	char name[KQUORUM_NODE_NAME_MAX + 1];
} __attribute__((packed));

/* How a history came from another one. */
enum kquorum_lineage_how {
	KQUORUM_LINEAGE_NONE,		/* it did not */
	KQUORUM_LINEAGE_RESTORED,	/* from a snapshot that was kept */
	KQUORUM_LINEAGE_RECOVERED,	/* from what a survivor had */
};

/**
 * struct kquorum_lineage - where a history came from
 * @cluster: id of the cluster whose state it began with
 * @origin: of that one's log
 * @index: last log index there that is part of it
 * @begins: index with which this history begins; tokens of the other are below
 * @how: enum kquorum_lineage_how; KQUORUM_LINEAGE_NONE: all of it is 0
 * @zero: 0
 */
struct kquorum_lineage {
	__le64 cluster;
	__le64 origin;
	__le64 index;
	__le64 begins;
	__le32 how;
	__le32 zero;
} __attribute__((packed));

/**
 * struct kquorum_conf_settings - lease and clock settings of a cluster
 * @heartbeat_ms: between two heartbeats of a leader
 * @election_ms: the shortest election timeout
 * @lease_ms: of a session
 * @delta_ms: Delta, the largest error of a clock during a lease
 * @drift_ppm: bound on the error of each clock's rate
 * @zero: 0
 */
struct kquorum_conf_settings {
	__le32 heartbeat_ms;
	__le32 election_ms;
	__le32 lease_ms;
	__le32 delta_ms;
	__le32 drift_ppm;
	__le32 zero;
} __attribute__((packed));

/**
 * struct kquorum_conf - payload of a KQUORUM_ENTRY_CONF; sets of nodes: bit n is node n
 * @voters: of the configuration that begins here
 * @outgoing: the voters before; until they are gone, a majority of them must agree too
 * @learners: get the log and do not vote
 * @left: whose numbers belonged to a node that has left
 * @origin: identity of the node that began this log: no two histories have the same
 * @lineage: what this log came from, the same in all configurations of it
 * @before: settings that may still be relied on; the same as @now when no change is under way
 * @now: settings of the cluster
 * @member: each node in the first three sets, in order of their ids
 *
 * Behind them follows struct kquorum_conf_left for each number in @left, in order.
 */
struct kquorum_conf {
	__le32 voters;
	__le32 outgoing;
	__le32 learners;
	__le32 left;
	__le64 origin;
	struct kquorum_lineage lineage;
	struct kquorum_conf_settings before;
	struct kquorum_conf_settings now;
	struct kquorum_conf_member member[];
} __attribute__((packed));

/**
 * struct kquorum_past - what a node says of its own past to one peer
 * @origin: identity of the node that began the log it has, 0: it has none yet
 * @identity: of its files, a number by chance, for as long as they exist
 * @incarnation: of its present start: the number of it, and chance
 * @met: the low half of the one in which it met that peer last, 0: never
 * @flags: KQUORUM_PAST_*
 * @starts: the low half of those before the present one, the newest first; 0: none
 *
 * A peer that knows of a start which is not among these refuses it: the files were set back to
 * before that start. Who has another identity than the configuration says does not count.
 */
struct kquorum_past {
	__le64 origin;
	__le64 identity;
	__le64 incarnation;
	__le32 met;
	__le32 flags;
	__le32 starts[KQUORUM_STARTS];
} __attribute__((packed));

#define KQUORUM_PAST_EMPTY	1	/* its log was never written to, it has seen no term */

/*
 * The greeting: the first bytes on a new connection, in both directions, before
 * the socket is given to PEER_ATTACH. Little-endian. What is before @zero keeps its place in all
 * versions.
 */
#define KQUORUM_HELLO_MAGIC	0x316f6c48514bULL	/* "KQHlo1" */
#define KQUORUM_HELLO_VERSION	4

/**
 * struct kquorum_hello - greeting of the control wire
 * @magic: KQUORUM_HELLO_MAGIC
 * @version: KQUORUM_HELLO_VERSION; another one is refused by name
 * @length: sizeof(struct kquorum_hello)
 * @cluster: KQUORUM_A_CLUSTER_HASH of STATUS: who differs in cluster id or founders is
 *	refused
 * @past: the sender's, KQUORUM_A_PAST of STATUS with KQUORUM_PEER_MET
 * @name: of the sender, as it was made or as its configuration says; ends with NUL, and nothing
 *	follows: of two new machines under one number the leader takes in the one that is meant
 * @known: the receiver's incarnation that the sender met last, 0: none
 * @identity: that the sender's configuration has under the receiver's number, 0: none
 * @whose: low half of the receiver's identity with @known
 * @crc: CRC32C of all before
 */
struct kquorum_hello {
	__le64 magic;
	__le16 version;
	__le16 length;
	__le32 from;
	__le32 to;
	__le32 zero;
	__le64 cluster;
	struct kquorum_past past;
	char name[KQUORUM_NODE_NAME_MAX + 1];
	__le64 known;
	__le64 identity;
	__le32 whose;
	__le32 crc;
} __attribute__((packed));

#endif /* _UAPI_LINUX_KQUORUM_H */
