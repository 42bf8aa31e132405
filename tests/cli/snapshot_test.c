// SPDX-License-Identifier: GPL-2.0
/* kquorum snapshot: looking at one. What is in a file, is it whole, and the one that is in use. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "child.h"
#include "files.h"
#include "module.h"
#include "test.h"

struct cli cli;

/* --- verify --------------------------------------------------------------------------------- */

static void whole_ones_are_verified(void **state)
{
	char want[160];

	(void)state;
	put_file(path, image.data, image.len);
	node_runs = false;	/* nobody asks it */
	assert_int_equal(snapshot("verify %s", path), 0);
	snprintf(want, sizeof(want), "%s: whole\n  index %llu, term 5, ", path,
		 (unsigned long long)image.ref.index);
	assert_contains(out, want);
	assert_contains(out, ", cluster id 000000000000004d\n");
	assert_fits();
	assert_int_equal(snapshot("verify --cluster-id 4d %s", path), 0);
	assert_int_equal(snapshot("verify --cluster-id 4x %s", path), 2);
	assert_int_equal(snapshot("verify --cluster-id 0 %s", path), 2);
	assert_int_equal(snapshot("verify"), 2);
}

static void what_is_wrong_is_told_apart(void **state)
{
	struct kq_snap_head *h = (void *)image.data;
	char damage[100];

	(void)state;
	put_file(path, image.data, image.len);
	assert_int_equal(snapshot("verify --cluster-id 4e %s", path), 1);
	assert_contains(out, "of another cluster (id 000000000000004d)\n  ");
	put_file(path, image.data, image.len - 1);
	assert_int_equal(snapshot("verify %s", path), 1);
	assert_contains(out, ": its end is missing\n  copy it again");
	image.data[200] ^= 1;
	put_file(path, image.data, image.len);
	image.data[200] ^= 1;
	assert_int_equal(snapshot("verify %s", path), 1);
	snprintf(damage, sizeof(damage), ": damaged: frame 0, at byte %zu, fails its checksum\n  it is of no use",
		 sizeof(*h) + sizeof(struct kq_snap_frame));
	assert_contains(out, damage);
	put_file(path, "something else, that is long enough", 35);
	assert_int_equal(snapshot("verify %s", path), 1);
	assert_contains(out, ": no snapshot begins here\n  a compressed one has to be unpacked first");
	h->version = cpu_to_le16(9);
	image_seal_head(&image);
	put_file(path, image.data, image.len);
	assert_int_equal(snapshot("verify %s", path), 1);
	assert_contains(out, ": of format version 9, this is read up to 4: use a newer kquorum\n");
	assert_int_equal(snapshot("verify %s/none", tmp), 66);
	assert_contains(out, "/none: No such file or directory\n");
	assert_fits();
}

static void the_first_that_is_not_whole_gives_the_exit_status(void **state)
{
	char bad[140];

	(void)state;
	snprintf(bad, sizeof(bad), "%s.bad", path);
	put_file(path, image.data, image.len);
	put_file(bad, image.data, 300);
	assert_int_equal(snapshot("verify %s %s/none %s", path, tmp, bad), 66);
	assert_contains(out, "whole");
	assert_contains(out, "cut off after 300 bytes");
	assert_int_equal(snapshot("verify %s %s/none", bad, tmp), 1);
	assert_int_equal(snapshot("verify -j %s %s", path, bad), 1);
	assert_contains(out, "\"whole\":\ttrue,\n\t\t\"cluster_id\":");
	assert_contains(out, "\"whole\":\tfalse,\n\t\t\"error\":\t\"cut_off\",\n\t\t\"why\":\t\"cut off after "
			"300 bytes: its end is missing\",\n\t\t\"offset_bytes\":\t300\n");
}

/* --- show ----------------------------------------------------------------------------------- */

