// SPDX-License-Identifier: GPL-2.0
/* Messages, colours, tables and JSON. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

#define COLUMNS 100

/* Without a terminal: said first after so long, and again no sooner than that. */
#define WAITING_FIRST_NS NS_PER_SEC
#define WAITING_AGAIN_NS (30 * NS_PER_SEC)

/* On a terminal, lines break between words; elsewhere a message stays one line for grep. */
static void print_wrapped(const char *text)
{
	size_t column = 0;

	while (*text) {
		size_t n = strcspn(text, " \n");

		if (column && column + n > COLUMNS) {
			fputs("\n  ", stderr);
			column = 2;
		}
		fwrite(text, 1, n, stderr);
		column += n;
		text += n;
		if (*text == '\n')
			column = 0;
		else if (*text)
			column++;
		if (*text)
			fputc(*text++, stderr);
	}
}

static void message(const char *format, va_list ap)
{
	char text[8192];
	int n;

	fflush(stdout);
	n = snprintf(text, sizeof(text), "kquorum%s%s: ", cli.command ? " " : "",
		     cli.command ? cli.command->name : "");
	vsnprintf(text + n, sizeof(text) - n, format, ap);
	if (isatty(STDERR_FILENO))
		print_wrapped(text);
	else
		fputs(text, stderr);
	fputc('\n', stderr);
}

void cli_error(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	message(format, ap);
	va_end(ap);
}

void cli_error_because(const char *what, const char *why)
{
	size_t name = cli.command ? strlen(cli.command->name) : 0;
	size_t n = strlen("kquorum : : ") + name + strlen(what) + strlen(why);

	cli_error("%s:%s%s", what, n > COLUMNS ? "\n  " : " ", why);
}

void cli_note(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	message(format, ap);
	va_end(ap);
}

bool cli_progress_wanted(void)
{
	return isatty(STDERR_FILENO) && !cli.json;
}

bool cli_waiting_due(struct cli_waiting *w, uint64_t now, bool terminal, const char *why)
{
	if (!w->begun_ns)
		w->begun_ns = now;
	if (!why[0] || !strcmp(why, w->told))
		return false;
	if (!terminal && (w->told_ns ? now - w->told_ns < WAITING_AGAIN_NS :
			  now - w->begun_ns < WAITING_FIRST_NS))
		return false;
	w->told_ns = now;
	snprintf(w->told, sizeof(w->told), "%s", why);
	return true;
}

void cli_waiting(struct cli_waiting *w, const char *why)
{
	if (!cli.json && cli_waiting_due(w, now_ns(), isatty(STDERR_FILENO), why))
		cli_note("waiting: %s", why);
}

static bool colours_wanted(void)
{
	static int wanted = -1;

	if (wanted < 0) {
		const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

		wanted = isatty(STDOUT_FILENO) && !(no && *no) && term && strcmp(term, "dumb");
	}
	return wanted;
}

const char *colour_on(enum cli_colour colour)
{
	static const char *const codes[] = {
		[COLOUR_GOOD] = "\033[32m", [COLOUR_WARN] = "\033[33m", [COLOUR_BAD] = "\033[31m",
		[COLOUR_BOLD] = "\033[1m", [COLOUR_NONE] = "",
	};

	return colours_wanted() ? codes[colour] : "";
}

const char *colour_off(void)
{
	return colours_wanted() ? "\033[0m" : "";
}

int cli_exit_code(int error)
{
	switch (-error) {
	case 0:
		return KQUORUM_EXIT_DONE;
	case EPERM:
	case EACCES:
		return KQUORUM_EXIT_DENIED;
	case EAGAIN:
	case EBUSY:
	case ETIMEDOUT:
		return KQUORUM_EXIT_BLOCKED;
	default:
		return KQUORUM_EXIT_ERROR;
	}
}

int cli_open(struct kquorum **k)
{
	char err[512];
	int ret = kquorum_open(k, err, sizeof(err));

	if (!ret)
		return 0;
	cli_error("%s%s", err, ret == -ENOENT ?
		  "\n  (if there is none to load: make install-module in the source tree)" : "");
	return cli_exit_code(ret);
}

