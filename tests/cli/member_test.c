// SPDX-License-Identifier: GPL-2.0
/* kquorum member against a leader of our own, which lives on between the commands. */
#include <errno.h>
#include <signal.h>

#include "member_run.h"

struct cli cli;

/* In a log of a script or of a service manager. */
static void what_it_waits_for_is_said_without_a_terminal_too(void **state)
{
	(void)state;
	strcpy(node_row(&w->st, 4)->reason, "it is of another cluster");
	assert_int_equal(member("add n4=10.0.0.4 --id 4 -w 1.4"), 75);
	assert_int_equal(count("waiting: n4 is not connected: it is of another cluster\n"), 1);
	assert_int_equal(member("add n4=10.0.0.4 --id 4 -w 1.4 -j"), 75);
	assert_null(strstr(out, "waiting: "));
}

/* A wait of ten minutes for a machine that catches up makes some lines, and not thousands. */
static void a_log_gets_few_lines(void **state)
{
	struct cli_waiting w = { 0 };
	const uint64_t s = NS_PER_SEC;

	(void)state;
	assert_false(cli_waiting_due(&w, 100 * s, false, "one"));
	assert_false(cli_waiting_due(&w, 100 * s + s / 2, false, "two"));
	assert_true(cli_waiting_due(&w, 101 * s, false, "two"));
	assert_false(cli_waiting_due(&w, 200 * s, false, "two"));
	assert_true(cli_waiting_due(&w, 201 * s, false, "three"));
	assert_false(cli_waiting_due(&w, 202 * s, false, "four"));
	assert_false(cli_waiting_due(&w, 230 * s, false, "four"));
	/* What was held back is said later, unless it is as it was. */
	assert_true(cli_waiting_due(&w, 231 * s, false, "four"));
	assert_false(cli_waiting_due(&w, 300 * s, false, ""));
	memset(&w, 0, sizeof(w));
	assert_true(cli_waiting_due(&w, 100 * s, true, "one"));
	assert_false(cli_waiting_due(&w, 100 * s, true, "one"));
	assert_true(cli_waiting_due(&w, 100 * s, true, "two"));
}

static void looks_again_after_what_passes(void **state)
{
	static const int passes[] = { -EREMOTE, -EAGAIN, -EBUSY, -ESTALE, -EEXIST, -EHOSTUNREACH,
				      -EALREADY };

	(void)state;
	newcomer_up(&w->st, 4);
	memcpy(w->errors, passes, sizeof(passes));
	assert_int_equal(member("add n4=10.0.0.4 --id 4"), 0);
	assert_int_equal(w->refused, 7);
	assert_int_equal(w->changes, 1);
}

static void ends_at_what_does_not_pass(void **state)
{
	static const int final[] = { -EKEYREJECTED, -EADDRINUSE, -ENOTUNIQ, -EINVAL, -ENOSPC };
	size_t i;

	(void)state;
	newcomer_up(&w->st, 4);
	for (i = 0; i < sizeof(final) / sizeof(final[0]); i++) {
		w->refused = 0;
		w->errors[0] = final[i];
		assert_int_equal(member("add n4=10.0.0.4 --id 4"), 1);
		assert_string_equal(out, "kquorum member: the library's words\n");
	}
	w->refused = 0;
	w->errors[0] = -EPERM;
	assert_int_equal(member("add n4=10.0.0.4 --id 4"), 77);
}

static void says_who_is_missing(void **state)
{
	(void)state;
	/* Who stays decides, and a majority of them is not there: nobody need wait for it. */
	node_down(&w->st, 2);
	node_down(&w->st, 3);
	assert_int_equal(member("remove n2 --force"), 1);
	assert_contains(out, "the library's words:\n  n3 (down, heard 12.0s ago)\n");
	assert_int_equal(member("demote n2 --force"), 1);
	assert_contains(out, "n3 (down, heard 12.0s ago)\n");
	/* A new voter may be waited for. */
	learner_up(&w->st, 4);
	assert_int_equal(member("promote n4 -w 0"), 75);
	assert_contains(out, "n4: not yet: the library's words:\n"
			"  n2 (down, heard 12.0s ago), n3 (down, heard 12.0s ago)\n"
			"  to go on with it: kquorum member promote n4\n");
	/* So may the end of a change. */
	w->st.outgoing = 0x1e;
	w->st.quorum = false;
	assert_int_equal(member("promote n4 -w 0"), 69);
	w->st.quorum = true;
	w->st.conf_index = ++w->st.last_index;
	w->st.commit_index--;
	assert_int_equal(member("list"), 0);
	assert_contains(out, "a change is under way that makes n1, n2, n3 the voters\n"
			"  without n2 (down, heard 12.0s ago), n3 (down, heard 12.0s ago)\n");
}

