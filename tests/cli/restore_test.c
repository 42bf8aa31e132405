// SPDX-License-Identifier: GPL-2.0
/*
 * kquorum snapshot restore and kquorum recover: what they make, what they refuse, and that nothing
 * is left behind of what was refused. The module is a fake; snapshots are the core's own.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "child.h"
#include "files.h"
#include "images.h"
#include "seed_file.h"
#include "snapshot.h"
#include "../lib/snapshots.h"
#include "test.h"

#define JUMP	(1ULL << 40)

struct cli cli;

/* --- the module ----------------------------------------------------------------------------- */

static struct bytes image;
static struct kquorum_status status;
static bool node_runs;
static bool as_survivor;	/* it was started to give its state away */

int kquorum_status(struct kquorum *k, struct kquorum_status *st)
{
	(void)k;
	if (!node_runs)
		return -ENODEV;
	*st = status;
	return 0;
}

int node_start_from(struct kquorum *k, const char *dir, const struct kquorum_config *c)
{
	(void)k;
	(void)dir;
	as_survivor = c->survivor;
	node_runs = true;
	status.quorum = false;
	return 0;
}

int kquorum_node_stop(struct kquorum *k, bool force)
{
	FILE *f = fopen("stopped", "w");

	(void)k;
	(void)force;
	node_runs = false;
	if (f)
		fclose(f);
	return 0;
}

int kquorum_snapshot_save(struct kquorum *k)
{
	FILE *f = tmpfile();
	int fd = dup(fileno(f));

	(void)k;
	fwrite(image.data, 1, image.len, f);
	fclose(f);
	lseek(fd, 0, SEEK_SET);
	return as_survivor ? fd : -EIO;
}

/* --- files ---------------------------------------------------------------------------------- */

static int setup(void **state)
{
	(void)state;
	tmp_make();
	assert_int_equal(chdir(tmp), 0);
	image = image_of_all(20);
	put_file("a.kqs", image.data, image.len);
	node_runs = as_survivor = false;
	status = (struct kquorum_status){
		.name = "demo", .cluster_id = IMAGE_CLUSTER, .node_id = 2,
		.state = KQUORUM_NODE_RUNNING, .conf_index = 1, .quorum = true,
	};
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(image.data);
	return tmp_remove();
}

static int restore(const char *more)
{
	char words[300];

	snprintf(words, sizeof(words), "snapshot restore %s --name copy --node n7 --listen 10.0.0.7 "
		 "--segment-size 256K --segments 2 --dir d", more);
	return run(&command_snapshot, words);
}

static struct snapshot_pool gpu;	/* in the last one that was read */

/* The member's priority, as if it had been in the cluster from its beginning. */
static int look_at_member(const struct snapshot_record *r, void *user)
{
	const struct kquorum_conf_member *m;

	(void)user;
	if (r->type == KQ_SNAP_POOL) {
		assert_true(r->pool.index > JUMP);
		if (!strcmp(r->pool.resource, "gpu"))
			gpu = r->pool;
		return 0;
	}
	assert_int_equal(r->type, KQ_SNAP_CONF);
	m = kq_conf_member(r->conf.payload, &r->conf.conf, 1);
	assert_non_null(m);
	assert_int_equal(m->priority, KQUORUM_PRIORITY_DEFAULT);
	return 0;
}

/* All of it, for free(). */
static size_t get_file(const char *file, void **data)
{
	FILE *f = fopen(file, "r");
	struct stat st;

	assert_non_null(f);
	assert_int_equal(fstat(fileno(f), &st), 0);
	*data = malloc(st.st_size);
	assert_int_equal(fread(*data, 1, st.st_size, f), st.st_size);
	fclose(f);
	return st.st_size;
}

