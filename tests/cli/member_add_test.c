// SPDX-License-Identifier: GPL-2.0
/* kquorum member add: the newcomer's number, and the line that makes it a node. */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "member_run.h"

struct cli cli;

static void add_goes_the_whole_way(void **state)
{
	(void)state;
	w->each = n4_comes;
	assert_int_equal(member("add n4=10.0.0.4"), 0);
	assert_int_equal(w->st.voters, 0x1e);
	assert_int_equal(w->st.outgoing, 0);
	assert_true(status_settled(&w->st));
	assert_int_equal(w->changes, 1);
	assert_contains(out, "On the new machine:\n  kquorum join --name demo --cluster-id 0000000000000abc "
			"--node n4 --listen 10.0.0.4:7420 --founders 3 --id n4=4 --peer n1=10.0.0.1:7420");
	assert_contains(out, "\n  kquorum start demo\n");
	assert_contains(out, "\nn4 is a member\n");
	assert_int_equal(count("kquorum join"), 1);
	/* Once more it is so already. */
	w->each = NULL;
	assert_int_equal(member("add n4=10.0.0.4"), 0);
	assert_string_equal(out, "n4 is a member\n");
	assert_int_equal(member("add n4=10.0.0.9"), 1);
	assert_contains(out, "kquorum member set-address n4 10.0.0.9:7420");
	assert_int_equal(w->changes, 1);
}

/* Broken off, and typed again without the number. */
static void add_names_a_machine_that_waits_already(void **state)
{
	(void)state;
	newcomer_up(&w->st, 4);
	strcpy(node_row(&w->st, 4)->name, "n4");
	assert_int_equal(member("add n4=10.0.0.4 -w 0"), 75);
	assert_contains(out, "--id n4=5");
	assert_contains(out, "A machine called n4 has number 4 and waits to be taken in. Is it that one? "
			"The same\n  command with --id 4.\n");
	assert_int_equal(member("add n6=10.0.0.6 -w 0"), 75);
	assert_null(strstr(out, "Is it that one?"));
}

static void add_says_why_it_waits(void **state)
{
	(void)state;
	strcpy(node_row(&w->st, 3)->reason, "");
	strcpy(node_row(&w->st, 4)->reason, "it is of another cluster");
	assert_int_equal(member("add n4=10.0.0.4 --id 4 -w 0"), 75);
	assert_contains(out, "n4: not yet: n4 is not connected: it is of another cluster\n"
			"  to go on with it: kquorum member add n4=10.0.0.4:7420 --id 4\n");
	assert_int_equal(run_on_terminal(&command_member, "member add n4=10.0.0.4 --id 4 -w 0"), 75);
	assert_contains(out, "waiting: n4 is not connected: it is of another cluster");
}

static void add_is_taken_up_by_its_number(void **state)
{
	(void)state;
	assert_int_equal(member("add n4=10.0.0.4 --learner -w 0"), 75);
	assert_contains(out, "--id n4=4");
	assert_contains(out, "kquorum member add n4=10.0.0.4:7420 --learner --id 4\n");
	newcomer_up(&w->st, 4);
	/* Under a number that somebody is connected with, nobody is taken for another. */
	assert_int_equal(member("add n5=10.0.0.5 -w 0"), 75);
	assert_contains(out, "--id n5=5");
	assert_int_equal(w->changes, 0);
	assert_int_equal(member("add n4=10.0.0.4 --learner --id 4"), 0);
	assert_string_equal(out, "n4 is a member\n");
	assert_int_equal(w->st.learners, 0x10);
	assert_int_equal(member("add n5=10.0.0.5 --id 4 -w 0"), 1);
	assert_contains(out, "--id 4: that is the number of n4");
}

/* What the other command does while it waits. */
static int hold_number(unsigned int id, const char *name)
{
	struct reservation other;
	char why[256];
	int fd = reserve_number(0xabc, id, name, &other, why, sizeof(why));

	assert_true(fd >= 0);
	return fd;
}

static void add_gives_no_number_to_two(void **state)
{
	int fd = hold_number(4, "n4");

	(void)state;
	assert_int_equal(member("add n5=10.0.0.5 -w 0"), 75);
	assert_contains(out, "--id n5=5");
	assert_int_equal(member("add n5=10.0.0.5 --id 4 -w 0"), 75);
	assert_contains(out, "another kquorum member waits for the new machine with number 4");
	close(fd);
	assert_int_equal(member("add n5=10.0.0.5 -w 0"), 75);
	assert_contains(out, "--id n5=4");
}

/* Two lines for one machine: whoever ran the first would wait for ever. */
static void add_asked_twice_tells_of_the_first(void **state)
{
	int fd = hold_number(4, "n4");

	(void)state;
	assert_int_equal(member("add n4=10.0.0.4 -w 0"), 75);
	assert_contains(out, "waits for n4 with number 4 already");
	assert_null(strstr(out, "kquorum join"));
	assert_int_equal(member("add n4=10.0.0.4 --id 4 -w 0"), 75);
	assert_contains(out, "waits for n4 with number 4 already");
	close(fd);
	/* What is left of a command that has ended says nothing. */
	assert_int_equal(member("add n4=10.0.0.4 -w 0"), 75);
	assert_contains(out, "--id n4=4");
}

