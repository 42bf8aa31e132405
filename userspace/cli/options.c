// SPDX-License-Identifier: GPL-2.0
/* Options by table: parsing, --help and usage errors come from the same rows. */
#include <arpa/inet.h>
#include <ctype.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

#define MAX_OPTIONS 32
#define HELP_COLUMN 28

static const struct cli_option common[] = {
	{ 'j', "json", NULL, "print JSON" },
	{ 'h', "help", NULL, "show this help" },
	{ 0 },
};

static void print_option(FILE *to, const struct cli_option *o)
{
	char left[64];
	int n = 0;

	n += snprintf(left + n, sizeof(left) - n, o->key < 256 ? "  -%c, " : "      ", o->key);
	n += snprintf(left + n, sizeof(left) - n, "--%s", o->name);
	if (o->arg)
		n += snprintf(left + n, sizeof(left) - n, "=%s", o->arg);
	if (n >= HELP_COLUMN)
		fprintf(to, "%s\n%*s%s\n", left, HELP_COLUMN, "", o->help);
	else
		fprintf(to, "%-*s%s\n", HELP_COLUMN, left, o->help);
}

void cli_usage(FILE *to)
{
	const struct cli_command *c = cli.command;
	const struct cli_option *o;

	fprintf(to, "Usage: kquorum %s %s\n\n%c%s.\n", c->name, c->synopsis,
		toupper((unsigned char)c->summary[0]), c->summary + 1);
	if (c->details)
		fprintf(to, "\n%s", c->details);
	fputs("\nOptions:\n", to);
	for (o = c->options; o && o->name; o++)
		print_option(to, o);
	for (o = common; o->name; o++)
		if (o->key != 'j' || c->json)
			print_option(to, o);
}

void cli_usage_error(const char *format, ...)
{
	va_list ap;

	fprintf(stderr, "kquorum %s: ", cli.command->name);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fprintf(stderr, "\nUsage: kquorum %s %s\nTry: kquorum %s --help\n", cli.command->name,
		cli.command->synopsis, cli.command->name);
	exit(KQUORUM_EXIT_USAGE);
}

static void add_option(const struct cli_option *o, struct option *l, char *letters, size_t size)
{
	char add[3] = { 0 };

	*l = (struct option){ o->name, o->arg ? required_argument : no_argument, NULL, o->key };
	if (o->key > 255)
		return;
	add[0] = o->key;
	if (o->arg)
		add[1] = ':';
	strncat(letters, add, size - strlen(letters) - 1);
}

#define WORD_MAX 32
#define MAX_VERBS 16

/* How many letters to put in, leave out, replace or swap with their neighbour. */
static unsigned int distance(const char *a, const char *b)
{
	unsigned int d[WORD_MAX + 1][WORD_MAX + 1], n = strlen(a), m = strlen(b), i, j;

	for (i = 0; i <= n; i++) {
		for (j = 0; j <= m; j++) {
			unsigned int best = i + j;

			if (i && j)
				best = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
			if (i && d[i - 1][j] + 1 < best)
				best = d[i - 1][j] + 1;
			if (j && d[i][j - 1] + 1 < best)
				best = d[i][j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    d[i - 2][j - 2] + 1 < best)
				best = d[i - 2][j - 2] + 1;
			d[i][j] = best;
		}
	}
	return d[n][m];
}

const char *cli_nearest(const char *typed, const char *const *words, size_t n)
{
	size_t length = strlen(typed), i;
	unsigned int least = length < 4 ? 2 : 3;	/* short words are close to everything */
	unsigned int begins = 0;
	const char *nearest = NULL;

	if (!length || length > WORD_MAX)
		return NULL;
	for (i = 0; i < n; i++) {
		if (strncmp(words[i], typed, length) && strncmp(words[i], typed, strlen(words[i])))
			continue;
		begins++;
		nearest = words[i];
	}
	/* The beginning of several says nothing. */
	if (begins)
		return begins == 1 ? nearest : NULL;
	for (i = 0; i < n; i++) {
		unsigned int d = strlen(words[i]) <= WORD_MAX ? distance(typed, words[i]) : least;

		if (d < least) {
			least = d;
			nearest = words[i];
		}
	}
	return nearest;
}