static void n1_goes(unsigned int look)
{
	(void)look;
	/* It is told who leads, and follows nobody. */
	if (w->st.voters & 2 || !status_settled(&w->st))
		return;
	w->st.role = KQUORUM_FOLLOWER;
	w->st.leader = 2;
	w->st.left = true;
}

static void leader_may_take_itself_out(void **state)
{
	(void)state;
	leader_begin(5);
	w->each = n1_goes;
	assert_int_equal(member("remove n1"), 0);
	assert_string_equal(out, "n1 has left\n");
	assert_int_equal(w->st.voters, 0x3c);
	/* Again, now that it has left: the log tells that it was here. */
	assert_int_equal(member("remove n1"), 0);
	assert_string_equal(out, "n1 has left already\n");
	assert_int_equal(member("add n7=10.0.0.7"), 1);
	assert_contains(out, "this node has left the cluster");
	leader_begin(5);
	w->each = n1_goes;
	assert_int_equal(member("demote n1"), 0);
	assert_string_equal(out, "n1 is a learner\n");
}

static void whoever_leads_is_to_be_asked(void **state)
{
	(void)state;
	w->st.role = KQUORUM_FOLLOWER;
	w->st.leader = 2;
	node_row(&w->st, 2)->address[0] = '\0';
	assert_int_equal(member("remove n3 --force"), 75);
	assert_string_equal(out, "kquorum member: n2 leads: run there\n"
			    "  kquorum member remove n3 --force\n");
	assert_int_equal(member("replace n3 n4=[::1]"), 75);
	assert_contains(out, "  kquorum member replace n3 n4='[::1]:7420'\n");
	assert_int_equal(member("set-address n3 10.0.0.9:1"), 75);
	assert_contains(out, "  kquorum member set-address n3 10.0.0.9:1\n");
	/* What is so already needs no leader. */
	assert_int_equal(member("set-address n3 10.0.0.3"), 0);
	assert_contains(out, "n3 is known there\n  unless it listens on all addresses: ");
	assert_contains(out, "put the new one into its kquorum.conf, as listen and as\n  advertise, then, on it, "
			"systemctl reload kquorumd");
	assert_fits();
}

static void election_passes(unsigned int look)
{
	w->st.quorum = look > 3;
	w->st.leader = look > 3;
	w->st.role = look > 3 ? KQUORUM_LEADER : KQUORUM_FOLLOWER;
}

static void waits_for_a_leader(void **state)
{
	(void)state;
	w->each = election_passes;
	assert_int_equal(member("set-address n3 10.0.0.9"), 0);
	assert_true(w->looks > 3);
	w->looks = 0;
	assert_int_equal(member("set-address n3 10.0.0.10 -w 0"), 69);
	assert_contains(out, "n3: not yet: there is no leader: kquorum status says why\n");
	w->looks = 0;
	w->st.state = KQUORUM_NODE_DAMAGED;
	assert_int_equal(member("set-address n3 10.0.0.10"), 69);
	assert_contains(out, "this node does not serve");
}

/* Under its own name, broken off after each look. */
static void replace_may_be_broken_off_anywhere(void **state)
{
	unsigned int i;
	int ret = 75;

	(void)state;
	node_down(&w->st, 3);
	assert_int_equal(member("replace n3 n3=10.0.0.3 -w 0"), 75);
	assert_contains(out, "--node n3 --listen 10.0.0.3:7420 --founders 3 --id n3=4 --peer n1=");
	assert_null(strstr(out, "n3=3"));
	assert_contains(out, "kquorum member replace n3 n3=10.0.0.3:7420 --id 4\n");
	newcomer_up(&w->st, 4);
	assert_int_equal(member("replace n3 n3=10.0.0.3 --id 4 -w 0"), 75);
	for (i = 0; i < 20 && ret == 75; i++)
		ret = member("replace n3 n3=10.0.0.3 -w 0");
	assert_int_equal(ret, 0);
	assert_int_equal(w->changes, 2);
	assert_int_equal(w->st.voters, 0x16);
	assert_string_equal(node_row(&w->st, 4)->name, "n3");
	assert_string_equal(node_row(&w->st, 4)->address, "10.0.0.3:7420");
	assert_string_equal(out, "n3 is up at 10.0.0.3:7420, and a member: nothing is to be replaced\n");
	/* In one go, by a machine of another name; and once more. */
	leader_begin(3);
	node_down(&w->st, 3);
	w->each = n4_comes;
	assert_int_equal(member("replace n3 n4=10.0.0.4"), 0);
	assert_contains(out, "n4 has taken its place\n");
	assert_int_equal(member("replace n3 n4=10.0.0.4"), 0);
	assert_string_equal(out, "n4 has taken its place\n");
	assert_int_equal(w->changes, 2);
	assert_int_equal(member("replace n8 n4=10.0.0.4"), 66);
	assert_contains(out, "no member n8 in cluster demo");
}

