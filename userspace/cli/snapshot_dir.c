// SPDX-License-Identifier: GPL-2.0
/* Where the node that runs here keeps its snapshots: the module knows their files by nothing. */
#include <dirent.h>
#include <errno.h>
#include <string.h>

#include "snapshot.h"

static int is_of(const struct kquorum_status *st, const char *dir, char *why, size_t size)
{
	struct kquorum_config c;
	char path[512], err[512];
	int ret;

	snprintf(path, sizeof(path), "%s/%s", dir, KQUORUM_CONFIG_FILE);
	ret = kquorum_config_read(path, &c, err, sizeof(err));
	if (ret) {
		snprintf(why, size, "%s", err);
		return ret;
	}
	if (c.cluster_id == st->cluster_id && c.node_id == st->node_id)
		return 0;
	snprintf(why, size, "%s is of another node than the one that runs here", dir);
	return -EXDEV;
}

/* Several may be there, of which one runs. */
static int find_below(const struct kquorum_status *st, char *buf, size_t size, char *why,
		      size_t why_size)
{
	DIR *d = opendir(KQUORUM_STATE_DIR);
	char other[512];
	struct dirent *e;
	int ret = d ? -ENOENT : -errno;

	snprintf(why, why_size, "%s: %s", KQUORUM_STATE_DIR,
		 d ? "none of it is of the node that runs here" : strerror(errno));
	while (d && ret && (e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(buf, size, "%s/%.255s", KQUORUM_STATE_DIR, e->d_name);
		ret = is_of(st, buf, other, sizeof(other));
		if (ret == -EACCES)
			snprintf(why, why_size, "%s", other);
	}
	if (d)
		closedir(d);
	return ret;
}

int snapshot_directory(const struct kquorum_status *st, const char *given, char *buf, size_t size,
		       char *why, size_t why_size)
{
	why[0] = '\0';
	if (!given)
		return find_below(st, buf, size, why, why_size);
	snprintf(buf, size, "%s", given);
	return is_of(st, buf, why, why_size);
}