static const char *verb_of(const struct cli_command *c)
{
	return strrchr(c->name, ' ') + 1;
}

/* "this, that or another". */
static void list_verbs(const struct cli_command *const *verbs, size_t n, char *to, size_t size)
{
	size_t i, at = 0;

	for (i = 0; i < n && at < size; i++)
		at += snprintf(to + at, size - at, "%s%s", !i ? "" : i + 1 < n ? ", " : " or ",
			       verb_of(verbs[i]));
}

static const struct cli_command *find_verb(const struct cli_command *const *verbs, size_t n,
					   const char *word)
{
	const char *names[MAX_VERBS], *close;
	char all[256] = "";
	size_t i;

	for (i = 0; i < n && i < MAX_VERBS; i++) {
		names[i] = verb_of(verbs[i]);
		if (!strcmp(word, names[i]))
			return verbs[i];
	}
	close = cli_nearest(word, names, i);
	if (close)
		cli_usage_error("no \"%s\": did you mean %s?", word, close);
	list_verbs(verbs, n, all, sizeof(all));
	cli_usage_error("no \"%s\": %s", word, all);
}

int cli_verb_at(int argc, char **argv)
{
	int at = 1;

	while (at < argc && (!strcmp(argv[at], "-j") || !strcmp(argv[at], "--json")))
		at++;
	return at;
}

int cli_run_verb(const struct cli_command *const *verbs, size_t n, int argc, char **argv)
{
	int at = cli_verb_at(argc, argv);
	char all[256] = "";

	if (at < argc && *argv[at] == '-')
		cli_parse(argc, argv, NULL, NULL);	/* --help, or none that there is */
	if (at == argc || *argv[at] == '-') {
		list_verbs(verbs, n, all, sizeof(all));
		cli_usage_error("%s? That comes first, options behind it", all);
	}
	cli.json = at > 1;
	cli.command = find_verb(verbs, n, argv[at]);
	return cli.command->run(argc - at, argv + at);
}

/* A long option is unknown, or its short form fits several: getopt says '?' to both. */
static void refuse_long(const char *word, const struct option *longs)
{
	const char *names[MAX_OPTIONS], *close;
	size_t n = strcspn(word + 2, "="), all = 0, fits = 0;
	char typed[64], fitting[200] = "";

	snprintf(typed, sizeof(typed), "%.*s", (int)n, word + 2);
	for (; longs->name; longs++) {
		names[all++] = longs->name;
		if (strncmp(longs->name, typed, strlen(typed)))
			continue;
		n = strlen(fitting);
		snprintf(fitting + n, sizeof(fitting) - n, "%s--%s", fits++ ? ", " : "", longs->name);
	}
	if (fits > 1)
		cli_usage_error("option --%s fits more than one: %s", typed, fitting);
	close = cli_nearest(typed, names, all);
	if (close)
		cli_usage_error("no option --%s; did you mean --%s?", typed, close);
	cli_usage_error("no option --%s", typed);
}

/* getopt's '?' and ':' tell a wrong option and a missing argument apart. */
static void refuse(int c, char **argv, const struct option *longs)
{
	const char *word = argv[optind - 1];

	if (c == ':')
		cli_usage_error("option %s needs an argument", word);
	if (optopt && !strncmp(word, "--", 2))
		cli_usage_error("option %s takes no argument", word);
	if (optopt)
		cli_usage_error("no option -%c", optopt);
	refuse_long(word, longs);
}