static void replace_does_not_begin_again(void **state)
{
	(void)state;
	node_down(&w->st, 3);
	w->each = n4_comes;
	assert_int_equal(member("replace n3 n3=10.0.0.3"), 0);
	assert_int_equal(count("kquorum join"), 1);
	assert_contains(out, "n3 has taken its place\n");
	assert_int_equal(w->changes, 2);
}

static void remove_knows_who_was_there(void **state)
{
	(void)state;
	leader_begin(5);
	assert_int_equal(member("remove n5"), 0);
	assert_string_equal(out, "n5 has left\n");
	assert_int_equal(member("remove n5"), 0);
	assert_string_equal(out, "n5 has left already\n");
	assert_int_equal(member("remove n6"), 66);
	assert_string_equal(out, "kquorum member: no member n6 in cluster demo\n");
	assert_int_equal(w->changes, 1);
	/* Also when a snapshot stands for that part of the log. */
	w->n_confs = 0;
	w->st.gone = node_bit(5);
	strcpy(w->st.departed[5], "n5");
	assert_int_equal(member("remove n5"), 0);
	assert_string_equal(out, "n5 has left already\n");
	assert_int_equal(member("replace n5 n7=10.0.0.7"), 66);
	assert_contains(out, "n5 has left: kquorum member add takes n7 in");
	/* Who cannot read it does not say that nobody was there. */
	w->log_error = -ENOMEM;
	assert_int_equal(member("remove n6"), 1);
	assert_contains(out, "the log cannot be read: the library's words");
}

static void list_shows_what_each_is(void **state)
{
	(void)state;
	learner_up(&w->st, 4)->promote = true;
	node_row(&w->st, 4)->priority = 7;
	learner_up(&w->st, 5)->witness = true;
	newcomer_up(&w->st, 6);
	w->st.outgoing = 0xce;
	node_up(&w->st, 7);
	w->st.quorum = false;	/* nothing moves */
	assert_int_equal(member("list"), 0);
	assert_contains(out, "ID  NODE  ADDRESS        ROLE                     PRIORITY\n"
			"1   n1    10.0.0.1:7420  voter                    100\n");
	assert_contains(out, "\n4   n4    10.0.0.4:7420  learner, to be promoted  7\n");
	assert_contains(out, "\n5   n5    10.0.0.5:7420  learner, witness         100\n");
	assert_contains(out, "\n7   n7    10.0.0.7:7420  leaving                  100\n");
	w->st.outgoing = 0;
	assert_int_equal(member("list"), 0);
	assert_null(strstr(out, "waits to be taken in"));	/* by whom? */
	assert_int_equal(member("-j"), 0);
	assert_contains(strstr(out, "\"n4\""), "\"role\":\t\"learner\",\n\t\t\t\"promote\":\ttrue");
	assert_contains(strstr(out, "\"n5\""), "\"role\":\t\"learner\",\n\t\t\t\"promote\":\tfalse");
	assert_contains(strstr(out, "\"id\":\t6"), "\"role\":\t\"none\"");
	leader_begin(3);
	strcpy(newcomer_up(&w->st, 6)->from, "10.0.0.6");
	assert_int_equal(member("list"), 0);
	assert_contains(out, "\nNAME, number 6, from 10.0.0.6, is no member and waits to be taken in:\n"
			"  kquorum member add NAME=10.0.0.6 --id 6\n");
	assert_fits();
	/* Before there is a configuration. */
	leader_begin(3);
	w->st.conf_index = w->st.commit_index = w->st.voters = 0;
	w->st.quorum = false;
	node_up(&w->st, 4);
	assert_int_equal(member("list"), 0);
	assert_contains(out, "\n3   n3    10.0.0.3:7420  founder  100\n");
	assert_contains(out, "\n4   n4    10.0.0.4:7420  unknown  100\n");
}

