// SPDX-License-Identifier: LGPL-2.1-or-later
/* What is a descriptor of its own: locks, append streams, snapshots that are saved. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "internal.h"

static int take_fd(const struct nlmsghdr *answer, void *user)
{
	struct kq_lib_attrs attrs;

	kq_lib_parse(answer, &attrs);
	*(int *)user = (int)kq_lib_u32(&attrs, KQUORUM_A_FD, -1);
	return 0;
}

int kq_lib_open_handle(struct kquorum *k, struct nlmsghdr *nlh)
{
	int fd = -1, ret;

	ret = kq_lib_talk(k, nlh, take_fd, &fd);
	if (ret < 0) {
		if (fd >= 0)
			close(fd);
		return ret;
	}
	if (fd < 0)
		return kq_lib_fail(k, -EBADMSG, "the kernel's answer has no descriptor");
	return fd;
}

int kquorum_lock_open(struct kquorum *k, const struct kquorum_lock_request *request)
{
	struct nlmsghdr *nlh = kq_lib_request(k, KQUORUM_CMD_LOCK, 0);
	size_t info = request->info ? strlen(request->info) : 0;
	int ret = kq_lib_put_resource(k, nlh, request->resource);

	if (ret)
		return ret;
	if (request->units && request->flags & KQUORUM_LOCK_SHARED)
		return kq_lib_fail(k, -EINVAL, "a share is no number of units: one or the other");
	if (request->units > KQUORUM_UNITS_MAX)
		return kq_lib_fail(k, -EINVAL, "at most %u units can be asked for, not %u",
				   KQUORUM_UNITS_MAX, request->units);
	if (info > KQUORUM_INFO_MAX)
		return kq_lib_fail(k, -EINVAL, "what a lock is for has at most %u bytes, not %zu",
				   KQUORUM_INFO_MAX, info);
	if (request->ttl_ms > KQUORUM_GRANT_MS_MAX || request->hold_ms > KQUORUM_GRANT_MS_MAX)
		return kq_lib_fail(k, -EINVAL, "a time to live and a hold have at most %u ms",
				   KQUORUM_GRANT_MS_MAX);
	mnl_attr_put_u32(nlh, KQUORUM_A_LOCK_FLAGS, request->flags);
	if (request->units)
		mnl_attr_put_u32(nlh, KQUORUM_A_LOCK_UNITS, request->units);
	if (info)
		mnl_attr_put_strz(nlh, KQUORUM_A_LOCK_INFO, request->info);
	if (request->ttl_ms)
		mnl_attr_put_u32(nlh, KQUORUM_A_TTL, request->ttl_ms);
	if (request->hold_ms)
		mnl_attr_put_u32(nlh, KQUORUM_A_HOLD, request->hold_ms);
	return kq_lib_open_handle(k, nlh);
}

int kquorum_lock_read(int fd, struct kquorum_lock_info *info)
{
	ssize_t got;

	do {
		got = read(fd, info, sizeof(*info));
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return -errno;
	return got == sizeof(*info) ? 0 : -EBADMSG;
}

static int write_whole(int fd, const void *what, size_t size)
{
	ssize_t put;

	do {
		put = write(fd, what, size);
	} while (put < 0 && errno == EINTR);
	if (put < 0)
		return -errno;
	return put == (ssize_t)size ? 0 : -EBADMSG;
}

int kquorum_lock_on_loss(int fd, const struct kquorum_on_loss *on_loss)
{
	return write_whole(fd, on_loss, sizeof(*on_loss));
}

int kquorum_lock_renew(int fd, uint64_t token)
{
	const struct kquorum_renew renew = { .token = token };

	return write_whole(fd, &renew, sizeof(renew));
}

int kquorum_append_open(struct kquorum *k)
{
	return kq_lib_open_handle(k, kq_lib_request(k, KQUORUM_CMD_APPEND_OPEN, 0));
}

int kquorum_snapshot_save(struct kquorum *k)
{
	return kq_lib_open_handle(k, kq_lib_request(k, KQUORUM_CMD_SNAPSHOT_SAVE, 0));
}
