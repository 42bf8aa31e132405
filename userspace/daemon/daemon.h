/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The daemon's state and what its files offer each other.
 */
#ifndef KQD_DAEMON_H
#define KQD_DAEMON_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/kquorum.h>

#include "../lib/config.h"
#include "ask.h"
#include "backoff.h"
#include "elect.h"
#include "handover.h"
#include "genl.h"
#include "hello.h"
#include "log.h"
#include "loop.h"
#include "resolve.h"
#include "scrub.h"
#include "ship.h"
#include "snapshot.h"
#include "status.h"

#define KQD_NS_PER_MS	1000000ULL
#define KQD_NS_PER_SEC	1000000000ULL

#define KQD_LISTENERS	4	/* addresses that the name to listen on may have */
#define KQD_GREETINGS	32	/* accepted connections that have not greeted yet */
#define KQD_ASKERS	16	/* connections with a question */
#define KQD_ADDRESS_TEXT 64
#define KQD_TOLD	32	/* reasons why a peer is not reached that get a line each */

#define kqd_container(ptr, type, member) ((type *)((char *)(ptr) - offsetof(type, member)))

struct kqd;

/* A new connection until both sides have greeted. */
struct kqd_greet {
	struct kqd *d;
	struct kqd_greet *next;		/* in kqd.greets, oldest first */
	struct kqd_op send, recv;
	struct kqd_timer limit;
	int fd;
	uint32_t peer;			/* 0: accepted, and not known yet */
	bool dialled;
	bool told;			/* the other side's greeting is checked */
	bool disowned;			/* by that, this node is not the one that it knows */
	bool ours_to_dial;		/* that other node, which is told so by closing */
	bool foreign;			/* it belongs to another cluster, or may do so */
	bool answered;			/* it is refused, and is told who this is */
	bool another;			/* who answers is not the one that was dialled */
	size_t sent, got;
	struct kquorum_hello out, in;
	struct kqd_hello hello;
	struct kqd_address address;
	char why[192];			/* it failed */
};

enum kqd_dial_stage {
	KQD_DIAL_IDLE,
	KQD_DIAL_WAIT,		/* for the timer */
	KQD_DIAL_RESOLVE,
	KQD_DIAL_CONNECT,
	KQD_DIAL_GREET,
};

struct kqd_dial {
	enum kqd_dial_stage stage;
	struct kqd_timer timer;		/* the next attempt, or the limit of this one */
	struct kqd_backoff backoff;
	struct kqd_resolve resolve;
	struct kqd_op connect;
	struct kqd_address to;
	bool by_config;			/* the last attempt went where kquorum.conf says */
	unsigned int turn[2];		/* by that: which of several addresses is next */
	int fd;
	bool tried;			/* the first attempt comes at once */
	bool late;			/* its time limit has passed */
	bool moved;			/* the peer is said to be elsewhere now */
	char why[192];			/* the module was told last */
	bool why_by_config;		/* of an attempt where kquorum.conf says */
	uint64_t told[KQD_TOLD];	/* hashes of what the log was told */
	unsigned int n_told;
};

/* Somebody else comes under a peer's number, again and again. */
struct kqd_knock {
	uint64_t since_ns, last_ns;	/* 0: nobody */
	char why[KQD_NOTE_MAX];
};

struct kqd_peer {
	struct kqd *d;
	uint32_t id;
	bool known;			/* the status or kquorum.conf speaks of it */
	bool named;			/* as one to be connected with: see kqd_peers_named() */
	bool connected;			/* as the status says */
	uint64_t since_ns;		/* connected or not since when, on our clock */
	char where[KQUORUM_ADDRESS_MAX + 1];	/* as the status said last */
	struct kqd_address address;	/* last known; len 0: none */
	uint64_t transit_told_ns;	/* how far a snapshot is, 0: none is on its way */
	struct kqd_dial dial;
	struct kqd_knock knock;		/* while it is connected */
};

struct kqd_listener {
	struct kqd *d;
	struct kqd_op accept;
	struct kqd_timer pause;		/* after an error of accept */
	int fd;				/* -1: none */
	bool closing;
	struct kqd_address at;		/* where it listens */
	struct kqd_address address;	/* of the connection just accepted */
};

struct kqd_listen {
	bool wanted;
	bool resolving;
	bool warned;
	struct kqd_resolve resolve;
	struct kqd_timer retry;
	struct kqd_listener sockets[KQD_LISTENERS];
	struct kqd_ratelimit refused;
	unsigned int failures;		/* in a row */
	char why[192];			/* it cannot; told last */
};

/* Somebody who asks what cluster this node belongs to. */
struct kqd_asker {
	struct kqd *d;
	struct kqd_asker *next;		/* in kqd.askers, oldest first */
	struct kqd_op io;
	struct kqd_timer limit;
	int fd;
	bool dead;			/* only the operation is waited for */
	struct kqd_ask_wire in;
	size_t got;
	struct kqd_told_wire out;
	size_t sent;
};

struct kqd_links {
	struct nl_sock *events, *query;
	struct kqd_op poll;
	int ifindex;			/* of the link to the leader, 0: none known */
	bool lost;			/* it has no carrier */
};

