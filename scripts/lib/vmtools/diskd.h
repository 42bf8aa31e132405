/* SPDX-License-Identifier: GPL-2.0 */
/* kq-diskd: diskd.c holds the disk, diskd-nbd.c the server. Errors are NBD's: positive errno. */
#ifndef KQ_VMTOOLS_DISKD_H
#define KQ_VMTOOLS_DISKD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

static inline uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ULL + ts.tv_nsec / 1000000;
}

/* diskd.c */
uint64_t disk_size(void);
int disk_read(uint64_t offset, uint32_t len, void *to);
int disk_write(uint64_t offset, uint32_t len, const void *from, bool fua);
int disk_flush(void);
bool disk_armed_cut(bool flush, char *answer, size_t size);
void disk_control(const char *line, char *answer, size_t size);

/* diskd-nbd.c */
/* @n: so many clients at once */
int server_run(const char *nbd_path, const char *control_path, unsigned int n);
void server_stop(void);
void server_hang(bool hang);

#endif /* KQ_VMTOOLS_DISKD_H */
