// SPDX-License-Identifier: GPL-2.0
/* What comes next on a machine for a file to come about, one situation each. */
#include "rollout.h"
#include "status.h"
#include "test.h"

struct cli cli;

static struct rollout r;

static void put_member(struct kquorum_config *c, uint32_t id)
{
	struct kquorum_config_member *m = &c->members[c->n_members++];

	m->id = id;
	snprintf(m->name, sizeof(m->name), "n%u", id);
	snprintf(m->address.host, sizeof(m->address.host), "10.0.0.%u", id);
	m->address.port = KQUORUM_PORT;
}

/* A file with @n nodes; this machine is n@self, and has nothing. */
static void begin(unsigned int n, uint32_t self)
{
	uint32_t id;

	memset(&r, 0, sizeof(r));
	kquorum_config_defaults(&r.file);
	strcpy(r.file.name, "demo");
	for (id = 1; id <= n; id++)
		put_member(&r.file, id);
	r.self = &r.file.members[self - 1];
	for (id = 1; id <= n; id++)
		strcpy(r.answers[id - 1].why, "Connection refused");
}

/* Node @id tells of itself: empty, as the file has it made. */
static struct kqd_told *told(uint32_t id)
{
	struct rollout_answer *a = &r.answers[id - 1];
	unsigned int i;

	a->told = true;
	a->t = (struct kqd_told){
		.node = id, .empty = true, .cluster_id = rollout_cluster_id(&r.file),
		.capacity = 8ULL * ((64 << 20) - 8192),
		.settings = { 100, 1000, 10000, 250, 500, 64 << 20 },
	};
	strcpy(a->t.cluster, "demo");
	for (i = 0; i < r.file.n_members; i++) {
		a->t.founders |= node_bit(i + 1);
		a->t.member[i].id = i + 1;
		a->t.member[i].member = true;
		a->t.member[i].identity = i + 1 == id ? 100 + id : 0;
		snprintf(a->t.member[i].name, sizeof(a->t.member[i].name), "n%u", i + 1);
		snprintf(a->t.member[i].address, sizeof(a->t.member[i].address), "10.0.0.%u:7420",
			 i + 1);
	}
	a->t.n = r.file.n_members;
	return &a->t;
}

/* Node @id belongs to a cluster of nodes 1 to @n. */
static struct kqd_told *belongs(uint32_t id, unsigned int n)
{
	struct kqd_told *t = told(id);
	unsigned int i;

	t->begun = true;
	t->empty = false;
	t->cluster_id = 0xabc;
	t->n = n;
	t->founders = (2u << n) - 2;
	for (i = 0; i < n; i++)
		t->member[i].identity = 101 + i;
	return t;
}

/* What was made last is what is here now, and runs; it has nothing yet. */
static void made(void)
{
	r.own = r.make;
	r.made = r.runs = true;
	memset(&r.st, 0, sizeof(r.st));
	r.st.state = KQUORUM_NODE_RUNNING;
	r.st.node_id = r.own.node_id;
	r.st.cluster_id = r.own.cluster_id;
	r.st.identity = 100 + r.self->id;
	r.st.empty = true;
	r.st.joins = r.own.founders;
	r.st.founders = (2u << (r.own.founders ? r.own.founders : r.own.n_members)) - 2;
}

/* This machine is a member of a cluster of @n, and leads it. */
static void member_of(unsigned int n)
{
	assert_int_equal(rollout_next(&r), ROLLOUT_MAKE);
	made();
	r.st = cluster_of(n);
	r.st.identity = 100 + r.self->id;
}

static void assert_next(enum rollout_next wanted, const char *why)
{
	enum rollout_next next = rollout_next(&r);

	if (next != wanted)
		fail_msg("%d, wanted %d; \"%s\"", next, wanted, r.why);
	if (why)
		assert_contains(r.why, why);
}

/* --- beginning ------------------------------------------------------------------------------ */