static void what_is_in_it_is_shown(void **state)
{
	(void)state;
	free(image.data);
	image = image_of_all(0);
	put_file(path, image.data, image.len);
	node_runs = false;
	assert_int_equal(snapshot("show %s", path), 0);
	assert_contains(out, "a snapshot of cluster id 000000000000004d\nindex ");
	assert_contains(out, "\n3 sessions, 4 claims: 2 hold, 2 wait; 0 defined resources\n");
	assert_contains(out, "\nconfiguration of index 5, term 5:\n"
			"ID  NODE  ADDRESS        ROLE\n"
			"1   n1    10.0.0.1:7420  voter\n"
			"2   n2    10.0.0.2:7420  voter\n"
			"3   n3    10.0.0.3:7420  voter\n"
			"5   n5    10.0.0.5:7420  learner, to be promoted\n"
			"has left: n4, number 4\n");
	assert_contains(out, "\nNODE  SESSION  STATE\nn1    111      open\n"
			"n2    102      open\nn3    103      silent, 4.0s left\n");
	assert_null(strstr(out, "db"));
	assert_int_equal(snapshot("show --claims %s", path), 0);
	/* Holders before those that wait, and these as they came. */
	assert_contains(out, "\nRESOURCE  NODE  STATE  TOKEN");
	assert_contains(out, "\na\\x09b    n2    holds  ");
	assert_contains(out, "  14   test     11     exclusive  -\ndb        n1    holds  ");
	assert_contains(out, "\ndb        n2    waits  -      12   test     9      exclusive  -\n"
			"db        n1    waits  -      13   test     10     exclusive  -\n");
	assert_fits();
	assert_int_equal(snapshot("show"), 2);
	assert_int_equal(snapshot("show %s %s", path, path), 2);
}

/* Of a resource the holder, whatever the indexes say. */
static void the_holder_is_shown_first(void **state)
{
	struct {
		struct kq_snap_claim c;
		char name;
	} __packed claim = {
		.c = { .session = cpu_to_le64(5), .node = cpu_to_le32(1), .name_len = 1 }, .name = 'r',
	};
	struct kq_snap_session session = {
		.node = cpu_to_le32(1), .id = cpu_to_le64(5), .last_id = cpu_to_le64(5),
	};
	uint8_t records[1024];
	size_t n;

	(void)state;
	n = record_add(records, 0, KQ_SNAP_SESSION, &session, sizeof(session));
	claim.c.index = cpu_to_le64(3);
	n = record_add(records, n, KQ_SNAP_CLAIM, &claim, sizeof(claim));
	claim.c.index = cpu_to_le64(4);
	claim.c.token = cpu_to_le64(4096);
	n = record_add(records, n, KQ_SNAP_CLAIM, &claim, sizeof(claim));
	free(image.data);
	image = image_made(records, n);
	put_file(path, image.data, image.len);
	assert_int_equal(snapshot("show --claims %s", path), 0);
	/* Who is not in a configuration has only a number. */
	assert_contains(out, "\nr         node 1  holds  4096   ");
	assert_contains(strstr(out, "  holds  4096"), "\nr         node 1  waits  -  ");
}

static void what_is_in_it_is_shown_in_json(void **state)
{
	(void)state;
	free(image.data);
	image = image_of_all(0);
	put_file(path, image.data, image.len);
	assert_int_equal(snapshot("show -j %s", path), 0);
	assert_contains(out, "\"version\":\t4,\n\t\"cluster_id\":\t\"000000000000004d\",");
	assert_contains(out, "\"id\":\t5,\n\t\t\t\t\"node\":\t\"n5\",\n\t\t\t\t\"address\":\t\"10.0.0.5:7420\","
			"\n\t\t\t\t\"role\":\t\"learner\",\n\t\t\t\t\"promote\":\ttrue\n");
	assert_contains(strstr(out, "\"left\":"), "\"id\":\t4,\n\t\t\t\t\"node\":\t\"n4\"\n");
	assert_contains(out, "\"node\":\t\"n3\",\n\t\t\t\"id\":\t3,\n\t\t\t\"session\":\t103,\n\t\t\t"
			"\"last_session\":\t103,\n\t\t\t\"silent\":\ttrue,\n\t\t\t\"left_ms\":\t4000.000\n");
	assert_null(strstr(out, "claim_list"));
	assert_int_equal(snapshot("show -j --claims %s", path), 0);
	assert_contains(strstr(out, "claim_list"), "\"resource\":\t\"db\",\n\t\t\t\"node\":\t\"n2\",\n\t\t\t"
			"\"state\":\t\"waits\",\n\t\t\t\"token\":\t0,\n\t\t\t\"pid\":\t12,\n\t\t\t"
			"\"comm\":\t\"test\",\n\t\t\t\"session\":\t102,\n\t\t\t\"owner\":\t12,\n\t\t\t\"index\":\t9,\n"
			"\t\t\t\"mode\":\t\"exclusive\",\n\t\t\t\"units\":\tnull,\n\t\t\t\"numbers\":\t[],\n"
			"\t\t\t\"info\":\t\"\",\n\t\t\t\"uid\":\t0,\n\t\t\t\"ttl_ms\":\t0,\n\t\t\t\"hold_ms\":\t0,\n"
			"\t\t\t\"evicted\":\tfalse\n");
}

