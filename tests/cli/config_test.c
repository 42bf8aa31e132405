// SPDX-License-Identifier: GPL-2.0
/* kquorum.conf: what is written is read again, and what is wrong is named with its line. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "test.h"

#define GOOD \
	"[cluster]\nname = demo\nid = ab12\n[node]\nname = n10\nlisten = 0.0.0.0\n" \
	"[members]\nn10 = 10.0.0.10\nn2 = [fe80::1]:99\nn1 = host.example:7421\n"

#define FOUNDED \
	"[cluster]\nname = d\nid = 1\nfounders = 3\n[node]\nname = n1\nlisten = h\n"

static char err[512];

static int read_text(const char *text, struct kquorum_config *c)
{
	char path[] = "/tmp/kquorum-config-XXXXXX";
	int fd = mkstemp(path), ret;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	err[0] = '\0';
	ret = kquorum_config_read(path, c, err, sizeof(err));
	unlink(path);
	return ret;
}

static void numbers_nodes_by_natural_order(void **state)
{
	struct kquorum_config c;

	(void)state;
	assert_int_equal(read_text(GOOD, &c), 0);
	assert_int_equal(c.n_members, 3);
	assert_string_equal(c.members[0].name, "n1");
	assert_string_equal(c.members[1].name, "n2");
	assert_string_equal(c.members[2].name, "n10");
	assert_int_equal(c.node_id, 3);
	assert_int_equal(c.cluster_id, 0xab12);
	assert_string_equal(c.members[1].address.host, "fe80::1");
	assert_int_equal(c.members[1].address.port, 99);
	assert_string_equal(c.advertise.host, "10.0.0.10");
	assert_int_equal(c.listen.port, KQUORUM_PORT);
	assert_int_equal(c.lease_ms, KQUORUM_DEFAULT_LEASE_MS);
	assert_int_equal(c.user_locks, KQUORUM_USER_LOCKS);
	assert_int_equal(c.node_locks, KQUORUM_NODE_LOCKS);
	assert_ptr_equal(kquorum_config_member(&c, 2), &c.members[1]);
	assert_null(kquorum_config_member(&c, 4));
}

static void sees_the_mark_of_a_cluster_that_has_begun(void **state)
{
	char dir[] = "/tmp/kquorum-config.XXXXXX", path[64], mark[64];
	struct kquorum_config c;
	FILE *f;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/%s", dir, KQUORUM_CONFIG_FILE);
	snprintf(mark, sizeof(mark), "%s/%s", dir, KQUORUM_FOUNDED_FILE);
	f = fopen(path, "w");
	fputs(GOOD, f);
	fclose(f);
	assert_int_equal(kquorum_config_read(path, &c, err, sizeof(err)), 0);
	assert_false(c.founded);
	fclose(fopen(mark, "w"));
	assert_int_equal(kquorum_config_read(path, &c, err, sizeof(err)), 0);
	assert_true(c.founded);
	unlink(mark);
	unlink(path);
	rmdir(dir);
}

static void reads_what_it_writes(void **state)
{
	struct kquorum_config c, again;
	char *text;
	size_t size;
	FILE *f;

	(void)state;
	assert_int_equal(read_text(GOOD "[settings]\nelection_ms = 1500\n[log]\nsegments = 5\n"
				   "[limits]\nuser_locks = 7\nnode_locks = 4294967295\n", &c), 0);
	assert_int_equal(c.user_locks, 7);
	assert_int_equal(c.node_locks, UINT32_MAX);
	f = open_memstream(&text, &size);
	assert_int_equal(kquorum_config_write(f, &c), 0);
	fclose(f);
	assert_int_equal(read_text(text, &again), 0);
	assert_memory_equal(&c, &again, sizeof(c));
	free(text);
}

/* Of a node that joined: its numbers follow from no names. */
static void reads_a_node_that_joined(void **state)
{
	struct kquorum_config c, again;
	char *text;
	size_t size;
	FILE *f;

	(void)state;
	assert_int_equal(read_text(FOUNDED "[members]\nn1 = h\nn0 = g\n[ids]\nn0 = 2\nn1 = 7\n", &c), 0);
	assert_int_equal(c.founders, 3);
	assert_int_equal(c.node_id, 7);
	assert_string_equal(kquorum_config_member(&c, 2)->name, "n0");
	assert_string_equal(kquorum_config_member(&c, 7)->name, "n1");
	f = open_memstream(&text, &size);
	assert_int_equal(kquorum_config_write(f, &c), 0);
	fclose(f);
	assert_int_equal(read_text(text, &again), 0);
	assert_memory_equal(&c, &again, sizeof(c));
	free(text);
}

