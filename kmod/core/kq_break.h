/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Deliberate bugs, each one line or two of the real code, off in every shipped build.
 * They show that the checks find them: `make sim-bugs` plants each into the simulator,
 * `make demo BREAK=guard` one into the module. tests/sim/bugs.c says what each does.
 */
#ifndef KQ_BREAK_H
#define KQ_BREAK_H

enum kq_bug {
	KQ_BUG_NONE,
	/* leases (design section 6) */
	KQ_BUG_GUARD,
	KQ_BUG_DELTA,
	KQ_BUG_DRIFT,
	KQ_BUG_NO_GUARD,
	KQ_BUG_RENEW_ALONE,
	KQ_BUG_RENEW_EXPIRED,
	KQ_BUG_RENEW_SUSPECT,
	KQ_BUG_RENEW_EARLY,
	KQ_BUG_LAG,
	KQ_BUG_REVIVE,
	KQ_BUG_RECEIVED,
	KQ_BUG_LEAD_ANEW,
	KQ_BUG_LENGTHEN,
	KQ_BUG_NO_WAIT,
	KQ_BUG_DISTURB,
	KQ_BUG_FORGET,
	/* votes and elections */
	KQ_BUG_VOTE,
	KQ_BUG_VOTE_FORGOTTEN,
	KQ_BUG_VOTE_VOLATILE,
	KQ_BUG_ELECTION,
	KQ_BUG_SHORT_VOTE,
	KQ_BUG_MAJORITY,
	KQ_BUG_DISK_HANGS,
	KQ_BUG_CHECK_QUORUM,
	/* replication and commit */
	KQ_BUG_FLUSH,
	KQ_BUG_SELF_COUNT,
	KQ_BUG_COMMIT,
	KQ_BUG_COMMIT_UNVERIFIED,
	KQ_BUG_ACK_UNVERIFIED,
	KQ_BUG_MATCH_KEPT,
	KQ_BUG_PREV_TERM,
	KQ_BUG_COMPLETION,
	KQ_BUG_WRITE_ERROR,
	KQ_BUG_LOST,
	KQ_BUG_LOST_BRANCH,
	KQ_BUG_AMNESIA,
	KQ_BUG_COUNTED,
	KQ_BUG_SPOKEN_EARLY,
	KQ_BUG_SILENT,
	KQ_BUG_INFLIGHT,
	KQ_BUG_BOUND,
	/* proposals */
	KQ_BUG_DEDUP,
	KQ_BUG_DEDUP_STALE,
	KQ_BUG_SETTLED,
	KQ_BUG_REFUSED,
	KQ_BUG_APPENDED,
	/* the log on disk */
	KQ_BUG_STALE,
	KQ_BUG_TORN,
	KQ_BUG_DAMAGE_CUT,
	/* sessions and locks */
	KQ_BUG_FENCE,
	KQ_BUG_BARGE,
	KQ_BUG_DEAD_WAITER,
	KQ_BUG_WAITER_FORGOTTEN,
	KQ_BUG_NOT_RELEASED,
	KQ_BUG_CANCEL,
	KQ_BUG_RELEASE_ANY,
	KQ_BUG_OPEN_TWICE,
	KQ_BUG_TRY_WAITS,
	KQ_BUG_GRANT_LAPSED,
	/* changes of the configuration */
	KQ_BUG_SINGLE_SERVER,
	KQ_BUG_ONE_MAJORITY,
	KQ_BUG_TWO_CHANGES,
	KQ_BUG_CONF_KEPT,
	KQ_BUG_CONF_COMMITTED,
	KQ_BUG_LEARNER_COUNTED,
	KQ_BUG_LEARNER_STANDS,
	KQ_BUG_STRANGER,
	KQ_BUG_REMOVED_LEADS,
	KQ_BUG_RENEW_REMOVED,
	KQ_BUG_NUMBER_TAKEN,
	KQ_BUG_TOLD_EARLY,
	KQ_BUG_WIPED,
	KQ_BUG_BEGINS_ALONE,
	KQ_BUG_JOINER_BEGINS,
	KQ_BUG_TAKEN_FOR_ANOTHER,
	KQ_BUG_END
};

/* -DKQ_BREAK_IS=KQ_BUG_GUARD plants that one. The simulator chooses when it runs. */
#ifdef KQ_BREAK_CHOOSE
extern enum kq_bug kq_bug_planted;
#elif defined(KQ_BREAK_IS)
#define kq_bug_planted KQ_BREAK_IS
#else
#define kq_bug_planted KQ_BUG_NONE
#endif

#define KQ_BREAK(bug) (kq_bug_planted == KQ_BUG_##bug)

#endif /* KQ_BREAK_H */
