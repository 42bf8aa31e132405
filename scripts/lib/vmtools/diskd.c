// SPDX-License-Identifier: GPL-2.0
/*
 * kq-diskd: a disk that loses and tears what was not flushed when its power is cut.
 *
 * Serves one image file over NBD on a unix socket, as a disk with a volatile write cache. Its
 * promise is that of a real one: what was written before a FLUSH, or with FUA, survives a power
 * cut; of the rest, any subset does, and single 512-byte sectors of a write may.
 *
 *   image file   what is durable
 *   view         what the machine reads: a private mapping of the image plus all writes
 *   pending      writes since the last flush, oldest first
 *
 * A FLUSH applies the pending writes to the image file. "cut" decides for each of them, by a
 * seeded generator, whether it is kept, lost or torn. A write with FUA stays in the list in its
 * order, marked as one that a cut keeps.
 *
 * --lie MS plants a lie: flushes are acknowledged at once and honoured MS milliseconds later; at
 * a cut everything since the last honoured flush is lost. The disk is then consistent, but as it
 * was up to MS earlier: a program that trusted the acknowledgement has lost what it promised.
 *
 * --journal FILE: a disk that several machines share, with a line for each write: when, by this host's
 * clock, and what. The lines are in the order in which the writes took effect.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "diskd.h"

#define SECTOR			512
#define LINE_MAX_BYTES		100
#define SHARERS			16
#define PENDING_BYTES_MAX	(64UL << 20)	/* more is written out: a cache is finite */
#define LIE_BYTES_MAX		(512UL << 20)

struct write_op {
	struct write_op *next;
	uint64_t offset;
	uint32_t len;		/* 0: a flush that was acknowledged (only with --lie) */
	bool fua;
	uint64_t time_ms;
	unsigned char data[];
};

static struct {
	int image_fd;
	unsigned char *view;
	uint64_t size;
	struct write_op *first, **last;
	uint64_t pending_bytes;
	uint64_t lie_ms;	/* 0: honest */
	uint64_t n_writes, n_fua, n_flushes;
	FILE *journal;		/* NULL: none */
	bool error;		/* answer writes and flushes with EIO */
	uint64_t armed_until_ms;	/* 0, or: cut at that flush, at the latest then */
	uint64_t armed_seed;
	uint64_t armed_flush;	/* how many flushes with something to flush come before it, + 1 */
	uint64_t armed_seen;	/* of these */
} disk = { .last = &disk.first };

static void image_write(uint64_t offset, const void *data, uint32_t len)
{
	if (pwrite(disk.image_fd, data, len, offset) != (ssize_t)len) {
		perror("kq-diskd: cannot write the image");
		exit(1);
	}
}

static void pending_pop(void)
{
	struct write_op *w = disk.first;

	disk.first = w->next;
	if (!disk.first)
		disk.last = &disk.first;
	disk.pending_bytes -= w->len;
	free(w);
}

static void pending_apply_until(const struct write_op *end)
{
	while (disk.first && disk.first != end) {
		if (disk.first->len)
			image_write(disk.first->offset, disk.first->data, disk.first->len);
		pending_pop();
	}
}

static void pending_add(uint64_t offset, const void *data, uint32_t len, bool fua)
{
	struct write_op *w = malloc(sizeof(*w) + len);

	if (!w) {
		perror("kq-diskd");
		exit(1);
	}
	w->next = NULL;
	w->offset = offset;
	w->len = len;
	w->fua = fua;
	w->time_ms = now_ms();
	if (len)
		memcpy(w->data, data, len);
	*disk.last = w;
	disk.last = &w->next;
	disk.pending_bytes += len;
}

/* Honour the flushes that were acknowledged lie_ms ago. */
static void lie_catch_up(void)
{
	struct write_op *w, *until = NULL;
	uint64_t now = now_ms();

	for (w = disk.first; w; w = w->next)
		if (!w->len && (w->time_ms + disk.lie_ms <= now ||
				disk.pending_bytes > LIE_BYTES_MAX))
			until = w;
	if (until) {
		pending_apply_until(until);
		pending_pop();
	}
}

int disk_read(uint64_t offset, uint32_t len, void *to)
{
	if (offset > disk.size || len > disk.size - offset)
		return EINVAL;
	memcpy(to, disk.view + offset, len);
	return 0;
}

int disk_flush(void)
{
	if (disk.error)
		return EIO;
	disk.n_flushes++;
	if (!disk.lie_ms) {
		pending_apply_until(NULL);
		return 0;
	}
	pending_add(0, NULL, 0, false);
	lie_catch_up();
	return 0;
}