static void who_should_lead_is_set(void **state)
{
	(void)state;
	assert_int_equal(member("set n3 --priority 50 --witness"), 0);
	assert_string_equal(out, "n3 is preferred so\n");
	assert_int_equal(node_row(&w->st, 3)->priority, 50);
	assert_true(node_row(&w->st, 3)->witness);
	assert_int_equal(w->changes, 1);
	/* What is not named stays, and what is so already is not asked for. */
	assert_int_equal(member("set n3 --priority 50"), 0);
	assert_int_equal(w->changes, 1);
	assert_int_equal(member("set n3 --priority 0"), 0);
	assert_true(node_row(&w->st, 3)->witness);
	assert_int_equal(member("set-address n3 10.0.0.33"), 0);
	assert_true(node_row(&w->st, 3)->witness);
	assert_int_equal(node_row(&w->st, 3)->priority, 0);
	assert_int_equal(member("set n3 --no-witness"), 0);
	assert_false(node_row(&w->st, 3)->witness);
	assert_int_equal(member("set n9 --priority 5"), 66);
	/* Somebody has to lead for good. */
	assert_int_equal(member("set n1 --witness"), 0);
	assert_int_equal(member("set n2 --witness"), 0);
	assert_int_equal(member("set n3 --witness"), 1);
	assert_contains(out, "no voter but n3 may lead for good");
	assert_fits();
}

static void says_what_is_wrong_with_the_call(void **state)
{
	static const struct { const char *words, *says; } table[] = {
		{ "add n4=0.0.0.0", "\"0.0.0.0\" stands for all addresses" },
		{ "add n4=[::0]:7420", "stands for all addresses" },
		{ "replace n3 n4=10.0.0", "\"10.0.0\" is no IPv4 address" },
		{ "set-address n3 10.0.0.256", "is no IPv4 address" },
		{ "add n4", "is not NODE=ADDR" },
		{ "add -n4=h", "no option -n" },
		{ "remove n3 --learner", "--learner is for add" },
		{ "promote n3 --force", "--force is for remove and demote" },
		{ "remove n3 --id 4", "--id is for add and replace" },
		{ "list --wait 5", "--wait is for changes" },
		{ "add n4=h --id 16", "from 1 to 15" },
		{ "add", "kquorum member: add takes NODE=ADDR[:PORT]" },
		{ "replace n3", "kquorum member: replace takes OLD NEW=ADDR[:PORT]" },
		{ "list n3", "\"n3\" is one word too many: list takes none" },
		{ "set n3", "what is to be set?" },
		{ "set n3 --priority 256", "--priority" },
		{ "set n3 --witness --no-witness", "--witness or --no-witness" },
		{ "remove n3 --priority 5", "--priority is for add and set" },
		{ "add n4=h --no-witness", "--no-witness is for set" },
		{ "replce n3 n4=h", "did you mean replace?" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		assert_int_equal(member(table[i].words), 2);
		assert_contains(out, table[i].says);
	}
	assert_int_equal(w->looks, 0);
}

static void texts_fit_the_screen(void **state)
{
	static const char *const words[] = {
		"remove n2", "demote n2", "remove n9", "replace n9 n10=h", "add n2=10.0.0.99", "add n9=10.0.0.2",
		"promote n4 -w 0", "remove n3 --force", "add n4=10.0.0.4 --learner --id 2",
	};
	size_t i;

	(void)state;
	node_down(&w->st, 3);
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		assert_int_not_equal(member(words[i]), 1000 + SIGALRM);
		assert_fits();
	}
	w->st.voters = 2;
	learner_up(&w->st, 2);
	member("remove n1");
	assert_fits();
	/* All numbers are in use or were seen. */
	for (i = 3; i <= KQUORUM_MAX_NODES; i++)
		newcomer_up(&w->st, i);
	assert_int_equal(member("add n20=h"), 1);
	assert_contains(out, "no number is free, for these were seen that are no members:\n  node 3, node 4");
	assert_fits();
	leader_begin(15);
	assert_int_equal(member("add n20=h"), 1);
	assert_contains(out, "a cluster has at most 15 nodes: kquorum member remove one first");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		IN_A_CLUSTER(what_it_waits_for_is_said_without_a_terminal_too),
		cmocka_unit_test(a_log_gets_few_lines),
		IN_A_CLUSTER(looks_again_after_what_passes),
		IN_A_CLUSTER(ends_at_what_does_not_pass),
		IN_A_CLUSTER(says_who_is_missing),
		IN_A_CLUSTER(leader_may_take_itself_out),
		IN_A_CLUSTER(whoever_leads_is_to_be_asked),
		IN_A_CLUSTER(waits_for_a_leader),
		IN_A_CLUSTER(replace_may_be_broken_off_anywhere),
		IN_A_CLUSTER(replace_does_not_begin_again),
		IN_A_CLUSTER(remove_knows_who_was_there),
		IN_A_CLUSTER(list_shows_what_each_is),
		IN_A_CLUSTER(who_should_lead_is_set),
		IN_A_CLUSTER(says_what_is_wrong_with_the_call),
		IN_A_CLUSTER(texts_fit_the_screen),
	};

	return cmocka_run_group_tests(tests, setup_all, teardown_all);
}
