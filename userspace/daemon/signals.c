// SPDX-License-Identifier: GPL-2.0
/*
 * Signals: the end, kquorum.conf again, a snapshot now.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "daemon.h"

static void on_signal(struct kqd_op *op, int res)
{
	struct kqd *d = kqd_container(op, struct kqd, signals);
	struct signalfd_siginfo info;

	if (res < 0)
		kqd_die("waiting for signals: %s", strerror(-res));
	while (read(d->signal_fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGHUP) {
			sd_notify(0, "STATUS=reading kquorum.conf again");
			kqd_config_reload(d);
			kqd_node_refresh(d);
			continue;
		}
		if (info.ssi_signo == SIGUSR1) {
			kqd_snapshot_request(d);
			kqd_node_refresh(d);
			continue;
		}
		kqd_info("%s: ending; the node goes on", strsignal(info.ssi_signo));
		kqd_exit(d, 0);
		return;
	}
	kqd_op_poll(&d->loop, &d->signals, d->signal_fd, POLLIN);
}

/**
 * kqd_signals_init() - signals come through the loop from here on
 * @d: with a loop
 *
 * Return: 0 or a negative errno.
 */
int kqd_signals_init(struct kqd *d)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGUSR1);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return -errno;
	d->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (d->signal_fd < 0)
		return -errno;
	d->signals.done = on_signal;
	kqd_op_poll(&d->loop, &d->signals, d->signal_fd, POLLIN);
	return 0;
}