const char *node_name(const struct kquorum_status *st, uint32_t id)
{
	const struct kquorum_peer_status *p = kquorum_status_peer(st, id);
	static char numbers[4][16];
	static unsigned int next;

	if (p && p->name[0])
		return p->name;
	if (!id)
		return "?";
	next = (next + 1) % 4;
	snprintf(numbers[next], sizeof(numbers[next]), "node %u", id);
	return numbers[next];
}

int cli_finish(int code)
{
	if (fflush(stdout) || ferror(stdout)) {
		/* A reader that has seen enough is no error. */
		if (errno == EPIPE)
			return code;
		fprintf(stderr, "kquorum: writing the output: %s\n", strerror(errno));
		return code ? code : KQUORUM_EXIT_ERROR;
	}
	return code;
}

void table_row(struct table *t, unsigned int columns, const char *const *cells)
{
	unsigned int i;

	t->columns = columns;
	if (t->rows == t->room) {
		t->room = t->room ? 2 * t->room : 16;
		t->cells = realloc(t->cells, t->room * columns * sizeof(*t->cells));
		if (!t->cells)
			abort();
	}
	for (i = 0; i < columns; i++) {
		t->cells[t->rows * columns + i] = strdup(cells[i] ? cells[i] : "-");
		if (!t->cells[t->rows * columns + i])
			abort();
	}
	t->rows++;
}

static void table_widths(const struct table *t, size_t width[TABLE_COLUMNS])
{
	unsigned int r, c;

	memset(width, 0, TABLE_COLUMNS * sizeof(*width));
	for (r = 0; r < t->rows; r++)
		for (c = 0; c < t->columns; c++)
			if (strlen(t->cells[r * t->columns + c]) > width[c])
				width[c] = strlen(t->cells[r * t->columns + c]);
}

#define TABLE_LAST_LEAST 10

void table_fit(struct table *t)
{
	size_t width[TABLE_COLUMNS], left = COLUMNS;
	unsigned int r, c;

	table_widths(t, width);
	for (c = 0; c + 1 < t->columns; c++)
		left = left > width[c] + 2 ? left - width[c] - 2 : 0;
	if (left < TABLE_LAST_LEAST)
		left = TABLE_LAST_LEAST;
	for (r = 0; r < t->rows; r++) {
		char *cell = t->cells[(r + 1) * t->columns - 1];

		if (strlen(cell) > left)
			strcpy(cell + left - 3, "...");
	}
}

void table_print(struct table *t, FILE *to)
{
	size_t width[TABLE_COLUMNS];
	unsigned int r, c;

	table_widths(t, width);
	for (r = 0; r < t->rows; r++) {
		for (c = 0; c < t->columns; c++) {
			char **cell = &t->cells[r * t->columns + c];

			if (c + 1 < t->columns)
				fprintf(to, "%-*s  ", (int)width[c], *cell);
			else
				fprintf(to, "%s\n", *cell);
			free(*cell);
		}
	}
	free(t->cells);
	memset(t, 0, sizeof(*t));
}

/* cJSON keeps numbers as doubles, which lose the low bits of a token: print them ourselves. */
void json_u64(cJSON *object, const char *name, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, value);
	cJSON_AddRawToObject(object, name, text);
}

void json_hex(cJSON *object, const char *name, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%016" PRIx64, value);
	cJSON_AddStringToObject(object, name, text);
}

void json_time(cJSON *object, const char *name, uint64_t ns)
{
	const char *unit = strrchr(name, '_');
	double scale = unit && !strcmp(unit, "_us") ? 1e3 : unit && !strcmp(unit, "_ms") ? 1e6 : 1;
	char text[32];

	if (ns == KQUORUM_NEVER) {
		cJSON_AddNullToObject(object, name);
		return;
	}
	snprintf(text, sizeof(text), scale > 1 ? "%.3f" : "%.0f", ns / scale);
	cJSON_AddRawToObject(object, name, text);
}

void json_print(cJSON *object, bool one_line)
{
	char *text = one_line ? cJSON_PrintUnformatted(object) : cJSON_Print(object);

	cJSON_Delete(object);
	if (!text)
		abort();
	puts(text);
	free(text);
}
