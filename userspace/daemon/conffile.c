// SPDX-License-Identifier: GPL-2.0
/*
 * kquorum.conf, at the start of the daemon, of each node that it takes, and when asked to.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon.h"

/**
 * kqd_config_read() - read kquorum.conf
 * @d: with the directory; its configuration stays as it is on failure, which is logged
 *
 * Return: 0 or a negative errno.
 */
int kqd_config_read(struct kqd *d)
{
	struct kquorum_config c;
	char path[PATH_MAX], err[256] = "";
	int rc;

	snprintf(path, sizeof(path), "%s/%s", d->opt.dir, KQUORUM_CONFIG_FILE);
	rc = kquorum_config_read(path, &c, err, sizeof(err));
	if (rc)
		kqd_err("%s", err[0] ? err : strerror(-rc));
	else
		d->config = c;
	return rc;
}

/**
 * kqd_config_reload() - read it again
 * @d: with a configuration, which is kept when the file is wrong now
 *
 * A refresh has to follow.
 */
void kqd_config_reload(struct kqd *d)
{
	struct kquorum_address listen = d->config.listen;

	if (kqd_config_read(d)) {
		kqd_notice("going on with the configuration read before");
		return;
	}
	kqd_info("read %s/%s again", d->opt.dir, KQUORUM_CONFIG_FILE);
	kqd_peers_addresses(d);
	if (strcmp(listen.host, d->config.listen.host) || listen.port != d->config.listen.port)
		kqd_listen_update(d, false);
}

static int write_mark(const char *dir)
{
	static const char text[] =
		"The cluster of this node has begun. Without this file a node that lost its log\n"
		"would begin another one under the same name.\n";
	char path[PATH_MAX];
	int fd, at, rc;

	snprintf(path, sizeof(path), "%s/%s", dir, KQUORUM_FOUNDED_FILE);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	at = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	rc = fd < 0 || write(fd, text, sizeof(text) - 1) < 0 || fsync(fd) || at < 0 || fsync(at) ?
		-errno : 0;
	if (fd >= 0)
		close(fd);
	if (at >= 0)
		close(at);
	return rc;
}

/**
 * kqd_config_founded() - mark the directory of a founder once its cluster has begun
 * @d: with a status
 *
 * Not before it is committed: until then the first entry may be lost, and has to be written again.
 * A directory that cannot be written is told of once; the node goes on.
 */
void kqd_config_founded(struct kqd *d)
{
	int rc;

	if (d->config.founded || d->config.founders || !d->st.settled)
		return;
	rc = write_mark(d->opt.dir);
	d->config.founded = !rc;
	if (rc && !d->told_unmarked)
		kqd_warn("%s/%s: %s; trying on", d->opt.dir, KQUORUM_FOUNDED_FILE, strerror(-rc));
	d->told_unmarked = rc;
}
