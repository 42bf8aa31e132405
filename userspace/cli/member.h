/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Changes of who belongs to the cluster. What comes next is a pure function of the status
 * (member_plan.c), asked anew after each step: so one that was broken off is taken up again by the
 * same command.
 */
#ifndef KQUORUM_CLI_MEMBER_H
#define KQUORUM_CLI_MEMBER_H

#include "cli.h"

#define MEMBER_COMMAND_MAX (64 + 2 * (KQUORUM_NODE_NAME_MAX + KQUORUM_ADDRESS_MAX))

enum member_next {
	MEMBER_DONE,		/* it is so; @why: what else is to be said, or "" */
	MEMBER_WAIT,		/* for what @why says */
	MEMBER_CHANGE,		/* ask for @change */
	MEMBER_NUMBER,		/* the newcomer needs a number: put one into @id */
	MEMBER_HISTORY,		/* was @wanted ever a member? Put that into @history */
	MEMBER_REFUSE,		/* for what @why says, with exit code @code */
};

enum member_history { HISTORY_UNKNOWN, HISTORY_NEVER, HISTORY_LEARNER, HISTORY_VOTER };

struct member_job {
	enum member_next (*plan)(struct member_job *job, const struct kquorum_status *st);
	/* what the operands and options say */
	char name[KQUORUM_NODE_NAME_MAX + 1];
	char old_name[KQUORUM_NODE_NAME_MAX + 1];	/* replace: who goes */
	char address[KQUORUM_ADDRESS_MAX + 1];
	bool learner, force;
	bool has_priority, has_witness;	/* asked for; else what is stays */
	uint32_t priority;
	bool witness;
	uint32_t given_id;	/* --id, 0: none */
	/* kept from look to look, for names pass from one node to another */
	uint32_t id;		/* of @name: a member, or as its line says; 0: not known yet */
	uint32_t old;		/* of @old_name while it was a member */
	bool old_votes;
	const char *wanted;
	enum member_history history;	/* its part when it was a member last */
	/* the answer */
	struct kquorum_change change;
	char why[512];
	int code;
};

/* What comes next, by a status of whichever node. */
enum member_next member_next(struct member_job *job, const struct kquorum_status *st);

enum member_next member_plan_add(struct member_job *job, const struct kquorum_status *st);
enum member_next member_plan_remove(struct member_job *job, const struct kquorum_status *st);
enum member_next member_plan_promote(struct member_job *job, const struct kquorum_status *st);
enum member_next member_plan_demote(struct member_job *job, const struct kquorum_status *st);
enum member_next member_plan_address(struct member_job *job, const struct kquorum_status *st);
enum member_next member_plan_set(struct member_job *job, const struct kquorum_status *st);
enum member_next member_plan_replace(struct member_job *job, const struct kquorum_status *st);

/*
 * The number for a newcomer: above all that were seen in use, and with none left there, one that is
 * not in use, a founder's last. Not one of @others, which were given to newcomers just now. 0: all
 * are in use.
 */
uint32_t member_free_id(const struct kquorum_status *st, uint32_t others);

/* member_number.c */

struct member_number {
	int reservation;	/* holds the number, -1: none is held */
	uint32_t told_id;	/* that in the line which was printed, 0: none was */
};

void member_release_number(struct member_number *n);
/* Puts a number into the job, instead of one that was held before: 0, or an exit code and said why. */
int member_choose_number(struct member_number *n, struct member_job *job,
			 const struct kquorum_status *st);
/* Says what makes the new machine a node, once for a number. */
void member_print_line(struct member_number *n, const struct member_job *job,
		       const struct kquorum_status *st);

/* member_list.c */

/* @one_line: as one of several JSON documents. */
void member_print_list(const struct kquorum_status *st, bool one_line);
/* Is a machine called @name there already, with another number than @id, that no command waits for? */
void member_print_waiting(const struct kquorum_status *st, const char *name, uint32_t id);

#endif /* KQUORUM_CLI_MEMBER_H */