int cli_parse(int argc, char **argv, cli_take take, void *user)
{
	const struct cli_command *cmd = cli.command;
	struct option longs[MAX_OPTIONS] = { 0 };
	char letters[2 * MAX_OPTIONS + 3];
	const struct cli_option *o;
	unsigned int n = 0;
	int c;

	strcpy(letters, cmd->posix ? "+:" : ":");
	for (o = cmd->options; o && o->name; o++)
		add_option(o, &longs[n++], letters, sizeof(letters));
	for (o = common; o->name; o++)
		if (o->key != 'j' || cmd->json)
			add_option(o, &longs[n++], letters, sizeof(letters));
	opterr = 0;
	optind = 0;	/* from the start, as often as it is called */
	while ((c = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
		switch (c) {
		case 'h':
			cli_usage(stdout);
			exit(cli_finish(KQUORUM_EXIT_DONE));
		case 'j':
			cli.json = true;
			break;
		case '?':
		case ':':
			refuse(c, argv, longs);
			break;
		default:
			if (take)
				take(c, optarg, user);
		}
	}
	return optind;
}

/* "OPTION: ", or nothing for an operand. */
static const char *place(const char *option, char *buf, size_t size)
{
	snprintf(buf, size, "%s%s", option ? option : "", option ? ": " : "");
	return buf;
}

/*
 * Digits and dots that are no IPv4 address would be looked up as a name, which never
 * exists, or be taken for another address ("10.1" for 10.0.0.1).
 */
void cli_address(const char *option, const char *text, struct kquorum_address *to)
{
	unsigned char ip[4];
	char err[160], at[32];

	if (kquorum_address_parse(text, to, err, sizeof(err)))
		cli_usage_error("%s%s", place(option, at, sizeof(at)), err);
	if (strspn(to->host, "0123456789.") == strlen(to->host) &&
	    inet_pton(AF_INET, to->host, ip) != 1)
		cli_usage_error("%s\"%s\" is no IPv4 address: that has four numbers from 0 to 255",
				place(option, at, sizeof(at)), to->host);
}

bool address_is_wildcard(const struct kquorum_address *a)
{
	static const unsigned char zero[16];
	unsigned char ip[16];

	return (inet_pton(AF_INET, a->host, ip) == 1 && !memcmp(ip, zero, 4)) ||
		(inet_pton(AF_INET6, a->host, ip) == 1 && !memcmp(ip, zero, 16));
}

void cli_node_address(const char *option, const char *text, struct kquorum_address *to)
{
	char at[32];

	cli_address(option, text, to);
	if (address_is_wildcard(to))
		cli_usage_error("%s\"%s\" stands for all addresses: say one where others reach the node",
				place(option, at, sizeof(at)), to->host);
}

uint64_t cli_number(const char *option, const char *text, uint64_t min, uint64_t max)
{
	uint64_t value;

	if (parse_number(text, &value) || value < min || value > max) {
		if (max == UINT64_MAX)
			cli_usage_error("%s: \"%s\" is not a whole number from %" PRIu64 " up", option,
					text, min);
		cli_usage_error("%s: \"%s\" is not a whole number from %" PRIu64 " to %" PRIu64,
				option, text, min, max);
	}
	return value;
}

uint64_t cli_duration(const char *option, const char *text)
{
	uint64_t ns;

	if (parse_duration(text, &ns))
		cli_usage_error("%s: \"%s\" is not a time: seconds, or a number with ns, us, ms, s, m or h",
				option, text);
	return ns;
}

uint32_t cli_grant_ms(const char *option, const char *text, bool none)
{
	uint64_t ms = cli_duration(option, text);

	ms = ms / NS_PER_MS + (ms % NS_PER_MS != 0);
	if (!ms && none)
		return 0;
	if (ms < GRANT_MS_MIN || ms > KQUORUM_GRANT_MS_MAX)
		cli_usage_error("%s: %s is from 100ms to 24 days%s", option, text, none ? ", or 0: none" : "");
	return ms;
}

uint32_t cli_drain_ms(const char *option, const char *text)
{
	uint64_t ns = cli_duration(option, text);

	if (ns / NS_PER_MS >= KQUORUM_GRANT_MS_MAX)
		cli_usage_error("%s: %s is longer than 24 days", option, text);
	return (ns + NS_PER_MS - 1) / NS_PER_MS;
}

const char *cli_resource_name(const char *text)
{
	size_t n = strlen(text), i;

	if (!n || n > KQUORUM_RESOURCE_NAME_MAX)
		cli_usage_error("a resource's name has 1 to %d bytes, not %zu",
				KQUORUM_RESOURCE_NAME_MAX, n);
	for (i = 0; i < n; i++)
		if (iscntrl((unsigned char)text[i]))
			cli_usage_error("a resource's name has no control characters");
	return text;
}