/* The configuration of @dir and the snapshot that its log begins with. */
static void read_made(const char *dir, struct kquorum_config *c, struct snapshot_reader *r,
		      uint64_t index)
{
	char name[KQUORUM_SNAPSHOT_NAME_MAX], file[200], err[200];
	uint64_t term = 0;
	void *data;
	size_t len;
	int ret;

	snprintf(file, sizeof(file), "%s/kquorum.conf", dir);
	ret = kquorum_config_read(file, c, err, sizeof(err));
	if (ret)
		fail_msg("%s", err);
	assert_true(c->seeded);
	assert_false(c->founded);
	memcpy(&r->raw.head, image.data, sizeof(r->raw.head));
	term = le64_to_cpu(r->raw.head.saved_term) + 1;
	kquorum_snapshot_name(name, index, term);
	snprintf(file, sizeof(file), "%s/%s", dir, name);
	snapshot_reader_init(r, c->cluster_id, look_at_member, NULL);
	if (snapshot_path_read(r, file))
		fail_msg("%s: %s", file, r->why);
	assert_true(r->has_conf);
	assert_int_equal(r->sessions, 0);
	assert_int_equal(r->claims, 0);
	len = get_file(file, &data);
	assert_int_equal(image_restores(data, len, c->cluster_id), 0);
	free(data);
}

/* --- restore -------------------------------------------------------------------------------- */

static void a_cluster_of_one_begins_with_it(void **state)
{
	static struct snapshot_reader r;
	struct kquorum_config c;

	(void)state;
	assert_int_equal(restore("a.kqs"), 0);
	read_made("d", &c, &r, image.ref.index + JUMP);
	assert_string_equal(c.name, "copy");
	assert_int_equal(c.n_members, 1);
	assert_int_not_equal(c.cluster_id, IMAGE_CLUSTER);
	assert_contains(out, "copy: node n7, id 1, a new cluster with id ");
	assert_contains(out, "of cluster 000000000000004d; it begins with index 10995116");
	assert_contains(out, "Nothing is granted for 2.1");
	assert_contains(out, "Then: kquorum start --dir d\n");
	assert_fits();
}

static void what_was_made_is_told_in_json(void **state)
{
	(void)state;
	assert_int_equal(restore("a.kqs -j --index 5000000"), 0);
	assert_contains(out, "\"begins_index\":\t5000000");
	assert_contains(out, "\"cluster_id\":\t\"000000000000004d\"");
}

/* What was said of resources goes on; who held or awaited them does not. */
static void resources_stay_as_they_were_made(void **state)
{
	static struct snapshot_reader r;
	struct kquorum_config c;

	(void)state;
	free(image.data);
	image = image_of_pools(0);
	put_file("a.kqs", image.data, image.len);
	assert_int_equal(restore("a.kqs -j"), 0);
	assert_contains(out, "\"resources\":\t1");
	read_made("d", &c, &r, image.ref.index + JUMP);
	assert_int_equal(r.pools, 1);
	/* They take more than one frame. */
	free(image.data);
	image = image_of_pools(300);
	put_file("b.kqs", image.data, image.len);
	assert_int_equal(restore("b.kqs --force"), 0);
	read_made("d", &c, &r, image.ref.index + JUMP);
	assert_int_equal(r.pools, 301);
	assert_int_equal(gpu.units, 4);
	assert_int_equal(gpu.max_waiters, 9);
	assert_int_equal(gpu.ttl_ms, 30000);
	assert_int_equal(gpu.hold_ms, 3600000);
	assert_int_equal(gpu.uid, 1000);
	assert_int_equal(gpu.gid, 44);
	assert_int_equal(gpu.mode, 0640);
	assert_true(gpu.fenced);
	/* Nobody holds it any more: none of the tokens of before passes. */
	assert_int_equal(gpu.fence, (image.ref.index + JUMP) << 12);
}

static void an_index_that_is_not_above_is_refused(void **state)
{
	(void)state;
	assert_int_equal(restore("a.kqs --index 3"), KQUORUM_EXIT_USAGE);
	assert_contains(out, "it must be above");
	assert_false(is_there("d"));
}

static void what_is_damaged_is_refused(void **state)
{
	(void)state;
	image.data[image.len / 2] ^= 1;
	put_file("bad.kqs", image.data, image.len);
	assert_int_equal(restore("bad.kqs"), KQUORUM_EXIT_ERROR);
	assert_contains(out, "damaged");
	assert_false(is_there("d"));
	assert_int_equal(restore("none.kqs"), KQUORUM_EXIT_NOT_FOUND);
	assert_false(is_there("d"));
}