static void pools_and_who_has_what_of_them_are_shown(void **state)
{
	(void)state;
	free(image.data);
	image = image_of_pools(0);
	put_file(path, image.data, image.len);
	assert_int_equal(snapshot("verify %s", path), 0);
	assert_int_equal(snapshot("show %s", path), 0);
	assert_contains(out, "\n3 sessions, 5 claims: 4 hold, 1 waits; 1 defined resource\n");
	assert_null(strstr(out, "gpu"));
	assert_int_equal(snapshot("show --resources %s", path), 0);
	assert_contains(out, "\nRESOURCE  UNITS  MAX-WAITERS  LEASE  MAX-HOLD  OWNER  GROUP  MODE  FENCE  INDEX\n"
			"gpu       4      9            30.0s  1h00m     1000   44     0640  24576  6\n");
	assert_int_equal(snapshot("show --claims %s", path), 0);
	assert_contains(out, "  test     7      2 units: 0,1  epoch 3\n");
	assert_contains(out, "  test     8      1 unit: 2     -\n"
			"gpu       n3    waits  -      23   test     9      4 units       -\n");
	assert_contains(out, "  test     11     shared        -\n");
	assert_fits();
	assert_int_equal(snapshot("show -j --resources --claims %s", path), 0);
	assert_contains(out, "\"resources\":\t1,");
	assert_contains(out, "\"resource_list\":\t[{\n\t\t\t\"resource\":\t\"gpu\",\n\t\t\t\"units\":\t4,\n"
			"\t\t\t\"max_waiters\":\t9,\n\t\t\t\"ttl_ms\":\t30000,\n\t\t\t\"hold_ms\":\t3600000,\n"
			"\t\t\t\"uid\":\t1000,\n\t\t\t\"gid\":\t44,\n\t\t\t\"access\":\t\"0640\",\n"
			"\t\t\t\"fenced\":\ttrue,\n\t\t\t\"fence_token\":\t24576,\n\t\t\t\"index\":\t6\n");
	assert_contains(out, "\"mode\":\t\"units\",\n\t\t\t\"units\":\t2,\n\t\t\t\"numbers\":\t[0, 1],\n"
			"\t\t\t\"info\":\t\"epoch 3\",\n\t\t\t\"uid\":\t0,\n\t\t\t\"ttl_ms\":\t30000,\n"
			"\t\t\t\"hold_ms\":\t3600000,\n\t\t\t\"evicted\":\tfalse\n");
}

/* In whatever order a node wrote what was changed meanwhile. */
static void one_state_has_one_sum(void **state)
{
	struct kq_snap_session first = {
		.node = cpu_to_le32(1), .id = cpu_to_le64(5), .last_id = cpu_to_le64(5),
	};
	struct kq_snap_session second = first;
	uint8_t records[1024];
	char sum[2][40], *at;
	size_t n;
	int i;

	(void)state;
	second.node = cpu_to_le32(2);
	for (i = 0; i < 2; i++) {
		n = record_add(records, 0, KQ_SNAP_SESSION, i ? &second : &first, sizeof(first));
		n = record_add(records, n, KQ_SNAP_SESSION, i ? &first : &second, sizeof(first));
		free(image.data);
		image = image_made(records, n);
		put_file(path, image.data, image.len);
		assert_int_equal(snapshot("show -j %s", path), 0);
		at = strstr(out, "\"state_sum\":\t\"");
		assert_non_null(at);
		snprintf(sum[i], sizeof(sum[i]), "%.31s", at);
	}
	assert_string_equal(sum[0], sum[1]);
	assert_int_equal(snapshot("show %s", path), 0);
	snprintf(sum[1], sizeof(sum[1]), "\nstate sum %.16s, ", strchr(sum[0], '\t') + 2);
	assert_contains(out, sum[1]);
	assert_int_equal(snapshot("verify -j %s", path), 0);
	assert_contains(out, "\"state_sum\":");
	second.last_id = cpu_to_le64(6);
	n = record_add(records, 0, KQ_SNAP_SESSION, &second, sizeof(first));
	n = record_add(records, n, KQ_SNAP_SESSION, &first, sizeof(first));
	free(image.data);
	image = image_made(records, n);
	put_file(path, image.data, image.len);
	assert_int_equal(snapshot("show -j %s", path), 0);
	assert_null(strstr(out, sum[0]));
}

static void nothing_is_shown_of_what_is_not_whole(void **state)
{
	(void)state;
	put_file(path, image.data, image.len - 1);
	assert_int_equal(snapshot("show --claims %s", path), 1);
	assert_contains(out, "its end is missing");
	assert_null(strstr(out, "n1"));
	free(image.data);
	image = image_of_nothing();
	put_file(path, image.data, image.len);
	assert_int_equal(snapshot("show %s", path), 0);
	assert_contains(out, "0 sessions, 0 claims: 0 hold, 0 wait; 0 defined resources\n\nno configuration");
	assert_int_equal(snapshot("show -j %s", path), 0);
	assert_contains(out, "\"configuration\":\tnull");
}