static void who_has_nothing_is_made_to_begin_with_all(void **state)
{
	unsigned int i;

	(void)state;
	begin(3, 2);
	assert_next(ROLLOUT_MAKE, NULL);
	assert_false(r.joins);
	assert_int_equal(r.make.founders, 0);
	assert_int_equal(r.make.node_id, 2);
	assert_string_equal(r.make.node_name, "n2");
	assert_string_equal(r.make.listen.host, "10.0.0.2");
	assert_int_equal(r.make.n_members, 3);
	assert_true(r.make.cluster_id != 0);
	/* Also when some answer, as long as none of them belongs to a cluster. */
	told(1);
	assert_next(ROLLOUT_MAKE, NULL);
	strcpy(r.listen.host, "0.0.0.0");
	assert_next(ROLLOUT_MAKE, NULL);
	assert_string_equal(r.make.listen.host, "0.0.0.0");
	assert_string_equal(r.make.advertise.host, "10.0.0.2");
	made();
	r.runs = false;
	assert_next(ROLLOUT_START, NULL);
	r.runs = true;
	assert_next(ROLLOUT_WAIT, "the cluster begins when all of FILE answer; so far without\n  n3 (Connection refused)");
	told(3);
	assert_next(ROLLOUT_WAIT, "all of FILE answer: the cluster is about to begin");
	/* Once it has begun it hears of it. */
	for (i = 0; i < 3; i++)
		belongs(1, 3)->cluster_id = r.own.cluster_id;
	assert_next(ROLLOUT_WAIT, "n2 is a member, and is about to hear of it");
}

static void the_id_follows_from_the_file(void **state)
{
	uint64_t id;

	(void)state;
	begin(3, 1);
	id = rollout_cluster_id(&r.file);
	begin(3, 2);
	assert_true(rollout_cluster_id(&r.file) == id);
	r.file.members[2].address.port = 1;
	assert_true(rollout_cluster_id(&r.file) != id);
	begin(3, 1);
	r.file.lease_ms++;
	assert_true(rollout_cluster_id(&r.file) != id);
	begin(4, 1);
	assert_true(rollout_cluster_id(&r.file) != id);
	r.file.cluster_id = 77;
	assert_true(rollout_cluster_id(&r.file) == 77);
	/* One alone begins at once: two machines must not begin the same. */
	begin(1, 1);
	assert_true(rollout_cluster_id(&r.file) == 0);
}

static void many_that_are_missing_fit_the_screen(void **state)
{
	unsigned int i;

	(void)state;
	begin(15, 1);
	for (i = 1; i < 15; i++)
		snprintf(r.file.members[i].name, sizeof(r.file.members[i].name),
			 "a-machine-with-a-long-name-%u", i);
	assert_next(ROLLOUT_MAKE, NULL);
	made();
	assert_next(ROLLOUT_WAIT, "a-machine-with-a-long-name-1 and 13 more (Connection refused)");
}

/* Nobody has counted on what it said, and only while all say that they have nothing. */
static void a_file_that_changed_before_it_began_makes_it_anew(void **state)
{
	(void)state;
	begin(2, 1);
	assert_next(ROLLOUT_MAKE, NULL);
	made();
	put_member(&r.file, 3);
	told(2);
	assert_next(ROLLOUT_WAIT, "so far without\n  n3");
	told(3);
	assert_next(ROLLOUT_REMAKE, "FILE is another one by now");
	assert_false(r.joins);
	assert_int_equal(r.make.n_members, 3);
	made();
	assert_next(ROLLOUT_WAIT, "about to begin");
	r.file.lease_ms++;
	assert_next(ROLLOUT_REMAKE, NULL);
	r.own.founded = true;
	assert_next(ROLLOUT_REFUSE, "the log of n1 was lost, for its cluster has begun");
}

/* --- joining -------------------------------------------------------------------------------- */

