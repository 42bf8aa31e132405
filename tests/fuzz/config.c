// SPDX-License-Identifier: GPL-2.0
/* Fuzz target: kquorum.conf. What is read must pass its own check and survive being written. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../userspace/lib/config.h"
#include "input.h"

static int read_back(int fd, struct kquorum_config *c, char *err, size_t len)
{
	char path[40];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	memset(c, 0, sizeof(*c));
	return kquorum_config_read(path, c, err, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kquorum_config c, again;
	char err[300] = "", *text = NULL;
	size_t len = 0;
	int fd, rc;
	FILE *f;

	fd = memfd_create("kquorum.conf", MFD_CLOEXEC);
	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	rc = read_back(fd, &c, err, sizeof(err));
	if (rc && !err[0])
		abort();	/* refused without a reason */
	if (!rc) {
		f = open_memstream(&text, &len);
		if (!f || kquorum_config_check(&c, err, sizeof(err)) ||
		    kquorum_config_write(f, &c) || fclose(f))
			abort();
		if (ftruncate(fd, 0) || lseek(fd, 0, SEEK_SET) || write(fd, text, len) != (ssize_t)len)
			abort();
		if (read_back(fd, &again, err, sizeof(err)) || memcmp(&c, &again, sizeof(c)))
			abort();	/* what it writes, it does not read */
		free(text);
	}
	close(fd);
	return 0;
}
