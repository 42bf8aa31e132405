/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Real daemons, one process each, over real sockets on loopback, with a stand-in for the module
 * (fake_module.c): how tests start them and look at them.
 */
#ifndef DAEMONS_H
#define DAEMONS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "../../userspace/daemon/daemon.h"
#include "fake_module.h"

extern pid_t daemons[FAKE_NODES + 1];
extern uint16_t ports[FAKE_NODES + 1];		/* where they listen */

/* Changes the configuration that a daemon is about to start with; NULL: nothing. */
extern void (*daemon_config)(struct kqd *d, unsigned int id);

void daemons_begin(void);
void daemons_end(void);
pid_t daemon_start(unsigned int id, bool exit_with_node);
void daemon_kill(unsigned int id);
int daemon_exit_status(pid_t pid);
unsigned int daemon_said(unsigned int id, const char *text);

uint16_t free_port(void);
int listen_on(uint16_t port, int backlog);
int try_to_connect(uint16_t port);
bool listens(uint16_t port);
int connect_to(unsigned int id);
bool closed_without_a_word(int fd, int ms);

void sleep_ms(unsigned int ms);
bool wait_for(bool (*what)(void));
bool all_connected(void);
void cut(unsigned int a, unsigned int b);
unsigned int attached(unsigned int a, unsigned int b);
bool noted(unsigned int node, unsigned int of, const char *text);

#endif /* DAEMONS_H */
