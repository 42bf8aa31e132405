/* SPDX-License-Identifier: GPL-2.0 */
/*
 * kquorum init --from FILE: all machines of a cluster by one file. Each runs the same command, over
 * and over, until what FILE says is so. What comes next is a pure function of what is seen
 * (rollout_plan.c): FILE, this machine's directory and node, and what the others tell (ask.h).
 *
 * Two machines never both begin a cluster. The command itself begins nothing: it makes one of two
 * kinds of nodes and starts it, and which of them it makes follows from what others told, who may
 * be wrong, late or silent. That is harmless, for
 *
 * 1. a node that joins never begins a cluster (kq_member_begin() looks at cfg.joins);
 * 2. a node that founds begins it only with the lowest number of those in its file, and while each
 *    of the others is connected to it and has said, to it alone, that its log is empty
 *    (KQ_MSG_MET). So while any machine of the file has something, or does not answer, nobody
 *    begins;
 * 3. whose files differ has another cluster id or other founders: their greetings do not match.
 *    Without an id FILE gives one, by name, members, addresses and settings; with an id, nodes that
 *    have not begun look at each other's names, too (greet_check());
 * 4. should two machines both believe to be the one with the lowest number, each begins a log with
 *    the identities of all founders in its first entry, and nothing of it counts before a majority
 *    of exactly these has it on disk. Who has one of the two is not empty any more, and refuses the
 *    other as of another origin. So at most one of them ever commits anything.
 *
 * A machine that lost its disk has a new identity: the cluster refuses it under its number, and the
 * command says how it is replaced. One that was made to found and never began, for it did not know
 * better, is made anew to join: its log is empty, and if it said so to one that begins, that one
 * counts on an identity that will not come back, as with any disk that is lost (4).
 *
 * Who joins is taken in by the same command where the leader runs.
 */
#ifndef KQUORUM_CLI_ROLLOUT_H
#define KQUORUM_CLI_ROLLOUT_H

#include "../daemon/ask.h"
#include "init.h"

enum rollout_next {
	ROLLOUT_DONE,		/* all is as FILE says */
	ROLLOUT_WAIT,		/* for what @why says */
	ROLLOUT_MAKE,		/* make @make a node here */
	ROLLOUT_REMAKE,		/* likewise, in the place of a node that has nothing; @why */
	ROLLOUT_START,		/* the node that is here */
	ROLLOUT_TAKE_IN,	/* @take, which is connected with number @take_id */
	ROLLOUT_REFUSE,		/* for what @why says, with exit code @code */
};

/* What another machine says. */
struct rollout_answer {
	bool told;
	struct kqd_told t;
	char why[128];		/* it does not tell */
};

struct rollout {
	/* what FILE and the options say */
	struct kquorum_config file;		/* its members have numbers */
	const struct kquorum_config_member *self;	/* in @file */
	struct kquorum_address listen;		/* host "": where FILE says that it is */
	const char *dir;
	/* what is seen here */
	bool made;				/* there is a node's directory */
	const char *broken;			/* what is wrong with it; NULL: nothing */
	struct kquorum_config own;		/* with @made */
	bool runs;				/* that node does */
	struct kquorum_status st;		/* with that */
	/* and elsewhere, as @file.members */
	struct rollout_answer answers[KQUORUM_MAX_NODES];
	/* what follows */
	struct kquorum_config make;
	bool joins;				/* with @make */
	const struct kquorum_config_member *take;
	uint32_t take_id;
	char why[512];
	int code;
};

enum rollout_next rollout_next(struct rollout *r);

/* The id of the cluster that FILE describes, if it gives none; 0: of one node, which takes any. */
uint64_t rollout_cluster_id(const struct kquorum_config *file);

/* rollout_ask.c: asks all the others, and waits a moment for what they tell. */
void rollout_ask(struct rollout *r);

/* rollout.c */
struct rollout_options {
	const char *file;
	uint64_t wait_ns;
	bool no_daemon;
};

/* Carries it out: an exit code. @in has the options that go with it. */
int rollout_run(struct init *in, const struct rollout_options *o);

#endif /* KQUORUM_CLI_ROLLOUT_H */