struct wrong {
	const char *text;
	const char *says;
};

/* It is the same on all of them, so nothing in it is of one alone. */
static void reads_a_file_for_all_machines(void **state)
{
	static const char plan[] = "[cluster]\nname = demo\n[members]\nn2 = 10.0.0.2\nn1 = h\n"
				   "[settings]\nlease_ms = 20000\n[log]\nsegments = 4\n";
	static const struct { const char *more, *says; } wrong[] = {
		{ "[node]\nname = n1\n", ":11: \"name\" in section [node] is of one machine" },
		{ "[ids]\nn1 = 1\n", "in section [ids] is of one machine" },
		{ "[cluster]\nfounders = 2\n", "\"founders\" in section [cluster] is of one machine" },
		{ "[members]\nn3 = h\n", "n1 and n3 have the same address" },
		{ "[members]\nn1 = h2\n", "member n1 is given twice" },
		{ "[settings]\nlease_ms = 1\n", "lease_ms is given twice" },
	};
	char path[] = "/tmp/kquorum-config-XXXXXX", text[512];
	int fd = mkstemp(path);
	struct kquorum_config c;
	size_t i;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, plan, strlen(plan)), strlen(plan));
	assert_int_equal(kquorum_config_read_plan(path, &c, err, sizeof(err)), 0);
	assert_string_equal(c.name, "demo");
	assert_true(c.cluster_id == 0);
	assert_int_equal(c.n_members, 2);
	assert_string_equal(c.members[0].name, "n1");
	assert_int_equal(c.members[0].id, 1);
	assert_int_equal(c.members[1].id, 2);
	assert_int_equal(c.node_id, 0);
	assert_int_equal(c.lease_ms, 20000);
	assert_int_equal(c.segments, 4);
	/* It is of no machine. */
	assert_int_equal(kquorum_config_read(path, &c, err, sizeof(err)), -EINVAL);
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		snprintf(text, sizeof(text), "%s%s", plan, wrong[i].more);
		assert_int_equal(ftruncate(fd, 0), 0);
		assert_int_equal(pwrite(fd, text, strlen(text), 0), strlen(text));
		assert_int_equal(kquorum_config_read_plan(path, &c, err, sizeof(err)), -EINVAL);
		assert_contains(err, wrong[i].says);
	}
	close(fd);
	unlink(path);
}