static void one_from_before_the_cluster_began_is_refused(void **state)
{
	struct bytes none = image_of_nothing();

	(void)state;
	put_file("none.kqs", none.data, none.len);
	free(none.data);
	assert_int_equal(restore("none.kqs"), KQUORUM_EXIT_ERROR);
	assert_contains(out, "there is nothing in it");
	assert_false(is_there("d"));
}

static void a_node_is_not_overwritten_unasked(void **state)
{
	(void)state;
	assert_int_equal(restore("a.kqs"), 0);
	put_file("d/founded", "x", 1);
	assert_int_equal(restore("a.kqs"), KQUORUM_EXIT_ERROR);
	assert_contains(out, "already has a node (n7)");
	assert_true(is_there("d/founded"));
	assert_int_equal(restore("a.kqs --force"), 0);
	/* Else the log would never begin with it. */
	assert_false(is_there("d/founded"));
	assert_true(is_there("d/seed"));
}

static void which_snapshot_must_be_said(void **state)
{
	(void)state;
	assert_int_equal(restore(""), KQUORUM_EXIT_USAGE);
	assert_contains(out, "which snapshot?");
	assert_int_equal(restore("a.kqs b.kqs"), KQUORUM_EXIT_USAGE);
}

/* --- recover -------------------------------------------------------------------------------- */

/* The directory of n2 of three. */
static void put_node(void)
{
	char err[200];
	struct kquorum_config c;
	FILE *f;
	int i;

	kquorum_config_defaults(&c);
	strcpy(c.name, "demo");
	strcpy(c.node_name, "n2");
	c.cluster_id = IMAGE_CLUSTER;
	c.segment_bytes = 262144;
	c.segments = 2;
	c.lease_ms = 5000;
	for (i = 0; i < 3; i++) {
		struct kquorum_config_member *m = &c.members[c.n_members++];
		char text[20];

		snprintf(m->name, sizeof(m->name), "n%d", i + 1);
		snprintf(text, sizeof(text), "10.0.0.%d", i + 1);
		assert_int_equal(kquorum_address_parse(text, &m->address, err, sizeof(err)), 0);
	}
	c.listen = c.advertise = c.members[1].address;
	assert_int_equal(kquorum_config_number(&c, err, sizeof(err)), 0);
	assert_int_equal(mkdir("d", 0700), 0);
	f = fopen("d/kquorum.conf", "w");
	assert_non_null(f);
	assert_int_equal(kquorum_config_write(f, &c), 0);
	fclose(f);
	put_file("d/segment-0000", "old", 3);
	put_file("d/founded", "x", 1);
}

static void it_is_told_first_what_is_lost(void **state)
{
	(void)state;
	put_node();
	assert_int_equal(run(&command_recover, "recover --dir d"), KQUORUM_EXIT_USAGE);
	assert_contains(out, "what the others acknowledged and this node never got is lost");
	assert_contains(out, "To do it: kquorum recover --dir d --i-know-what-i-lose\n");
	assert_fits();
	assert_false(is_there("stopped"));
	assert_true(is_there("d/segment-0000"));
}

static void a_node_that_runs_is_left_alone(void **state)
{
	(void)state;
	put_node();
	node_runs = true;
	assert_int_equal(run(&command_recover, "recover --dir d --i-know-what-i-lose"),
			 KQUORUM_EXIT_ERROR);
	assert_contains(out, "its cluster works");
	status.quorum = false;
	assert_int_equal(run(&command_recover, "recover --dir d --i-know-what-i-lose"),
			 KQUORUM_EXIT_ERROR);
	assert_contains(out, "kquorum stop first");
	assert_false(is_there("d/seed"));
}