static void who_is_new_joins_a_cluster_that_runs(void **state)
{
	struct kqd_told *t;

	(void)state;
	begin(4, 4);
	t = belongs(2, 3);
	t->settings[2] = 20000;
	assert_next(ROLLOUT_MAKE, "n2 belongs to a cluster: this machine joins it");
	assert_true(r.joins);
	assert_int_equal(r.make.founders, 3);
	assert_int_equal(r.make.node_id, 4);
	assert_true(r.make.cluster_id == 0xabc);
	assert_int_equal(r.make.lease_ms, 20000);
	assert_int_equal(r.make.segments, 8);
	assert_int_equal(r.make.n_members, 4);
	assert_string_equal(r.make.members[3].name, "n4");
	made();
	assert_next(ROLLOUT_WAIT, "n4 is taken in by the same command where the leader of demo runs");
	r.answers[1].told = false;
	assert_next(ROLLOUT_WAIT, "no member of the cluster answers");
}

static void a_number_that_meant_another_is_not_taken(void **state)
{
	struct kqd_told *t;

	(void)state;
	begin(5, 4);
	t = belongs(1, 3);
	t->gone = node_bit(4);
	assert_next(ROLLOUT_MAKE, NULL);
	assert_int_equal(r.make.node_id, 6);	/* n5 takes 5 */
	t->gone = 0;
	t->member[3].id = 4;
	t->member[3].member = false;
	strcpy(t->member[3].name, "n9");
	t->n = 4;
	assert_next(ROLLOUT_MAKE, NULL);
	assert_int_equal(r.make.node_id, 6);
	/* It had number 4, and was not taken in: another was faster. */
	t->n = 3;
	assert_next(ROLLOUT_MAKE, NULL);
	made();
	t->n = 4;
	t->member[3].member = true;
	assert_next(ROLLOUT_REMAKE, NULL);
	assert_true(r.joins);
	assert_int_equal(r.make.node_id, 6);
	t->gone = 0xffff & ~1u;
	t->founders = 0xe;
	assert_next(ROLLOUT_REFUSE, "has no number left for n4");
}

/* It was made to begin one while nobody answered. */
static void who_did_not_know_better_is_made_anew_to_join(void **state)
{
	(void)state;
	begin(4, 4);
	assert_next(ROLLOUT_MAKE, NULL);
	assert_false(r.joins);
	made();
	belongs(1, 3);
	assert_next(ROLLOUT_REMAKE, "n1 belongs to a cluster: this machine joins it");
	assert_true(r.joins);
	/* But not when it has a log. */
	r.st.empty = false;
	assert_next(ROLLOUT_WAIT, "n4 has a log, and is no member by it");
}

static void who_lost_its_disk_is_told_how_it_is_replaced(void **state)
{
	(void)state;
	begin(3, 3);
	belongs(1, 3);
	assert_next(ROLLOUT_REFUSE, "n3 is a member of demo already, with other files than are here, for there are none");
	assert_contains(r.why, "kquorum member replace n3 n3=10.0.0.3:7420");
	assert_int_equal(r.code, KQUORUM_EXIT_ERROR);
	/* It was made before anybody answered: nothing begins by that. */
	r.answers[0].told = false;
	assert_next(ROLLOUT_MAKE, NULL);
	made();
	r.st.identity = 999;
	belongs(1, 3);
	assert_next(ROLLOUT_REFUSE, "n3 is a member of demo already, with other files than those here");
	/* One that is behind does not know it: the others do. */
	belongs(1, 2);
	belongs(2, 3);
	assert_next(ROLLOUT_REFUSE, "n3 is a member of demo already");
	/* The line that replace printed has been run here. */
	r.own.founders = 3;
	r.own.cluster_id = 0xabc;
	r.own.node_id = 4;
	assert_next(ROLLOUT_WAIT, "n3 waits to take the place of the n3 that is a member");
}

static void two_clusters_of_one_name_are_told_apart(void **state)
{
	(void)state;
	begin(3, 3);
	belongs(1, 2);
	belongs(2, 2)->cluster_id = 0xdef;
	assert_next(ROLLOUT_REFUSE, "n1 and n2 belong to two clusters that are both called demo");
	r.answers[1].told = r.answers[0].told = false;
	assert_next(ROLLOUT_MAKE, NULL);
	made();
	belongs(1, 2);
	belongs(2, 2)->cluster_id = 0xdef;
	assert_next(ROLLOUT_REFUSE, "two clusters");
}

/* --- a member ------------------------------------------------------------------------------- */