/* What is written begins with a line of text, or is told as "-". */
static void journal_add(uint64_t offset, uint32_t len, const char *from)
{
	const char *end = memchr(from, '\n', len < LINE_MAX_BYTES ? len : LINE_MAX_BYTES);
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	fprintf(disk.journal, "%lld.%06ld %llu %u %.*s\n", (long long)ts.tv_sec, ts.tv_nsec / 1000,
		(unsigned long long)offset, len, end ? (int)(end - from) : 1, end ? from : "-");
	fflush(disk.journal);
}

int disk_write(uint64_t offset, uint32_t len, const void *from, bool fua)
{
	if (offset > disk.size || len > disk.size - offset)
		return ENOSPC;
	if (disk.error)
		return EIO;
	if (!len)
		return 0;
	memcpy(disk.view + offset, from, len);
	if (disk.journal)
		journal_add(offset, len, from);
	disk.n_writes++;
	disk.n_fua += fua;
	pending_add(offset, from, len, fua);
	if (!disk.lie_ms && disk.pending_bytes > PENDING_BYTES_MAX)
		pending_apply_until(NULL);
	/* a FUA write is a promise too, and so there is a lie to be told about it */
	if (disk.lie_ms && fua) {
		pending_add(0, NULL, 0, false);
		lie_catch_up();
	}
	return 0;
}

uint64_t disk_size(void)
{
	return disk.size;
}

/* splitmix64: the same seed gives the same losses on every machine */
static uint64_t rng_state;

