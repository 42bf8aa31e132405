/* SPDX-License-Identifier: GPL-2.0 */
/* What the subcommands of kquorum share. */
#ifndef KQUORUM_CLI_H
#define KQUORUM_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cjson/cJSON.h>

#include "config.h"
#include "kquorum-exit.h"
#include "libkquorum.h"

#define NS_PER_US	1000ULL
#define NS_PER_MS	1000000ULL
#define NS_PER_SEC	1000000000ULL

/* main.c */

struct cli_option {
	int key;		/* letter of the short form, or above 255 for none */
	const char *name;	/* long form without its dashes */
	const char *arg;	/* what its argument is called, NULL: none */
	const char *help;
};

struct cli_command {
	const char *name;
	const char *synopsis;	/* what follows the name in the usage line */
	const char *summary;	/* one line, for the table */
	const char *details;	/* paragraphs of --help, NULL: none */
	const struct cli_option *options;	/* ends with a zero row, NULL: none */
	bool json;		/* takes -j */
	bool posix;		/* options end at the first operand: a command line follows */
	int (*run)(int argc, char **argv);
};

struct cli {
	const struct cli_command *command;
	bool json;
};
extern struct cli cli;

/* options.c */

/* Takes one option; whatever is wrong with it ends in cli_usage_error(). */
typedef void (*cli_take)(int key, const char *arg, void *user);

/*
 * Parses argv by the command's table; handles --help (exits 0), -j and errors
 * (exits 2). Returns the place of the first operand.
 */
