// SPDX-License-Identifier: GPL-2.0
/*
 * Logging. Under systemd the lines carry sd-daemon's "<N>" level and no time,
 * for the journal has its own; else they carry the time. In the background
 * they go to syslog, unless standard error is a file.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "loop.h"

#define LOG_EVERY_NS	(10 * 1000000000ULL)

static enum { LOG_TO_STDERR, LOG_TO_JOURNAL, LOG_TO_SYSLOG } log_to;
static int log_level = LOG_INFO;

/* JOURNAL_STREAM names device and inode of the stream that systemd made for us. */
static bool log_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;

	return stream && sscanf(stream, "%llu:%llu", &dev, &ino) == 2 &&
	       !fstat(STDERR_FILENO, &st) && st.st_dev == dev && st.st_ino == ino;
}

/**
 * kqd_log_init() - find out where lines go
 * @verbose: with debug lines
 */
void kqd_log_init(bool verbose)
{
	if (verbose)
		log_level = LOG_DEBUG;
	if (log_is_journal())
		log_to = LOG_TO_JOURNAL;
}

/**
 * kqd_log_background() - the terminal is about to be left
 */
void kqd_log_background(void)
{
	struct stat st;

	if (!fstat(STDERR_FILENO, &st) && S_ISREG(st.st_mode))
		return;
	openlog("kquorumd", LOG_PID, LOG_DAEMON);
	log_to = LOG_TO_SYSLOG;
}

static void log_write(int level, const char *text)
{
	struct timespec ts;
	struct tm tm;
	char when[32];

	switch (log_to) {
	case LOG_TO_SYSLOG:
		syslog(level, "%s", text);
		break;
	case LOG_TO_JOURNAL:
		fprintf(stderr, "<%d>%s\n", level, text);
		break;
	case LOG_TO_STDERR:
		clock_gettime(CLOCK_REALTIME, &ts);
		localtime_r(&ts.tv_sec, &tm);
		strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &tm);
		fprintf(stderr, "%s.%03ld kquorumd: %s%s\n", when, ts.tv_nsec / 1000000,
			level <= LOG_ERR ? "error: " : level == LOG_WARNING ? "warning: " : "",
			text);
		break;
	}
}

static void log_format(int level, const char *fmt, va_list ap)
{
	char text[512], *p;

	vsnprintf(text, sizeof(text), fmt, ap);
	/* One event, one line, whatever a peer or a file put into it. */
	for (p = text; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
	log_write(level, text);
}

/**
 * kqd_log() - say something
 * @level: of syslog(3)
 * @fmt: as for printf(), without a newline
 */
void kqd_log(int level, const char *fmt, ...)
{
	va_list ap;

	if (level > log_level)
		return;
	va_start(ap, fmt);
	log_format(level, fmt, ap);
	va_end(ap);
}

/**
 * kqd_log_limited() - say something that somebody else can make us say
 * @r: of this kind of line, zeroed at first
 * @level: of syslog(3)
 * @fmt: as for printf(), without a newline
 */
void kqd_log_limited(struct kqd_ratelimit *r, int level, const char *fmt, ...)
{
	uint64_t now = kqd_now_ns();
	va_list ap;

	if (level > log_level)
		return;
	if (r->last_ns && now - r->last_ns < LOG_EVERY_NS) {
		r->missed++;
		return;
	}
	va_start(ap, fmt);
	log_format(level, fmt, ap);
	va_end(ap);
	if (r->missed)
		kqd_log(level, "(%u lines like the last one were left out)", r->missed);
	r->last_ns = now;
	r->missed = 0;
}

/**
 * kqd_die() - say why and end
 * @fmt: as for printf(), without a newline
 *
 * The node goes on without its daemon, and a new one learns all from it.
 */
void kqd_die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_format(LOG_ERR, fmt, ap);
	va_end(ap);
	exit(EXIT_FAILURE);
}