static void whoever_leads_takes_in_who_has_come(void **state)
{
	struct kquorum_peer_status *p;

	(void)state;
	begin(5, 1);
	member_of(3);
	assert_next(ROLLOUT_WAIT, "n4 is no member yet: Connection refused");
	p = newcomer_up(&r.st, 7);
	strcpy(p->name, "n5");
	assert_next(ROLLOUT_TAKE_IN, NULL);
	assert_int_equal(r.take_id, 7);
	assert_string_equal(r.take->name, "n5");
	r.st.role = KQUORUM_FOLLOWER;
	r.st.leader = 2;
	r.answers[3].why[0] = '\0';
	assert_next(ROLLOUT_WAIT, "n4 is no member yet: it does not answer");
	strcpy(newcomer_up(&r.st, 4)->name, "n4");
	assert_next(ROLLOUT_WAIT, "n4 is taken in by the same command on n2, which leads");
	/* Who is a member already is no newcomer, whatever it is called. */
	r.st = cluster_of(5);
	strcpy(newcomer_up(&r.st, 9)->name, "n5");
	assert_next(ROLLOUT_DONE, NULL);
}

static void it_is_done_when_all_vote(void **state)
{
	(void)state;
	begin(3, 1);
	member_of(3);
	assert_next(ROLLOUT_DONE, NULL);
	/* That one is down is no matter. */
	node_down(&r.st, 3);
	assert_next(ROLLOUT_DONE, NULL);
	learner_up(&r.st, 3)->promote = true;
	assert_next(ROLLOUT_WAIT, "n3 is taken in, and catches up");
	node_row(&r.st, 3)->promote = false;	/* somebody wants it so */
	assert_next(ROLLOUT_DONE, NULL);
	r.st.outgoing = 0xe;
	assert_next(ROLLOUT_WAIT, "a change of the members is under way");
	r.st.outgoing = 0;
	r.st.quorum = false;
	assert_next(ROLLOUT_WAIT, "there is no leader");
}

static void who_was_taken_out_does_not_come_back_by_itself(void **state)
{
	(void)state;
	begin(4, 1);
	member_of(3);
	r.st.gone = node_bit(4);
	strcpy(r.st.departed[4], "n4");
	assert_next(ROLLOUT_REFUSE, "n4 has left the cluster: take it out of FILE");
	/* One that was made anew since is meant to. */
	strcpy(newcomer_up(&r.st, 5)->name, "n4");
	assert_next(ROLLOUT_TAKE_IN, NULL);
	begin(3, 1);
	member_of(3);
	r.st.left = true;
	assert_next(ROLLOUT_REFUSE, "n1 has left the cluster");
}

static void what_is_wrong_here_is_said_first(void **state)
{
	(void)state;
	begin(3, 1);
	r.broken = "it is broken";
	assert_next(ROLLOUT_REFUSE, "it is broken");
	begin(3, 1);
	member_of(3);
	r.st.state = KQUORUM_NODE_RECOVERING;
	assert_next(ROLLOUT_WAIT, "still reading its log");
	r.st.state = KQUORUM_NODE_FAILED;
	assert_next(ROLLOUT_REFUSE, "does not serve");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_has_nothing_is_made_to_begin_with_all),
		cmocka_unit_test(the_id_follows_from_the_file),
		cmocka_unit_test(many_that_are_missing_fit_the_screen),
		cmocka_unit_test(a_file_that_changed_before_it_began_makes_it_anew),
		cmocka_unit_test(who_is_new_joins_a_cluster_that_runs),
		cmocka_unit_test(a_number_that_meant_another_is_not_taken),
		cmocka_unit_test(who_did_not_know_better_is_made_anew_to_join),
		cmocka_unit_test(who_lost_its_disk_is_told_how_it_is_replaced),
		cmocka_unit_test(two_clusters_of_one_name_are_told_apart),
		cmocka_unit_test(whoever_leads_takes_in_who_has_come),
		cmocka_unit_test(it_is_done_when_all_vote),
		cmocka_unit_test(who_was_taken_out_does_not_come_back_by_itself),
		cmocka_unit_test(what_is_wrong_here_is_said_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
