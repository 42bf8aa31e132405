// SPDX-License-Identifier: GPL-2.0
/*
 * The deliberate bugs of kmod/core/kq_break.h: what each does, where others had it
 * (shared hazards: repository#issue), and the dials that make a rare fault less rare.
 */
#include "kq_break.h"
#include "sim.h"

#define BUG(id, name, what, from, ...) [KQ_BUG_##id] = { name, what, from, { __VA_ARGS__ } }

static const struct {
	const char *name, *what, *from;
	const char *dials[10];
} bugs[KQ_BUG_END] = {
	BUG(GUARD, "guard", "the promise behind a lease is shorter than the lease", "design 6"),
	BUG(NO_GUARD, "no-guard", "the promise has no guard band", "design 6"),
	BUG(DELTA, "delta", "the guard band is one Delta too small", "design 6"),
	BUG(DRIFT, "drift", "the promise allows for no drift of the clocks", "design 6"),
	BUG(RENEW_ALONE, "renew-alone", "a renewal is answered without a quorum",
	    "hazelcast#938, consul#2332", "w_pause=20"),
	BUG(RENEW_EXPIRED, "renew-expired", "a session is renewed after EXPIRE was proposed",
	    "design 6"),
	BUG(RENEW_SUSPECT, "renew-suspect", "a suspect session is renewed without a committed CLEAR",
	    "design 6"),
	BUG(RENEW_EARLY, "renew-early",
	    "a leader renews before it has applied an entry of its term", "etcd#7331, redisraft#22"),
	BUG(LAG, "lag", "a node that lags counts a renewal", "design 6"),
	BUG(REVIVE, "revive", "a deadline is raised after it was 0", "etcd#11456"),
	BUG(RECEIVED, "received", "a lease is counted from when the answer came",
	    "sofa-jraft#25"),
	BUG(LEAD_ANEW, "lead-anew", "a new leader trusts deadlines of an earlier leadership",
	    "etcd#15247"),
	BUG(LENGTHEN, "lengthen", "each new leader gives a suspect the full promise", "design 6"),
	BUG(NO_WAIT, "no-wait", "no wait after a restart", "design 6"),
	BUG(DISTURB, "disturb", "votes although it hears a leader", "etcd#12959"),
	BUG(FORGET, "forget", "what a leader was promised ends with its term", "found here",
	    "nodes=5", "heartbeat_ms=40", "election_beats=6", "lease_ms=1200", "delta_ms=10",
	    "detect_ms=1500", "w_pause=20", "w_partition=10", "w_transfer=10", "fault_ms=300"),
	BUG(VOTE, "vote", "votes more than once in a term", "paper 5.2"),
	BUG(VOTE_FORGOTTEN, "vote-forgotten", "the vote is cleared by a step-down in the same term",
	    "camunda#5368, CCF#8094", "w_stall=20", "w_oneway=10"),
	BUG(VOTE_VOLATILE, "vote-volatile", "a vote is given before it is on disk", "hraft#661"),
	BUG(ELECTION, "election", "votes for a log that is less up-to-date", "paper 5.4.1"),
	BUG(MAJORITY, "majority", "half of the nodes are a majority", "paper 5.2"),
	BUG(DISK_HANGS, "disk-hangs", "a leader whose disk hangs goes on with heartbeats",
	    "hraft#503, tarantool#9399", "w_hang=8"),
	BUG(CHECK_QUORUM, "check-quorum", "a leader without a quorum does not step down",
	    "thesis 6.2"),
	BUG(FLUSH, "flush", "acknowledged before the write is durable", "NATS#7564, tikv#994"),
	BUG(SELF_COUNT, "self-count", "a leader counts itself before its own write is durable",
	    "etcd#14370"),
	BUG(COMMIT, "commit", "entries of an earlier term are committed by counting",
	    "paper figure 8, craft#220"),
	BUG(COMMIT_UNVERIFIED, "commit-unverified",
	    "a follower commits past what this leader verified", "scylladb#9965"),
	BUG(ACK_UNVERIFIED, "ack-unverified",
	    "a follower acknowledges a tail that this leader never saw", "copycat#265"),
	BUG(MATCH_KEPT, "match-kept", "a new leader keeps what peers acknowledged in another term",
	    "paper 5.3"),
	BUG(PREV_TERM, "prev-term", "entries are appended without matching the term before them",
	    "paper 5.3"),
	BUG(COMPLETION, "completion", "a write's end counts for entries that were cut off meanwhile",
	    "eraft#8, crdb#124440"),
	BUG(WRITE_ERROR, "write-error", "a failed write counts as done", "crdb#37102, craft#320",
	    "w_eio=5"),
	BUG(LOST, "lost", "goes on without what it acknowledged before a restart", "NuRaft#185",
	    "w_older=10"),
	BUG(LOST_BRANCH, "lost-branch", "the same, when a dead branch stands in its place",
	    "found here", "w_older=10"),
	BUG(AMNESIA, "amnesia", "which start of a peer was the newest is forgotten at the own start",
	    "NuRaft#185", "w_back=10"),
	BUG(COUNTED, "counted", "a node that was set back is told by the number of its starts alone",
	    "found here", "w_back=10"),
	BUG(SPOKEN_EARLY, "spoken-early", "a member is answered before its start is noted",
	    "found here", "w_crash=10"),
	BUG(SILENT, "silent", "a node that has failed does not say so to a later leader",
	    "etcd#2887, found here", "w_eio=5"),
	BUG(INFLIGHT, "inflight", "the window stays full after a broken connection", "design 5"),
	BUG(BOUND, "bound", "the bound on the uncommitted log is reset at a change of leader",
	    "eraft#11, crdb#27804"),
	BUG(DEDUP, "dedup", "a retried proposal is applied twice", "hazelcast#5602"),
	BUG(DEDUP_STALE, "dedup-stale", "the table of retries is never emptied", "hazelcast#17709"),
	BUG(SETTLED, "settled", "a proposal tells that all before it are settled", "design 8"),
	BUG(REFUSED, "refused", "a refusal counts although a twin may be in the log",
	    "tikv#1315, ra#228"),
	BUG(APPENDED, "appended", "success is reported when the leader has it in its log",
	    "redpanda#3003, tikv#994"),
	BUG(STALE, "stale", "recovery ignores the generation of a batch",
	    "rocksdb#12918, pebble#580"),
	BUG(TORN, "torn", "recovery takes a batch with missing sectors for whole", "etcd#5230"),
	BUG(DAMAGE_CUT, "damage-cut", "a damaged last batch is cut off like a torn one",
	    "craft#277", "w_rot=5", "rot_tail_pct=100"),
	BUG(FENCE, "fence", "tokens do not rise", "amazon-dynamodb-lock-client#1"),
	BUG(BARGE, "barge", "the last to come is the first to be served", "design 7"),
	BUG(DEAD_WAITER, "dead-waiter", "a waiter whose session is over stays in the queue",
	    "etcd#11456, #9921"),
	BUG(WAITER_FORGOTTEN, "waiter-forgotten", "a release grants to nobody",
	    "twitter-commons#20"),
	BUG(NOT_RELEASED, "not-released", "closed while the request is under way: never released",
	    "atomix#64"),
	BUG(CANCEL, "cancel", "a cancelled wait leaves its claim behind", "twitter-commons#20"),
	BUG(RELEASE_ANY, "release-any", "a release frees what another owner of the node holds",
	    "consul#6793"),
	BUG(OPEN_TWICE, "open-twice", "a session begins while the one before holds locks",
	    "consul#6793"),
	BUG(TRY_WAITS, "try-waits", "a request that must not wait is queued", "user-view"),
	BUG(GRANT_LAPSED, "grant-lapsed", "a grant is told to a node whose session has lapsed",
	    "etcd#11456"),
	BUG(OVERBOOKED, "overbooked", "a request for units counts as one when it is looked for room",
	    "found here", "units_pct=45", "define_ms=100"),
	BUG(SMALL_FIRST, "small-first", "who needs less passes who waits for more", "design 7",
	    "units_pct=45", "define_ms=100"),
	BUG(SHARE_PASSES, "share-passes", "who shares passes who waits for all of it", "design 7",
	    "share_pct=45"),
	BUG(ONE_EACH, "one-each", "what is freed is granted to one, though there is room for more",
	    "design 7", "share_pct=45"),
	BUG(WAITS_FOR_TOO_MANY, "waits-for-too-many",
	    "who waits for more units than there are from now on is not refused", "found here",
	    "units_pct=45", "define_ms=20"),
	BUG(SAVE_POOL_LATE, "save-pool-late",
	    "what is said of a resource while it is saved is saved in its new form", "design 8",
	    "define_ms=20", "snap_ms=50"),
	BUG(NUMBER_KEPT, "number-kept", "a unit's number is not given back", "found here",
	    "units_pct=45", "define_ms=100"),
	BUG(NUMBERS_UNRESTORED, "numbers-unrestored",
	    "which units are held is forgotten at a restore: they are given twice", "found here",
	    "units_pct=45", "define_ms=100", "snap_ms=50"),
	BUG(REFUSED_UNTOLD, "refused-untold",
	    "who is refused after it has waited is not told", "found here", "units_pct=45",
	    "define_ms=20"),
	BUG(REFUSED_UNSEEN, "refused-unseen",
	    "the same, when the node sees it in a snapshot that takes its state's place",
	    "found here", "units_pct=45", "define_ms=20", "snap_ms=50", "w_partition=20",
	    "keep_entries=1"),
	BUG(UNDEFINED_HELD, "undefined-held", "a resource that is held is undefined", "found here",
	    "units_pct=45", "define_ms=100"),
	BUG(SINGLE_SERVER, "single-server",
	    "one voter more or less without a joint configuration, and at once", "raft-dev 2015",
	    "w_member=20"),
	BUG(ONE_MAJORITY, "one-majority", "two majorities are counted in one", "paper 6",
	    "w_member=20"),
	BUG(TWO_CHANGES, "two-changes", "a second change before the first is committed",
	    "thesis 4.1", "w_member=20"),
	BUG(CONF_KEPT, "conf-kept", "a configuration is kept that was cut off", "thesis 4.1",
	    "w_member=20"),
	BUG(CONF_COMMITTED, "conf-committed", "a configuration holds only once it is committed",
	    "etcd#7625, #12133", "w_member=20"),
	BUG(LEARNER_COUNTED, "learner-counted", "learners count for majorities", "thesis 4.2.1",
	    "w_member=20"),
	BUG(LEARNER_STANDS, "learner-stands", "who has no vote campaigns",
	    "redpanda#8495, CCF#3252", "w_member=20"),
	BUG(STRANGER, "stranger", "no vote for who is no voter by the own configuration",
	    "etcd#10998, raft-rs#57", "w_member=20"),
	BUG(REMOVED_LEADS, "removed-leads", "a leader that was removed goes on",
	    "etcd#11038, logcabin#205", "w_member=20"),
	BUG(REMOVED_SILENT, "removed-silent", "who is removed does not stand to bring that about",
	    "found here", "snap_ms=50", "w_partition=20", "keep_entries=1", "fault_ms=200"),
	BUG(RENEW_REMOVED, "renew-removed", "the session of a node that was removed is renewed",
	    "found here", "w_member=20"),
	BUG(NUMBER_TAKEN, "number-taken", "a node joins while a session of its number lives",
	    "consul#6793", "w_member=20"),
	BUG(TOLD_EARLY, "told-early", "who has left is not told when a dead branch says that it has not",
	    "found here", "w_member=20", "w_partition=20", "fault_ms=200"),
	BUG(WIPED, "wiped", "a node that lost its files is counted as the one it was",
	    "etcd#16220, design", "w_wipe=10"),
	BUG(SAVE_LATE, "save-late", "what changes while it is saved is saved in its new form",
	    "design 8", "snap_ms=50"),
	BUG(SAVE_MISSES, "save-misses", "what goes away while it is saved is not saved", "design 8",
	    "snap_ms=50"),
	BUG(TRIM_EARLY, "trim-early", "segments are recycled before their snapshot is referred to",
	    "eraft#157", "snap_ms=50", "w_power=8"),
	BUG(INSTALL_BELOW, "install-below", "a snapshot is installed that is older than the state",
	    "etcd#1763", "snap_ms=50", "w_partition=20"),
	BUG(INSTALL_RACES, "install-races", "what conflicts with an installed snapshot is kept",
	    "NuRaft#407", "snap_ms=50", "w_partition=20"),
	BUG(INSTALL_TERM, "install-term", "a snapshot is installed under a leader of before",
	    "found here", "snap_ms=50", "w_partition=20", "keep_entries=1", "w_wipe=10"),
	BUG(SNAP_LOG_GAP, "snap-log-gap", "the log is cut off above its snapshot",
	    "NuRaft, dqlite#309", "snap_ms=50"),
	BUG(STATELESS_SILENT, "stateless-silent", "a node without its snapshot does not say that it needs one",
	    "found here", "snap_ms=50", "w_lost=5", "keep_entries=1"),
	BUG(FULL_STAYS, "full-stays", "a node whose log was full says so until an entry comes",
	    "found here", "full=1", "keep_entries=1"),
	BUG(WITNESSES_ONLY, "witnesses-only", "all who vote may be witnesses", "design", "w_member=20"),
	BUG(SETTINGS_AT_ONCE, "settings-at-once", "new settings hold at once, whatever was granted before",
	    "design 6", "w_settings=20"),
	BUG(PROMISE_SHORT, "promise-short", "a shorter lease is promised for at once", "design 6",
	    "w_settings=20"),
	BUG(OVERLAP_SHORT, "overlap-short", "settings are forgotten when those after them are committed",
	    "design 6", "w_settings=20"),
	BUG(PROMISE_UNTOLD, "promise-untold", "a voter does not heed for how long its leader counts on it",
	    "etcd#8243", "w_settings=20"),
	BUG(REPAIR_ANY, "repair-any", "entries of another branch are put back where some are missing",
	    "design 4", "w_rot=30"),
	BUG(REPAIR_OLD, "repair-old", "a snapshot from before what is missing stands for it",
	    "design 4", "w_rot=30", "snap_ms=900", "keep_entries=1", "append_ms=10"),
	BUG(SCRUB_FORGETS, "scrub-forgets", "what a scrub finds missing is not written again",
	    "design 4", "w_live_rot=10", "w_scrub=30", "snap_ms=3000"),
	BUG(BEGINS_ALONE, "begins-alone", "a founder without files begins a second history",
	    "design", "w_wipe=10"),
	BUG(JOINER_BEGINS, "joiner-begins", "a joiner with the only founder's number begins a cluster",
	    "found here", "w_member=20", "w_wipe=10", "joiners=6"),
	BUG(TAKEN_FOR_ANOTHER, "taken-for-another",
	    "who has left is taken for another that gets its number", "found here", "w_member=20"),
};

#ifdef KQ_BREAK_CHOOSE
enum kq_bug kq_bug_planted;
#endif

/* Returns false: this build has no such bug. Dials that were fixed by hand stay. */
bool bug_plant(const char *name)
{
	u32 i, d;

	for (i = 1; i < KQ_BUG_END; i++) {
		if (strcmp(bugs[i].name, name))
			continue;
#ifdef KQ_BREAK_CHOOSE
		kq_bug_planted = i;
#endif
		for (d = 0; d < ARRAY_SIZE(bugs[i].dials) && bugs[i].dials[d]; d++)
			if (!dials_fix(bugs[i].dials[d]))
				abort();
		return kq_bug_planted == (enum kq_bug)i;
	}
	return false;
}

/* One bug per line: name, what it does, whose bug it was; separated by tabs. */
void bug_list(FILE *out)
{
	u32 i;

	for (i = 1; i < KQ_BUG_END; i++)
		fprintf(out, "%s\t%s\t%s\n", bugs[i].name, bugs[i].what, bugs[i].from);
}
