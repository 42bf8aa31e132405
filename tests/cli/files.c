// SPDX-License-Identifier: GPL-2.0
/* Files of a test, in a directory of its own: see files.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"
#include "files.h"
#include "test.h"

char tmp[] = "/tmp/kquorum-test.XXXXXX";

void tmp_make(void)
{
	strcpy(tmp + strlen(tmp) - 6, "XXXXXX");
	assert_non_null(mkdtemp(tmp));
}

int tmp_remove(void)
{
	char command[sizeof(tmp) + 10];

	snprintf(command, sizeof(command), "rm -rf %s", tmp);
	return chdir("/") || system(command);
}

bool is_there(const char *name)
{
	struct stat st;

	return !lstat(name, &st);
}

void put_file(const char *name, const void *data, size_t len)
{
	FILE *f = fopen(name, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

void put_text(const char *name, const char *text)
{
	put_file(name, text, strlen(text));
}

void put_config(const char *dir, const char *cluster, uint64_t cluster_id, const char *node)
{
	struct kquorum_config c;
	char path[256], err[256];
	FILE *f;

	kquorum_config_defaults(&c);
	strcpy(c.name, cluster);
	strcpy(c.node_name, node);
	c.cluster_id = cluster_id;
	assert_int_equal(kquorum_address_parse("10.0.0.1", &c.listen, err, sizeof(err)), 0);
	c.advertise = c.members[0].address = c.listen;
	strcpy(c.members[0].name, node);
	c.n_members = 1;
	assert_int_equal(kquorum_config_number(&c, err, sizeof(err)), 0);
	snprintf(path, sizeof(path), "%s/kquorum.conf", dir);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(kquorum_config_write(f, &c), 0);
	assert_int_equal(fclose(f), 0);
}
