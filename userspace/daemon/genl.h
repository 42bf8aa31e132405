/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The module's generic netlink family, as the daemon uses it: commands with
 * their answer at once (none of them waits in the kernel), and events.
 */
#ifndef KQD_GENL_H
#define KQD_GENL_H

#include <stdbool.h>
#include <stdint.h>

#include "hello.h"
#include "status.h"

struct nl_sock;

struct kqd_genl {
	struct nl_sock *command;	/* the node's daemon is who owns this socket */
	struct nl_sock *events;
	int family;			/* 0: the module is not there */
	int group;
	uint64_t epoch;
	char refused[128];		/* the module's words about the last command, "": none */
};

/* What kqd_genl_events() saw, besides the bits of enum kquorum_event. */
#define KQD_EVENT_FAMILY	(1u << 30)	/* the module came or went */
#define KQD_EVENT_OVERRUN	(1u << 31)	/* some were lost */

#define KQD_NOTE_MAX	128	/* bytes of a reason with its 0 */

int kqd_genl_init(struct kqd_genl *g);
int kqd_genl_resolve(struct kqd_genl *g);
void kqd_genl_forget(struct kqd_genl *g);
int kqd_genl_event_fd(const struct kqd_genl *g);
uint32_t kqd_genl_events(struct kqd_genl *g);

/* What a snapshot file is given to the module for. */
enum kqd_hand {
	KQD_HAND_ADOPT,		/* the log is to begin behind it */
	KQD_HAND_INSTALL,	/* it is to take the place of the state */
	KQD_HAND_GROWING,	/* likewise; it is still being written */
};

int kqd_genl_status(struct kqd_genl *g, struct kqd_status *st);
int kqd_genl_take(struct kqd_genl *g);
int kqd_genl_canvass(struct kqd_genl *g);
int kqd_genl_campaign(struct kqd_genl *g);
int kqd_genl_transfer(struct kqd_genl *g, uint32_t to);
int kqd_genl_probe(struct kqd_genl *g, uint32_t self);
int kqd_genl_detach(struct kqd_genl *g, uint32_t node);
int kqd_genl_attach(struct kqd_genl *g, int fd, const struct kqd_hello *from);
int kqd_genl_scrub(struct kqd_genl *g, uint64_t rate);
int kqd_genl_save(struct kqd_genl *g);
int kqd_genl_hand_over(struct kqd_genl *g, int file, enum kqd_hand hand);
int kqd_genl_note(struct kqd_genl *g, uint32_t node, const char *why);
int kqd_genl_transit(struct kqd_genl *g, uint32_t node, const struct kqd_transit *t);

#endif /* KQD_GENL_H */