/* --- without a verb ------------------------------------------------------------------------- */

static void the_one_in_use_is_told(void **state)
{
	char want[300];

	(void)state;
	assert_int_equal(snapshot(" "), 0);
	assert_string_equal(out, "no snapshot yet: the log has everything, from index 1 to 90\n");
	put_directory(IMAGE_CLUSTER);
	use_snapshot();
	assert_int_equal(snapshot("--dir %s", tmp), 0);
	snprintf(want, sizeof(want), "in use: index %llu, term 5, ", (unsigned long long)image.ref.index);
	assert_contains(out, want);
	snprintf(want, sizeof(want), " ago\n  %s\n", used);
	assert_contains(out, want);
	snprintf(want, sizeof(want), "\n40 entries since; log from 3 on (%llu before it)\n",
		 (unsigned long long)image.ref.index - 2);
	assert_contains(out, want);
	assert_fits();
	assert_int_equal(truncate(used, 10), 0);
	assert_int_equal(snapshot("--dir %s", tmp), 0);
	assert_contains(out, "its file was cut off, or is another one: ");
	assert_int_equal(truncate(used, 0), 0);
	assert_int_equal(snapshot("--dir %s", tmp), 0);
	assert_contains(out, "its file is empty: ");
	assert_fits();
	status.first_index = image.ref.index + 1;
	unlink(used);
	assert_int_equal(snapshot("--dir %s", tmp), 0);
	assert_contains(out, "its file is gone: ");
	assert_contains(out, " on (right behind it)\n");
	put_directory(IMAGE_CLUSTER + 1);
	assert_int_equal(snapshot("--dir %s", tmp), 0);
	assert_contains(out, "its file was not looked at: ");
	node_runs = false;
	assert_int_equal(snapshot(" "), 1);
}

static void the_one_in_use_is_told_in_json(void **state)
{
	char want[400];

	(void)state;
	assert_int_equal(snapshot("-j"), 0);
	assert_contains(out, "\"snapshot\":\tnull\n");
	put_directory(IMAGE_CLUSTER);
	use_snapshot();
	assert_int_equal(snapshot("-j --dir %s", tmp), 0);
	snprintf(want, sizeof(want), "\"crc32c\":\t\"%08x\",\n\t\t\"file\":\t\"%s\",\n\t\t"
		 "\"file_missing\":\tfalse,\n\t\t\"age_ms\":\t", image.ref.crc, used);
	assert_contains(out, want);
	snprintf(want, sizeof(want), ",\n\t\t\"file_bytes\":\t%llu\n",
		 (unsigned long long)image.ref.bytes);
	assert_contains(out, want);
	assert_contains(out, "\"first_index\":\t3,");
	unlink(used);
	assert_int_equal(snapshot("-j --dir %s", tmp), 0);
	assert_contains(out, "\"file_missing\":\ttrue,\n\t\t\"age_ms\":\tnull,\n\t\t\"file_bytes\":\tnull");
}

static void what_is_to_be_done_must_be_known(void **state)
{
	(void)state;
	assert_int_equal(snapshot("bogus"), 2);
	assert_contains(out, "kquorum snapshot: no \"bogus\": save, verify, show or restore\n");
	assert_int_equal(snapshot("verfiy x"), 2);
	assert_contains(out, "did you mean verify?");
	assert_int_equal(snapshot("--dir x save y"), 2);
	assert_contains(out, "what is to be done comes first");
	assert_int_equal(snapshot("save"), 2);
	assert_contains(out, "Usage: kquorum snapshot save [");
	assert_int_equal(snapshot("save a b"), 2);
}

#define WITH_FILES(f) cmocka_unit_test_setup_teardown(f, module_begin, module_end)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		WITH_FILES(whole_ones_are_verified),
		WITH_FILES(what_is_wrong_is_told_apart),
		WITH_FILES(the_first_that_is_not_whole_gives_the_exit_status),
		WITH_FILES(what_is_in_it_is_shown),
		WITH_FILES(the_holder_is_shown_first),
		WITH_FILES(what_is_in_it_is_shown_in_json),
		WITH_FILES(pools_and_who_has_what_of_them_are_shown),
		WITH_FILES(one_state_has_one_sum),
		WITH_FILES(nothing_is_shown_of_what_is_not_whole),
		WITH_FILES(the_one_in_use_is_told),
		WITH_FILES(the_one_in_use_is_told_in_json),
		WITH_FILES(what_is_to_be_done_must_be_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