static uint64_t rng(void)
{
	uint64_t z = rng_state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

struct cut_result {
	unsigned int kept, fua, torn, lost;
};

/* Each sector of a torn write is kept or lost by itself. */
static void apply_torn(const struct write_op *w)
{
	uint32_t at;

	for (at = 0; at < w->len; at += SECTOR)
		if (rng() & 1)
			image_write(w->offset + at, w->data + at,
				    w->len - at < SECTOR ? w->len - at : SECTOR);
}

/*
 * Every cut draws how much it loses: nothing is more telling than both extremes and the middle.
 * A quarter loses all that may be lost, a quarter loses a tail, the rest loses at random.
 */
static void cut(uint64_t seed, struct cut_result *r)
{
	unsigned int n = 0, i = 0, style, keep_percent, prefix;
	struct write_op *w;

	if (disk.lie_ms)
		lie_catch_up();
	memset(r, 0, sizeof(*r));
	rng_state = seed;
	for (w = disk.first; w; w = w->next)
		n++;
	style = rng() % 4;
	keep_percent = rng() % 101;
	prefix = n ? rng() % (n + 1) : 0;
	for (; disk.first; pending_pop(), i++) {
		bool keep, tear;

		w = disk.first;
		if (!w->len)
			continue;
		if (disk.lie_ms) {
			r->lost++;
			continue;
		}
		keep = style == 0 ? false : style == 1 ? i < prefix : rng() % 100 < keep_percent;
		tear = style == 1 ? i == prefix : style != 0 && rng() % 4 == 0;
		if (w->fua) {
			r->fua++;
			image_write(w->offset, w->data, w->len);
		} else if (tear && w->len > SECTOR) {
			r->torn++;
			apply_torn(w);
		} else if (keep) {
			r->kept++;
			image_write(w->offset, w->data, w->len);
		} else {
			r->lost++;
		}
	}
}

/* @when: what the seed says nothing about, "": nothing */
static void cut_and_stop(uint64_t seed, const char *when, char *answer, size_t size)
{
	struct cut_result r;

	cut(seed, &r);
	snprintf(answer, size, "ok seed %llu%s: of the writes since the last flush "
		 "%u kept, %u torn, %u lost; %u with FUA kept\n", (unsigned long long)seed, when,
		 r.kept, r.torn, r.lost, r.fua);
	server_stop();
}

/*
 * Is now the moment that "cut-at-flush" waits for? @flush: a flush is about to be served. One with
 * nothing to write does not count: a cut there loses nothing.
 */
bool disk_armed_cut(bool flush, char *answer, size_t size)
{
	bool late = disk.armed_until_ms && now_ms() >= disk.armed_until_ms;
	char when[64];

	if (!disk.armed_until_ms)
		return false;
	disk.armed_seen += flush && disk.pending_bytes;
	if (disk.armed_seen < disk.armed_flush && !late)
		return false;
	if (disk.armed_seen < disk.armed_flush)
		snprintf(when, sizeof(when), ", late after %llu flushes",
			 (unsigned long long)disk.armed_seen);
	else
		snprintf(when, sizeof(when), ", before flush %llu",
			 (unsigned long long)disk.armed_flush);
	disk.armed_until_ms = 0;
	cut_and_stop(disk.armed_seed, when, answer, size);
	return true;
}

static void arm(uint64_t seed, uint64_t flush, uint64_t ms)
{
	disk.armed_seed = seed;
	disk.armed_flush = flush;
	disk.armed_seen = 0;
	disk.armed_until_ms = now_ms() + ms;
}

/* One command line on the control socket; the answer goes to @answer, "" if it comes later. */
void disk_control(const char *line, char *answer, size_t size)
{
	unsigned long long seed, flush, ms;

	if (sscanf(line, "cut %llu", &seed) == 1) {
		cut_and_stop(seed, "", answer, size);
	} else if (sscanf(line, "cut-at-flush %llu %llu %llu", &seed, &flush, &ms) == 3) {
		arm(seed, flush, ms);
		answer[0] = '\0';
	} else if (!strncmp(line, "hang", 4)) {
		server_hang(true);
		snprintf(answer, size, "ok requests hang\n");
	} else if (!strncmp(line, "resume", 6)) {
		disk.error = false;
		server_hang(false);
		snprintf(answer, size, "ok requests are served\n");
	} else if (!strncmp(line, "eio", 3)) {
		disk.error = true;
		snprintf(answer, size, "ok writes and flushes fail\n");
	} else if (!strncmp(line, "quit", 4)) {
		pending_apply_until(NULL);
		snprintf(answer, size, "ok all written\n");
		server_stop();
	} else if (!strncmp(line, "stat", 4)) {
		snprintf(answer, size, "ok writes %llu, with FUA %llu, flushes %llu, "
			 "bytes not flushed %llu%s%s\n", (unsigned long long)disk.n_writes,
			 (unsigned long long)disk.n_fua, (unsigned long long)disk.n_flushes,
			 (unsigned long long)disk.pending_bytes, disk.armed_until_ms ? ", a cut is near" : "",
			 disk.lie_ms ? ", LYING" : "");
	} else {
		snprintf(answer, size, "error: not a command: %s\n", line);
	}
}

static void disk_open(const char *path)
{
	struct stat st;

	disk.image_fd = open(path, O_RDWR | O_CLOEXEC);
	if (disk.image_fd < 0 || fstat(disk.image_fd, &st)) {
		fprintf(stderr, "kq-diskd: %s: %s\n", path, strerror(errno));
		exit(1);
	}
	disk.size = st.st_size;
	/* private: the machine's writes show here and not in the file */
	disk.view = mmap(NULL, disk.size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE,
			 disk.image_fd, 0);
	if (disk.view == MAP_FAILED) {
		perror("kq-diskd: mmap");
		exit(1);
	}
}

static void journal_open(const char *path)
{
	disk.journal = fopen(path, "ae");
	if (!disk.journal) {
		fprintf(stderr, "kq-diskd: %s: %s\n", path, strerror(errno));
		exit(1);
	}
}

static const char usage[] =
"Usage: kq-diskd [--lie MS] [--journal FILE] IMAGE NBD-SOCKET CONTROL-SOCKET\n"
"Serve IMAGE over NBD as a disk with a volatile write cache; runs until \"cut\" or \"quit\".\n"
"  --lie MS   acknowledge a flush at once, honour it MS milliseconds later: a cut in between\n"
"             loses what was promised (to show that a checker notices)\n"
"  --journal FILE   up to 16 clients at once; a line for each write, in the order of their effect:\n"
"             CLOCK_BOOTTIME in seconds, offset, bytes, the line of text that they begin with\n"
"Commands on CONTROL-SOCKET (kq-say): cut SEED   lose and tear what is not flushed, and end\n"
"  cut-at-flush SEED N MS   the same when the Nth flush from now comes in that has something to\n"
"             flush, before it is served; at the latest after so many milliseconds\n"
"  quit   write all and end    hang, resume   stop and go on answering    eio   fail writes\n"
"  stat   counters\n";

int main(int argc, char **argv)
{
	static const struct option opts[] = {
		{ "lie", 1, NULL, 'l' }, { "journal", 1, NULL, 'j' }, { "help", 0, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int o;

	while ((o = getopt_long(argc, argv, "l:j:h", opts, NULL)) != -1) {
		if (o == 'l')
			disk.lie_ms = strtoull(optarg, NULL, 10);
		else if (o == 'j')
			journal_open(optarg);
		else if (o == 'h')
			return fputs(usage, stdout), 0;
		else
			return fputs(usage, stderr), 2;
	}
	if (argc - optind != 3)
		return fputs(usage, stderr), 2;
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	disk_open(argv[optind]);
	return server_run(argv[optind + 1], argv[optind + 2], disk.journal ? SHARERS : 1);
}