int cli_parse(int argc, char **argv, cli_take take, void *user);
void cli_usage(FILE *to);
/* Says what is wrong with how it was called, and exits with KQUORUM_EXIT_USAGE. */
void cli_usage_error(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
/* The one of @n words that was perhaps meant by @typed, NULL: none comes close. */
const char *cli_nearest(const char *typed, const char *const *words, size_t n);
/* Where the verb of a command stands, if it has one: behind -j. */
int cli_verb_at(int argc, char **argv);
/*
 * Runs the one of @n commands, each called "COMMAND VERB", whose verb stands there; or it ends as a usage
 * error that says which there are.
 */
int cli_run_verb(const struct cli_command *const *verbs, size_t n, int argc, char **argv);
/* HOST[:PORT], as the value of @option or, with NULL, as an operand. */
void cli_address(const char *option, const char *text, struct kquorum_address *to);
/* Likewise, but where others reach a node: not one that stands for all addresses. */
void cli_node_address(const char *option, const char *text, struct kquorum_address *to);
bool address_is_wildcard(const struct kquorum_address *a);
uint64_t cli_number(const char *option, const char *text, uint64_t min, uint64_t max);
/* "5", "5s", "250ms", ...; a bare number is in seconds. Nanoseconds. */
uint64_t cli_duration(const char *option, const char *text);
/* How long a grant lives or may be held, in milliseconds; @none: it may be 0. */
#define GRANT_MS_MIN	100	/* what is shorter is over before it is renewed */
uint32_t cli_grant_ms(const char *option, const char *text, bool none);
/* How long one has to end, in milliseconds. */
uint32_t cli_drain_ms(const char *option, const char *text);
const char *cli_resource_name(const char *text);

/* parse.c: no output, no exit */

int parse_number(const char *text, uint64_t *value);
int parse_size(const char *text, uint64_t *bytes);
int parse_duration(const char *text, uint64_t *ns);
int parse_hex64(const char *text, uint64_t *value);
#define RTT_SCALE_MIN	0.1
#define RTT_SCALE_MAX	100
/* Heartbeat and election times, @scale-fold. */
void scale_times(double scale, uint32_t *heartbeat_ms, uint32_t *election_ms);

/* format.c */

#define FORMAT_MAX 32

/* All write at most FORMAT_MAX bytes and return @buf. */
const char *format_duration(char *buf, uint64_t ns);
const char *format_bytes(char *buf, uint64_t bytes);
const char *state_name(uint32_t state);
const char *role_name(uint32_t role);
const char *canvass_name(uint32_t canvass);
const char *progress_name(uint32_t progress);
const char *disk_state_name(uint32_t state);
const char *entry_type_name(uint32_t type);
const char *lock_state_name(uint32_t state);
/* "restored": how a history came from another one */
const char *lineage_name(uint32_t how);
/* As a shell has to be given it: in quotes if it would take any of it for something else. */
const char *shell_quote(char *buf, size_t size, const char *text);
/* Puts @bytes bytes as printable text, anything else escaped as \xNN, cut at @size. */
void format_text(char *buf, size_t size, const void *data, size_t bytes);

/* output.c */

enum cli_colour { COLOUR_GOOD, COLOUR_WARN, COLOUR_BAD, COLOUR_BOLD, COLOUR_NONE };

void cli_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* "WHAT: WHY", on two lines when one of 100 columns is too short. */
void cli_error_because(const char *what, const char *why);
void cli_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
bool cli_progress_wanted(void);
/* What a command that goes on for minutes waits for. */
struct cli_waiting {
	uint64_t begun_ns, told_ns;	/* 0: not yet */
	char told[512];
};
/*
 * Is @why, what is waited for at @now, to be said? On a terminal whenever it changes. Elsewhere,
 * where it ends up in a log, when the wait has lasted a moment, and not in every detail.
 */
bool cli_waiting_due(struct cli_waiting *w, uint64_t now, bool terminal, const char *why);
/* Says on stderr what is waited for; not with -j. */
void cli_waiting(struct cli_waiting *w, const char *why);
const char *colour_on(enum cli_colour colour);
const char *colour_off(void);
/* The exit code for a negative errno of libkquorum. */
int cli_exit_code(int error);
/* Opens the module or says why not; 0 or an exit code. */
int cli_open(struct kquorum **k);
/* Name of a node in a status, "?" when unknown; lives as long as the status. */
const char *node_name(const struct kquorum_status *st, uint32_t id);
/* Finishes stdout: KQUORUM_EXIT_ERROR instead of @code when it could not be written. */
int cli_finish(int code);

/* A table whose columns are as wide as their widest cell. */
#define TABLE_COLUMNS 10
struct table {
	unsigned int columns, rows, room;
	char **cells;
};
void table_row(struct table *t, unsigned int columns, const char *const *cells);
/* Cuts the last column to what is left of a line, but for a few letters. */
void table_fit(struct table *t);
void table_print(struct table *t, FILE *to);

void json_u64(cJSON *object, const char *name, uint64_t value);
void json_hex(cJSON *object, const char *name, uint64_t value);
/* A time in the unit that @name ends with (_ns, _us, _ms), null for KQUORUM_NEVER. */
void json_time(cJSON *object, const char *name, uint64_t ns);
/* Prints on one line (records) or indented (documents), and frees. */
void json_print(cJSON *object, bool one_line);

/* clock.c */

uint64_t now_ns(void);		/* monotonic */
/* Milliseconds for poll() until @deadline_ns; -1 for KQUORUM_NEVER, never more than @most. */
int poll_ms(uint64_t deadline_ns, int most);
void sleep_ms(unsigned int ms);

/* nodes.c */

static inline uint32_t node_bit(uint32_t id)
{
	return 1u << id;
}

static inline unsigned int node_count(uint32_t nodes)
{
	return __builtin_popcount(nodes);
}

static inline unsigned int nodes_majority(uint32_t voters)
{
	return node_count(voters) / 2 + 1;
}

static inline uint32_t status_members(const struct kquorum_status *st)
{
	return st->voters | st->outgoing | st->learners;
}

/* The newest configuration is committed, and none is being left. */
bool status_settled(const struct kquorum_status *st);
bool status_is_member(const struct kquorum_status *st, uint32_t id);
/* This node was a member and is none any more. */
bool status_left(const struct kquorum_status *st);
/* This node waits to be taken in. */
bool status_joins(const struct kquorum_status *st);
bool status_lost(const struct kquorum_status *st);
/* Its part in the configuration, in a word. */
const char *node_role(const struct kquorum_status *st, uint32_t id);
/* Connected, and not heard of for longer than can be. */
bool node_is_silent(const struct kquorum_status *st, const struct kquorum_peer_status *p);
/* It can be reached and works. */
bool node_is_live(const struct kquorum_status *st, const struct kquorum_peer_status *p);
/* And has nearly all of the log, as far as can be seen from here. */
bool node_is_ready(const struct kquorum_status *st, const struct kquorum_peer_status *p);
/* How many entries it lacks, at the leader. */
uint64_t node_lag(const struct kquorum_status *st, const struct kquorum_peer_status *p);
/* How many vote. */
unsigned int status_voters(const struct kquorum_status *st);
/* Those of @nodes that are live. */
uint32_t nodes_live(const struct kquorum_status *st, uint32_t nodes);
/* How many of @voters may fail before there is no majority of them; below 0: there is none. */
int nodes_spare(const struct kquorum_status *st, uint32_t voters);
/* Enough voters are live, of both halves of a joint configuration. */
bool status_has_majority(const struct kquorum_status *st);
/* How many more voters may fail now, whichever; 0 without a quorum. */
unsigned int status_may_lose(const struct kquorum_status *st);
/* Whether @reason says itself what to look at: a wrong greeting does, a refused dial not. */
bool reason_helps(const char *reason);
/* "n3 (down, heard 3.0s ago)" */
void node_missing(const struct kquorum_status *st, uint32_t id, char *buf, size_t size);
/* Those of @nodes that are not ready, with what is the matter; in @columns, "" if there is none. */
void nodes_missing(const struct kquorum_status *st, uint32_t nodes, size_t columns, char *buf,
		   size_t size);
/* "n1, n2 and 3 more" */
void nodes_names(const struct kquorum_status *st, uint32_t nodes, size_t columns, char *buf,
		 size_t size);
/* How much has come since the snapshot in use, and where the log begins; there is one. */
void status_log_range(const struct kquorum_status *st, char *buf, size_t size);
/* The snapshot in use as "snapshot", null: there is none. Returns it, NULL for that. */
cJSON *status_snapshot_json(cJSON *o, const struct kquorum_status *st);
/* What change of the configuration is under way, and without whom; no newline at the end; or "". */
void status_change(const struct kquorum_status *st, char *buf, size_t size);

/* why.c */

/* One line per reason why there is no quorum, or what else needs a hand; may be empty. */
void status_why(const struct kquorum_status *st, char *buf, size_t size);
/* Lines about the nodes that a working cluster does without for now; may be empty. */
void status_missing(const struct kquorum_status *st, char *buf, size_t size);

/* wait.c: @what is waited for, NULL: it goes without saying */

/* Says why nothing comes; false: neither quorum nor session stands against it. */
bool wait_explain(const struct kquorum_status *st, const char *what);
/* Says why nothing came in time, an exit code; 0: as above, and nothing is said. */
int wait_give_up(const struct kquorum_status *st, const char *what, const char *late);

/* Says why a request that was refused is asked again: -EBUSY, -ENOSPC. */
void wait_explain_refused(const char *what, int error);

/* claim.c */

#define CLAIM_NUMBERS_MAX 1024	/* bytes for all numbers that units can have */
#define CLAIM_WHAT_MAX	40
#define CLAIM_USER_MAX	33

/* "exclusive", "shared", "units" */
const char *claim_mode_name(uint32_t mode);
/* Bit n of the whole: number n. "0,3", as KQUORUM_UNITS has it; "": there are none. */
const char *claim_numbers(char *buf, size_t size, const __u64 *numbers);
/* "shared", "2 units: 0,3", in CLAIM_WHAT_MAX bytes; @numbers: NULL: not known. */
const char *claim_what(char *buf, uint32_t mode, uint32_t units, const __u64 *numbers);
/* The same as "mode", "units" and, unless that is NULL, "numbers". */
void claim_what_json(cJSON *o, uint32_t mode, uint32_t units, const __u64 *numbers);
/* How many of its claims hold it: the first ones. */
unsigned int resource_holders(const struct kquorum_resource *r);
/* "alice": who asked; the number where this machine knows no name, "?": not known. */
const char *claim_user(char *buf, size_t size, uint32_t uid);
/* How long it is held at most, as things are and were seen here; KQUORUM_NEVER: without end. */
uint64_t claim_left_ns(const struct kquorum_resource *r, const struct kquorum_claim *c,
		       const struct kquorum_status *st);
/* "held by n2 for 65.0s: pid 41 (train)", for several how many and the oldest; "": nobody does. */
const char *resource_held_by(const struct kquorum_resource *r, const struct kquorum_status *st,
			     char *buf, size_t size);

/* directory.c */

extern const char *state_directory;	/* KQUORUM_STATE_DIR, but in tests */

/* kquorum recover keeps the old files in the directory's name with this and the cluster's id. */
#define DIRECTORY_KEPT ".before-recover-"

/*
 * The node's directory from --dir, an operand (a name, or a path with a slash)
 * or, with neither, the only one below state_directory. 0 or an exit code.
 */
int directory_find(const char *dir, const char *name, char *buf, size_t size);
int directory_read_config(const char *dir, struct kquorum_config *c);
/* Opens all segment files for the module; closes what it opened on error. */
int directory_open_segments(const char *dir, const struct kquorum_config *c, int *fds);
/* Fills the segment files with written blocks; keeps those that are filled already. */
int directory_fill_segments(const char *dir, const struct kquorum_config *c);
bool directory_has_segments(const char *dir);
/* KQUORUM_FOUNDED_FILE is of the node that was here before. */
bool directory_has_mark(const char *dir);
/* Deletes that and KQUORUM_SEED_FILE: 0 or an exit code. */
int directory_drop_marks(const char *dir);
/* Deletes the segment files: 0 or an exit code. */
int directory_drop_segments(const char *dir);
/* Deletes its snapshots, finished or not: 0 or an exit code. */
int directory_drop_snapshots(const char *dir);

/* All of it, whatever interrupts; or -1 with errno. */
int write_bytes(int fd, const void *data, size_t n);
/* Its names are on the disk; or -1 with errno. */
int sync_directory(const char *dir);

/* start.c */

/* Gives the files in @dir to the module: 0 or an exit code. */
int node_start_from(struct kquorum *k, const char *dir, const struct kquorum_config *c);

/* spawn.c */

/* Makes sure that a daemon has the node of @dir: 0 or an exit code. */
int daemon_ensure(struct kquorum *k, const char *dir, uint64_t wait_ns);

/* entry.c */

/* Why an entry has no effect (yet), with a space behind it; else "". */
const char *entry_remark(const struct kquorum_log_entry *e);
/* An entry in human words. */
void entry_describe(const struct kquorum_log_entry *e, const struct kquorum_status *st, char *buf,
		    size_t size);
cJSON *entry_json(const struct kquorum_log_entry *e, const struct kquorum_status *st);
/* The part of the node called @name if it is a configuration: 0 none, 1 learner, 2 voter, 3 left. */
int entry_conf_part(const struct kquorum_log_entry *e, const char *name);

/* One file per subcommand. */
extern const struct cli_command command_init, command_start, command_stop, command_status;
extern const struct cli_command command_lock, command_resource, command_log, command_append;
extern const struct cli_command command_join, command_member, command_settings, command_snapshot, command_recover;
extern const struct cli_command command_scrub, command_renew;
extern const struct cli_command command_transfer, command_fence, command_bench, command_version;

#endif /* KQUORUM_CLI_H */
