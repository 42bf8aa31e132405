/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the daemon says: one line per event, to the journal, a terminal, a
 * file or syslog.
 */
#ifndef KQD_LOG_H
#define KQD_LOG_H

#include <stdbool.h>
#include <stdint.h>
#include <syslog.h>

/* At most one line per @every_ns, the next one says how many were left out. */
struct kqd_ratelimit {
	uint64_t last_ns;
	unsigned int missed;
};

void kqd_log_init(bool verbose);
void kqd_log_background(void);
void kqd_log(int level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void kqd_log_limited(struct kqd_ratelimit *r, int level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void kqd_die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

#define kqd_err(...)	kqd_log(LOG_ERR, __VA_ARGS__)
#define kqd_warn(...)	kqd_log(LOG_WARNING, __VA_ARGS__)
#define kqd_notice(...)	kqd_log(LOG_NOTICE, __VA_ARGS__)
#define kqd_info(...)	kqd_log(LOG_INFO, __VA_ARGS__)
#define kqd_debug(...)	kqd_log(LOG_DEBUG, __VA_ARGS__)

#endif /* KQD_LOG_H */
