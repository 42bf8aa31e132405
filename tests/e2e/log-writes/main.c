// SPDX-License-Identifier: GPL-2.0
/*
 * log-writes: replay what dm-log-writes logged under a cluster, and check it.
 */
#include <unistd.h>

#include "check.h"

static const char usage[] =
	"Usage: log-writes mark DEVICE...              marks from lines \"DEVICE TEXT\" or \"all TEXT\"\n"
	"       log-writes extents DIR NODE SECTORS    where the segment files of DIR lie\n"
	"       log-writes points LOGS NODE COUNT      so many points of the node's log, evenly spread\n"
	"       log-writes last LOGS NODE MARK         the point before the mark\n"
	"       log-writes image LOGS NODE POINT whole|torn FILE\n"
	"                                              the device as it is at that point, or as it\n"
	"                                              is before it with half of its write missing;\n"
	"                                              prints what recovery finds there\n"
	"       log-writes check LOGS NODES            everything, at every point; prints TAP\n"
	"NODE is a number; LOGS is a directory with n1.log, n1.extents and so on.\n";

static u64 parse_number(const char *arg)
{
	char *end;
	u64 n = strtoull(arg, &end, 10);

	if (!*arg || *end)
		fail("\"%s\" is no number", arg);
	return n;
}

static u64 life_begin(const struct volume *v, u64 *cluster)
{
	struct mark m;
	u64 i;

	for (i = 0; i < v->log.count; i++) {
		const char *text = v->log.entries[i].mark;

		if (text && mark_parse(text, &m) && !strcmp(m.kind, "life")) {
			*cluster = m.a;
			return i;
		}
	}
	fail("n%u: no life begins in its log", v->node);
}

/* Does a segment change between the point before @end and @end itself? */
static bool counts(const struct volume *v, u64 end)
{
	u64 i = end - 1;

	if (!write_is_point(&v->log.entries[i]))
		return false;
	do {
		if (volume_touched(v, &v->log.entries[i]))
			return true;
	} while (i-- && !write_is_point(&v->log.entries[i]));
	return false;
}

static void points_print(const struct volume *v, u64 count)
{
	u64 cluster, begin = life_begin(v, &cluster), all = 0, at = 0, i;

	for (i = begin; i < v->log.count; i++)
		all += counts(v, i + 1);
	for (i = begin; i < v->log.count; i++) {
		if (!counts(v, i + 1))
			continue;
		/* one of each of @count equal parts; of the last one the end */
		if ((at + 1) * count / all != at * count / all)
			printf("%llu\n", (unsigned long long)i + 1);
		at++;
	}
}

static void last_print(const struct volume *v, const char *mark)
{
	u64 point = 0, i;

	for (i = 0; i < v->log.count; i++) {
		const struct write_entry *e = &v->log.entries[i];

		if (e->mark && !strcmp(e->mark, mark)) {
			printf("%llu\n", (unsigned long long)point);
			return;
		}
		if (write_is_point(e))
			point = i + 1;
	}
	fail("n%u: no mark %s", v->node, mark);
}

static void image_write(struct volume *v, u64 end, bool torn, const char *path)
{
	u64 from = end - 1, cluster, block;
	const struct kq_hard_state *hs;
	struct recovered *r;
	u8 *image;
	FILE *f;

	if (!end || end > v->log.count)
		fail("there is no entry %llu", (unsigned long long)end);
	while (from && !write_is_point(&v->log.entries[from - 1]))
		from--;
	image = volume_image(v, from, end, torn ? TORN_TAIL : TORN_NOT, 0);
	f = fopen(path, "we");
	/* A sparse file: most of a device was never written. */
	for (block = 0; f && block < v->device_sectors * SECTOR; block += KQ_WAL_BLOCK) {
		const u8 *p = image + block;

		if (!p[0] && !memcmp(p, p + 1, KQ_WAL_BLOCK - 1))
			continue;
		if (fseek(f, block, SEEK_SET) || fwrite(p, KQ_WAL_BLOCK, 1, f) != 1)
			break;
	}
	if (!f || fflush(f) || block < v->device_sectors * SECTOR ||
	    truncate(path, v->device_sectors * SECTOR) || fclose(f))
		fail("%s: %s", path, strerror(errno));

	life_begin(v, &cluster);
	volume_replay(v, from);
	volume_tear(v, v->files, from, end, torn ? TORN_TAIL : TORN_NOT, 0);
	r = allocate(sizeof(*r));
	volume_recover(v, v->files, cluster, r);
	if (recovered_bad(r))
		fail("n%u, entry %llu: %s: %s", v->node, (unsigned long long)end,
		     recovered_bad(r), r->report.reason);
	hs = &r->report.hs;
	printf("term %llu vote %u start %llu last_index %llu torn_bytes %llu\n",
	       (unsigned long long)hs->term, hs->vote,
	       (unsigned long long)kq_incarnation_start(hs->incarnation),
	       (unsigned long long)r->last, r->report.health == KQ_WAL_TORN ?
	       (unsigned long long)r->report.bytes : 0);
}

int main(int argc, char **argv)
{
	const char *command = argc > 1 ? argv[1] : "";
	struct volume *v;

	if (!strcmp(command, "--help")) {
		fputs(usage, stdout);
		return 0;
	}
	if (!strcmp(command, "mark") && argc > 2) {
		marks_put(argv + 2, argc - 2);
		return 0;
	}
	if (!strcmp(command, "extents") && argc == 5) {
		extents_print(argv[2], parse_number(argv[3]), parse_number(argv[4]));
		return 0;
	}
	if (!strcmp(command, "check") && argc == 4)
		return !check_all(argv[2], parse_number(argv[3]));
	if (argc < 5) {
		fputs(usage, stderr);
		return 2;
	}
	v = allocate(sizeof(*v));
	volume_read(v, argv[2], parse_number(argv[3]));
	if (!strcmp(command, "points")) {
		points_print(v, parse_number(argv[4]));
	} else if (!strcmp(command, "last")) {
		last_print(v, argv[4]);
	} else if (!strcmp(command, "image") && argc == 7) {
		image_write(v, parse_number(argv[4]), !strcmp(argv[5], "torn"), argv[6]);
	} else {
		fputs(usage, stderr);
		return 2;
	}
	volume_free(v);
	return 0;
}