static void a_new_cluster_takes_the_place_of_the_old_one(void **state)
{
	static struct snapshot_reader r;
	struct kquorum_config c;

	(void)state;
	put_node();
	assert_int_equal(run(&command_recover, "recover --dir d/ --i-know-what-i-lose"), 0);
	read_made("d", &c, &r, image.ref.index + JUMP);
	assert_int_not_equal(c.cluster_id, IMAGE_CLUSTER);
	assert_string_equal(c.name, "demo");
	assert_string_equal(c.node_name, "n2");
	assert_int_equal(c.node_id, 1);
	assert_int_equal(c.n_members, 1);
	assert_int_equal(c.lease_ms, 2000);	/* as its log has it, whatever its file said */
	assert_string_equal(c.advertise.host, "10.0.0.2");
	assert_true(is_there("stopped"));
	assert_true(is_there("d.before-recover-000000000000004d/segment-0000"));
	assert_true(is_there("d.before-recover-000000000000004d/founded"));
	assert_false(is_there("d.new"));
	assert_contains(out, "from all that this node had, up to index ");
	assert_fits();
}

/* Else nothing would start by itself any more, and kquorum start would ask which. */
static void what_is_kept_is_no_second_node(void **state)
{
	char dir[300];

	(void)state;
	put_node();
	assert_int_equal(run(&command_recover, "recover --dir d --i-know-what-i-lose"), 0);
	assert_true(is_there("d.before-recover-000000000000004d/kquorum.conf"));
	state_directory = tmp;
	assert_int_equal(directory_find(NULL, NULL, dir, sizeof(dir)), 0);
	assert_string_equal(dir + strlen(tmp), "/d");
	/* Where it is meant it is found. */
	assert_int_equal(directory_find(NULL, "d.before-recover-000000000000004d", dir, sizeof(dir)), 0);
}

static void what_cannot_be_read_is_told(void **state)
{
	(void)state;
	put_node();
	strcpy(status.reason, "log damaged: segment 1");
	assert_int_equal(run(&command_recover, "recover --dir d --i-know-what-i-lose"), 0);
	assert_contains(out, "NOT ALL OF IT COULD BE READ: log damaged: segment 1\n");
}

static void a_node_with_nothing_is_not_recovered_from(void **state)
{
	(void)state;
	put_node();
	status.state = KQUORUM_NODE_DAMAGED;
	strcpy(status.reason, "snapshot: that of index 7: its file is missing");
	assert_int_equal(run(&command_recover, "recover --dir d --i-know-what-i-lose"),
			 KQUORUM_EXIT_ERROR);
	assert_contains(out, "nothing to begin with: snapshot: that of index 7");
	assert_true(is_there("stopped"));
	status.state = KQUORUM_NODE_RUNNING;
	status.conf_index = 0;
	assert_int_equal(run(&command_recover, "recover --dir d --i-know-what-i-lose"),
			 KQUORUM_EXIT_ERROR);
	assert_contains(out, "never part of a cluster");
	assert_true(is_there("d/founded"));
}

static void old_files_are_never_overwritten(void **state)
{
	(void)state;
	put_node();
	assert_int_equal(mkdir("d.before-recover-000000000000004d", 0700), 0);
	assert_int_equal(run(&command_recover, "recover --dir d --i-know-what-i-lose"),
			 KQUORUM_EXIT_ERROR);
	assert_contains(out, "it was recovered from once");
	assert_true(is_there("d/founded"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_cluster_of_one_begins_with_it),
		TEST(what_was_made_is_told_in_json),
		TEST(resources_stay_as_they_were_made),
		TEST(an_index_that_is_not_above_is_refused),
		TEST(what_is_damaged_is_refused),
		TEST(one_from_before_the_cluster_began_is_refused),
		TEST(a_node_is_not_overwritten_unasked),
		TEST(which_snapshot_must_be_said),
		TEST(it_is_told_first_what_is_lost),
		TEST(a_node_that_runs_is_left_alone),
		TEST(a_new_cluster_takes_the_place_of_the_old_one),
		TEST(what_is_kept_is_no_second_node),
		TEST(what_cannot_be_read_is_told),
		TEST(a_node_with_nothing_is_not_recovered_from),
		TEST(old_files_are_never_overwritten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
