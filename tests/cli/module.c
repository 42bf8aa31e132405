// SPDX-License-Identifier: GPL-2.0
/* A module in place of libkquorum that gives snapshots: see module.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "child.h"
#include "files.h"
#include "module.h"
#include "test.h"
#include "../../userspace/lib/snapshots.h"

struct kquorum_status status;
bool node_runs;
struct bytes image;
int save_error;
unsigned int save_errors;
int source = -1;
char path[128], used[256];
/* Has a test of its own. */
const struct cli_command command_snapshot_restore = { .name = "snapshot restore" };

int kquorum_status(struct kquorum *k, struct kquorum_status *st)
{
	(void)k;
	*st = status;
	return node_runs ? 0 : -ENODEV;
}

int kquorum_snapshot_save(struct kquorum *k)
{
	char path[] = "/tmp/kquorum-image.XXXXXX";
	int fd;

	(void)k;
	if (save_error && save_errors && save_errors--)
		return save_error;
	fd = mkstemp(path);
	if (fd < 0 || unlink(path) || write(fd, image.data, image.len) != (ssize_t)image.len ||
	    lseek(fd, 0, SEEK_SET))
		return -errno;
	source = fd;
	return fd;
}

void put_directory(uint64_t cluster_id)
{
	char name[KQUORUM_SNAPSHOT_NAME_MAX];

	put_config(tmp, "demo", cluster_id, "n1");
	kquorum_snapshot_name(name, image.ref.index, image.ref.term);
	snprintf(used, sizeof(used), "%s/%s", tmp, name);
	put_file(used, image.data, image.len);
}

void use_snapshot(void)
{
	status.snapshot = (struct kquorum_snapshot_status){
		image.ref.index, image.ref.term, image.ref.bytes, image.ref.crc,
	};
	status.first_index = 3;
	status.last_index = image.ref.index + 40;
}

int module_begin(void **state)
{
	(void)state;
	tmp_make();
	snprintf(path, sizeof(path), "%s/a.kqs", tmp);
	image = image_of_all(60);
	save_error = save_errors = 0;
	source = -1;
	node_runs = true;
	status = (struct kquorum_status){
		.name = "demo", .cluster_id = IMAGE_CLUSTER, .node_id = 1,
		.state = KQUORUM_NODE_RUNNING, .quorum = true, .first_index = 1, .last_index = 90,
		.applied_index = 90, .silence_ns = 12 * NS_PER_SEC,
	};
	return 0;
}

int module_end(void **state)
{
	(void)state;
	free(image.data);
	return tmp_remove();
}

int snapshot(const char *format, ...)
{
	char words[400] = "snapshot ";
	size_t n = strlen(words);
	va_list ap;

	va_start(ap, format);
	vsnprintf(words + n, sizeof(words) - n, format, ap);
	va_end(ap);
	return run(&command_snapshot, words);
}
