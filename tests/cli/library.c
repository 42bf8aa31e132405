// SPDX-License-Identifier: GPL-2.0
/*
 * What every test that replaces libkquorum has alike: it opens, there is always news, a status is
 * looked up. What the module answers is the test's own.
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>

#include "cli.h"

static int anything;

int kquorum_open(struct kquorum **k, char *err, size_t errlen)
{
	(void)err;
	(void)errlen;
	*k = (void *)&anything;
	return 0;
}

void kquorum_close(struct kquorum *k)
{
	(void)k;
}

const char *kquorum_error(const struct kquorum *k)
{
	(void)k;
	return "the library's words";
}

const struct kquorum_peer_status *kquorum_status_peer(const struct kquorum_status *st, uint32_t id)
{
	unsigned int i;

	for (i = 0; i < st->n_peers; i++)
		if (st->peers[i].id == id)
			return &st->peers[i];
	return NULL;
}

int kquorum_events_open(struct kquorum_events **e, char *err, size_t errlen)
{
	(void)err;
	(void)errlen;
	*e = (void *)&anything;
	return 0;
}

void kquorum_events_close(struct kquorum_events *e)
{
	(void)e;
}

/* So nobody waits in vain. */
int kquorum_events_fd(const struct kquorum_events *e)
{
	static int fd = -1;

	(void)e;
	if (fd < 0)
		fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	return fd;
}

int kquorum_events_read(struct kquorum_events *e, struct kquorum_event_record *record)
{
	(void)e;
	(void)record;
	return -EAGAIN;
}