/* Else anybody could keep all numbers, or remove the file of one that is held. */
static void numbers_are_held_where_only_root_writes(void **state)
{
	struct reservation other;
	char why[256];

	(void)state;
	close(hold_number(9, "n9"));
	assert_int_equal(chmod(reserve_directory, 0777), 0);
	assert_int_equal(member("add n5=10.0.0.5 -w 0"), 77);
	assert_contains(out, "can be written by others");
	assert_int_equal(reserve_number(0xabc, 9, "n9", &other, why, sizeof(why)), -EPERM);
	assert_int_equal(chmod(reserve_directory, 0700), 0);
	close(hold_number(9, "n9"));
}

/* Two leaders have given number 4 away, and the other one's machine came first. */
static void another_comes_first(unsigned int look)
{
	if (look == 3)
		strcpy(newcomer_up(&w->st, 4)->name, "n9");
	if (look == 6)
		strcpy(newcomer_up(&w->st, 5)->name, "n4");
}

static void add_takes_nobody_for_another(void **state)
{
	(void)state;
	w->each = another_comes_first;
	assert_int_equal(member("add n4=10.0.0.4"), 0);
	assert_contains(out, "The line above is void, for number 4 was given to another.");
	assert_int_equal(w->st.voters, 0x2e);
	assert_string_equal(node_row(&w->st, 5)->name, "n4");
	w->each = NULL;
	assert_int_equal(member("add n6=10.0.0.6 --id 4"), 1);
	assert_contains(out, "--id 4: n9 is connected with that number, not n6");
}

/* At another leader, which is one no more, n9 got number 4. */
static void n9_is_faster(unsigned int look)
{
	if (look == 2) {
		strcpy(learner_up(&w->st, 4)->name, "n9");
		strcpy(node_row(&w->st, 4)->address, "10.0.0.9:7420");
	}
	if (look == 4)
		newcomer_up(&w->st, 5);
}

static void add_says_that_a_line_is_void(void **state)
{
	const char *at;

	(void)state;
	w->each = n9_is_faster;
	assert_int_equal(member("add n4=10.0.0.4"), 0);
	at = strstr(out, "--id n4=4");
	assert_non_null(at);
	at = strstr(at, "The line above is void, for number 4 was given to another. On the new machine:\n");
	assert_non_null(at);
	assert_contains(at, "--id n4=5");
	assert_int_equal(w->st.voters, 0x2e);
	assert_int_equal(w->st.learners, 0x10);
	leader_begin(3);
	w->each = n9_is_faster;
	assert_int_equal(member("add n4=10.0.0.4 -j"), 0);
	assert_contains(out, "\"id\":4,\"void_id\":null,\"join_command\":\"kquorum join ");
	assert_contains(out, "\"id\":5,\"void_id\":4,\"join_command\":\"kquorum join ");
}

static void add_tells_the_line_in_json_at_once(void **state)
{
	const cJSON *members;
	cJSON *first, *last;
	char *next;

	(void)state;
	w->each = n4_comes;
	assert_int_equal(member("add n4=10.0.0.4 -j"), 0);
	next = strchr(out, '\n');
	assert_non_null(next);
	*next++ = '\0';
	first = cJSON_Parse(out);
	last = cJSON_Parse(next);
	assert_non_null(first);
	assert_non_null(last);
	assert_contains(cJSON_GetStringValue(cJSON_GetObjectItem(first, "join_command")),
			"kquorum join --name demo");
	assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(first, "start_command")),
			    "kquorum start demo");
	members = cJSON_GetObjectItem(last, "members");
	assert_int_equal(cJSON_GetArraySize(members), 4);
	assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(cJSON_GetArrayItem(members, 3),
								     "role")), "voter");
	assert_true(cJSON_IsTrue(cJSON_GetObjectItem(last, "configuration_settled")));
	cJSON_Delete(first);
	cJSON_Delete(last);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		IN_A_CLUSTER(add_goes_the_whole_way),
		IN_A_CLUSTER(add_names_a_machine_that_waits_already),
		IN_A_CLUSTER(add_says_why_it_waits),
		IN_A_CLUSTER(add_is_taken_up_by_its_number),
		IN_A_CLUSTER(add_gives_no_number_to_two),
		IN_A_CLUSTER(add_asked_twice_tells_of_the_first),
		IN_A_CLUSTER(numbers_are_held_where_only_root_writes),
		IN_A_CLUSTER(add_takes_nobody_for_another),
		IN_A_CLUSTER(add_says_that_a_line_is_void),
		IN_A_CLUSTER(add_tells_the_line_in_json_at_once),
	};

	return cmocka_run_group_tests(tests, setup_all, teardown_all);
}