/* What may be wrong with this node itself, what matters most first. */
enum kqd_own_kind {
	KQD_OWN_LISTEN,		/* it cannot listen */
	KQD_OWN_ADDRESS,	/* it does not listen where the others look for it */
	KQD_OWN_SNAPSHOT,
	KQD_OWN_KNOCK,		/* somebody else comes under the number of a peer that is connected */
	KQD_OWN_NOTES,
};

struct kqd_own {
	char note[KQD_OWN_NOTES][KQD_NOTE_MAX];
	char said[KQD_NOTE_MAX];	/* to the module, with @told */
	bool told;
	char logged[2 * KQUORUM_ADDRESS_MAX + 2];	/* where it is not, and where it listens */
	/* of its address, where that is a name */
	struct kqd_resolve resolve;
	bool resolving;
	char looked_up[KQUORUM_ADDRESS_MAX + 1];
	struct kqd_addresses known;
	uint64_t again_ns;
};

struct kqd_options {
	const char *dir;
	bool foreground;
	bool exit_with_node;
	bool verbose;
};

struct kqd {
	struct kqd_options opt;
	struct kquorum_config config;
	struct kqd_loop loop;
	struct kqd_genl genl;
	struct kqd_op events, signals;
	int signal_fd;
	struct kqd_timer poll, elect_timer, watchdog;
	uint64_t watchdog_ns;		/* 0: nobody asked */

	bool have_node;			/* we have taken it */
	bool had_node;			/* kquorum.conf was of that one: the next may be another */
	bool told_waiting, told_unmarked;
	bool told_left, told_settings;
	struct kqd_status st;		/* with @have_node */
	uint32_t heartbeat_ms, election_ms;
	struct kqd_elect elect;
	struct kqd_handover handover;

	struct kqd_peer peers[KQUORUM_MAX_NODES + 1];	/* by id */
	struct kqd_listen listen;
	struct kqd_own own;
	struct kqd_greet *greets;
	struct kqd_asker *askers;
	struct kqd_links links;
	struct kqd_snapshots snap;
	struct kqd_scrub scrub;
	struct kqd_ship ships[KQD_SHIPS];
	struct kqd_throttle throttle;	/* of all of them together */
	uint32_t ship_after;		/* the peer that had its turn last */
	struct kqd_receive *receives;
	struct kqd_receive *receiving;	/* the one that is accepted */
	struct kqd_ratelimit receive_told;
	int exit_status;
};

/* node.c */
int kqd_node_init(struct kqd *d);
void kqd_node_refresh(struct kqd *d);
bool kqd_node_lost(struct kqd *d, int rc);
bool kqd_node_serves(const struct kqd *d);
bool kqd_node_outside(const struct kqd *d);
const char *kqd_node_name(const struct kqd *d, uint32_t id);
void kqd_exit(struct kqd *d, int status);

/* peers.c */
void kqd_peers_begin(struct kqd *d);
void kqd_peers_update(struct kqd *d, bool first);
void kqd_peers_addresses(struct kqd *d);
uint32_t kqd_peers_named(const struct kqd *d);

/* dial.c */
void kqd_dial_init(struct kqd_peer *p);
void kqd_dial_update(struct kqd_peer *p);
void kqd_dial_begin_anew(struct kqd_peer *p);
void kqd_dial_moved(struct kqd_peer *p);
bool kqd_dial_where(const struct kqd_peer *p, bool *by_config, struct kquorum_address *to);
void kqd_dial_greeted(struct kqd_peer *p, const char *why, bool another);

/* accept.c */
void kqd_listen_init(struct kqd *d);
void kqd_listen_update(struct kqd *d, bool wanted);
void kqd_listen_greeted(struct kqd *d, const struct kqd_greet *g);

/* own.c */
void kqd_own_init(struct kqd *d);
void kqd_own_forget(struct kqd *d);
void kqd_own_note(struct kqd *d, enum kqd_own_kind which, const char *why);
void kqd_own_knock(struct kqd *d, uint32_t peer, const char *from, const char *why);
void kqd_own_update(struct kqd *d);

/* greet.c */
void kqd_greet_start(struct kqd *d, int fd, uint32_t peer, const struct kqd_address *address);
void kqd_greet_drop_all(struct kqd *d, const char *why);

/* answer.c */
void kqd_answer_fill(const struct kqd *d, struct kqd_told *t);
void kqd_answer_start(struct kqd *d, int fd, const void *bytes, size_t len);

/* sock.c */
void kqd_sock_options(int fd, uint32_t election_ms);
void kqd_address_host(const struct kqd_address *a, char *buf, size_t len);
void kqd_address_text(const struct kqd_address *a, char *buf, size_t len);
bool kqd_address_loopback(const struct kqd_address *a);
uint64_t kqd_attempt_limit_ns(const struct kqd *d);
uint64_t kqd_random(void);
uint64_t kqd_silence_ns(const struct kqd *d);
void kqd_sock_bulk(int fd, uint64_t silence_ns);

/* signals.c */
int kqd_signals_init(struct kqd *d);

/* conffile.c */
int kqd_config_read(struct kqd *d);
void kqd_config_reload(struct kqd *d);
void kqd_config_founded(struct kqd *d);

/* transit.c */
void kqd_transit_tell(struct kqd_peer *p, const struct kqd_transit *t);
void kqd_transit_end(struct kqd_peer *p);

/* links.c */
int kqd_links_init(struct kqd *d);
void kqd_links_follow(struct kqd *d, const struct kqd_address *leader);

#endif /* KQD_DAEMON_H */