static void names_line_and_fault(void **state)
{
	static const struct wrong table[] = {
		{ "[cluster]\nname = demo\nid = ab12\nfoo\nx = 1\n", ":4: neither" },
		{ "[cluster]\nname = demo\ncolour = red\n", ":3: unknown key \"colour\" in section [cluster]" },
		{ "name = demo\n", ":1: key \"name\" stands before" },
		{ "[cluster]\nname = de mo\n", ":2: bad name" },
		{ "[cluster]\nname = a\nname = b\n", ":3: name is given twice" },
		{ "[cluster]\nid = xyz\n", ":2: bad id" },
		{ "[cluster]\nid = 0\n", ":2: bad id" },
		{ "[cluster]\nid = 12345678123456789\n", ":2: bad id" },
		{ "[node]\nlisten = ::1\n", ":2: bad address \"::1\": put IPv6 in brackets" },
		{ "[node]\nlisten = [::1\n", ":2: bad address" },
		{ "[node]\nlisten = h:0\n", ":2: bad address \"h:0\": port" },
		{ "[node]\nlisten = h:65536\n", ":2: bad address" },
		{ "[node]\nlisten = a/b\n", ":2: bad address" },
		{ "[settings]\nlease_ms = -1\n", ":2: bad lease_ms" },
		{ "[settings]\nlease_ms = 10s\n", ":2: bad lease_ms" },
		{ "[log]\nsegment_bytes = 4096\n", ":2: bad segment_bytes" },
		{ "[log]\nsegments = 1\n", ":2: bad segments" },
		{ "[limits]\nuser_locks = 0\n", ":2: bad user_locks \"0\": want a whole number from 1 to" },
		{ "[limits]\nnode_locks = many\n", ":2: bad node_locks" },
		{ "[members]\nn1 = a\nn1 = b\n", ":3: member n1 is given twice" },
		{ "[cluster]\nname = demo\n", ":2: end of the file without id in [cluster]" },
		{ GOOD "[settings]\nelection_ms = 150\n", "election_ms (150) must be at least 3 times" },
		{ GOOD "[settings]\nlease_ms = 1000\n", "lease_ms (1000) must be more than election_ms" },
		{ GOOD "[log]\nsegment_bytes = 1000000\n", "multiple of 4096" },
		{ GOOD "n3 = 10.0.0.10\n", "n3 and n10 have the same address" },
		{ "[cluster]\nname = d\nid = 1\n[node]\nname = n1\nlisten = h\n[members]\nn2 = h\n",
		  "n1, is not among the members" },
		{ GOOD "[ids]\nn1 = 1\nn2 = 2\nn10 = 3\n", "ids without founders" },
		{ FOUNDED "[members]\nn1 = h\n", "founders (3) without an id for each member" },
		{ FOUNDED "[members]\nn1 = h\nn2 = g\n[ids]\nn1 = 4\n", "some nodes have an id and some have none" },
		{ FOUNDED "[members]\nn1 = h\nn2 = g\n[ids]\nn1 = 4\nn2 = 4\n", "n1 and n2 have the same id" },
		{ FOUNDED "[members]\nn1 = h\n[ids]\nn1 = 16\n", ":11: bad id" },
		{ FOUNDED "[ids]\nn1 = 1\n", ":9: n1 has an id, and no line in [members] before it" },
		{ FOUNDED "[members]\nn1 = h\n[ids]\nn1 = 4\nn1 = 5\n", ":12: the id of n1 is given twice" },
		{ "[cluster]\nfounders = 0\n", ":2: bad founders" },
	};
	struct kquorum_config c;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		assert_int_equal(read_text(table[i].text, &c), -EINVAL);
		assert_contains(err, table[i].says);
	}
}

static void refuses_long_lines_and_absent_files(void **state)
{
	struct kquorum_config c;
	char text[1000] = "[cluster]\nname = ";

	(void)state;
	memset(text + strlen(text), 'a', 900);
	assert_int_equal(read_text(text, &c), -EINVAL);
	assert_contains(err, ":2: ");
	assert_int_equal(kquorum_config_read("/nonexistent/x", &c, err, sizeof(err)), -ENOENT);
	assert_contains(err, "/nonexistent/x");
}

static void refuses_a_sixteenth_member(void **state)
{
	char text[1000] = "[cluster]\nname = d\nid = 1\n[node]\nname = n1\nlisten = h\n[members]\n";
	struct kquorum_config c;
	int i;

	(void)state;
	for (i = 1; i <= KQUORUM_MAX_NODES + 1; i++)
		sprintf(text + strlen(text), "n%d = h%d\n", i, i);
	assert_int_equal(read_text(text, &c), -EINVAL);
	assert_contains(err, ":23: more than 15 members");
}

static void compares_names_like_people(void **state)
{
	(void)state;
	assert_true(kquorum_name_compare("n2", "n10") < 0);
	assert_true(kquorum_name_compare("n10", "n2") > 0);
	assert_true(kquorum_name_compare("a2b", "a2c") < 0);
	assert_true(kquorum_name_compare("a", "ab") < 0);
	assert_int_equal(kquorum_name_compare("n1", "n1"), 0);
	/* Equal as numbers, yet every machine must order them alike. */
	assert_true(kquorum_name_compare("n01", "n1") < 0);
	assert_true(kquorum_name_compare("n1", "n01") > 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_nodes_by_natural_order),
		cmocka_unit_test(sees_the_mark_of_a_cluster_that_has_begun),
		cmocka_unit_test(reads_what_it_writes),
		cmocka_unit_test(reads_a_node_that_joined),
		cmocka_unit_test(reads_a_file_for_all_machines),
		cmocka_unit_test(names_line_and_fault),
		cmocka_unit_test(refuses_long_lines_and_absent_files),
		cmocka_unit_test(refuses_a_sixteenth_member),
		cmocka_unit_test(compares_names_like_people),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
