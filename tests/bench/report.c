// SPDX-License-Identifier: GPL-2.0
/*
 * The benchmark's result: reads what each round measured, prints the table with its
 * ratios and verdicts, writes them as JSON. A missed mark is a verdict, not a failure;
 * a figure that is not there is a failure.
 */
#include <cjson/cJSON.h>
#include <cpuid.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#define MAX_ROUNDS 99

/* One line of the table. Round R's figures are in DIR/R.<file>.json, @prefix before each. */
struct row {
	const char *system, *label, *file, *prefix, *slug;
	bool has_rate;
};

static const struct row rows[] = {
	{ "floor", "TCP round trip in the kernel, 128 bytes", "floor", "rtt_", "floor_rtt", false },
	{ "", "durable 4 KiB write, three writers", "floor", "write_", "floor_write", false },
	{ "kquorum", "commit, 1 client", "kquorum.leader.commit.1", "", "kquorum_commit_1", true },
	{ "", "commit, 64 clients", "kquorum.leader.commit.64", "", "kquorum_commit_64", true },
	{ "", "lock (until granted), 1 client", "kquorum.leader.lock.1", "", "kquorum_lock_1",
	  true },
	{ "", "lock (until granted), 64 clients", "kquorum.leader.lock.64", "", "kquorum_lock_64",
	  true },
	{ "", "commit, 1 client, on a follower", "kquorum.follower.commit.1", "",
	  "kquorum_follower_commit_1", true },
	{ "", "lock, 1 client, on a follower", "kquorum.follower.lock.1", "",
	  "kquorum_follower_lock_1", true },
	{ "etcd", "put, 1 client", "etcd.leader.put.1", "", "etcd_put_1", true },
	{ "", "put, 64 clients", "etcd.leader.put.64", "", "etcd_put_64", true },
	{ "", "lock (until granted), 1 client", "etcd.leader.lock.1", "granted_", "etcd_lock_1",
	  true },
	{ "", "lock (until granted), 64 clients", "etcd.leader.lock.64", "granted_", "etcd_lock_64",
	  true },
};

/* A figure in all rounds. */
struct figure {
	double round[MAX_ROUNDS];
	double median, smallest, largest;
};

/* A ratio that is to be at most (or at least) @bound; @over divides @under. */
struct mark {
	const char *name, *label;
	bool at_most;
	double bound;
	struct figure value;
};

static const char *dir;
static int rounds;
static cJSON *medians, *smallest, *largest, *each;

static void fail(const char *format, ...)
{
	va_list args;

	fprintf(stderr, "bench-report: ");
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

static cJSON *read_json(const char *path)
{
	static char text[65536];
	FILE *f = fopen(path, "r");
	cJSON *o;
	size_t n;

	if (!f)
		fail("%s is missing", path);
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = '\0';
	o = cJSON_Parse(text);
	if (!o)
		fail("%s is not JSON", path);
	return o;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double median_of(const double *values, double *low, double *high)
{
	double sorted[MAX_ROUNDS];

	memcpy(sorted, values, rounds * sizeof(*values));
	qsort(sorted, rounds, sizeof(*sorted), compare);
	*low = sorted[0];
	*high = sorted[rounds - 1];
	return (sorted[(rounds - 1) / 2] + sorted[rounds / 2]) / 2;
}

static void figure_finish(struct figure *f)
{
	f->median = median_of(f->round, &f->smallest, &f->largest);
}

static void figure_read(struct figure *f, const char *file, const char *prefix,
			const char *field)
{
	char path[512], name[64];
	int r;

	snprintf(name, sizeof(name), "%s%s", prefix, field);
	for (r = 0; r < rounds; r++) {
		cJSON *o, *value;

		snprintf(path, sizeof(path), "%s/%d.%s.json", dir, r + 1, file);
		o = read_json(path);
		value = cJSON_GetObjectItemCaseSensitive(o, name);
		if (!cJSON_IsNumber(value) || value->valuedouble <= 0)
			fail("%s has no %s", path, name);
		f->round[r] = value->valuedouble;
		cJSON_Delete(o);
	}
	figure_finish(f);
}

static void add_number(cJSON *to, const char *name, double value)
{
	char text[32];

	snprintf(text, sizeof(text), value < 100 ? "%.3f" : "%.1f", value);
	cJSON_AddRawToObject(to, name, text);
}

static void figure_store(const struct figure *f, const char *slug, const char *field)
{
	char name[96];
	cJSON *list;
	int r;

	snprintf(name, sizeof(name), "%s_%s", slug, field);
	add_number(medians, name, f->median);
	add_number(smallest, name, f->smallest);
	add_number(largest, name, f->largest);
	list = cJSON_AddArrayToObject(each, name);
	for (r = 0; r < rounds; r++)
		cJSON_AddItemToArray(list, cJSON_CreateNumber(f->round[r]));
}

/* Three digits that mean something: 0.048, 6.67, 43.2, 1549. */
static const char *short_number(double value, char text[16])
{
	snprintf(text, 16, "%.*f", value < 0.1 ? 3 : value < 10 ? 2 : value < 100 ? 1 : 0, value);
	return text;
}

static const char *spread_text(const struct figure *f, double unit, char text[40])
{
	char low[16], high[16];

	snprintf(text, 40, "(%s-%s)", short_number(f->smallest / unit, low),
		 short_number(f->largest / unit, high));
	return text;
}

/* What so many samples can tell: no 99.9th percentile of 200. */
static void print_percentile(const struct figure *f, double operations, double needed)
{
	char text[16];

	printf(" %6s", operations < needed ? "-" : short_number(f->median / 1e3, text));
}

static void print_row(const struct row *row)
{
	static const char *const fields[] = { "p50_us", "p99_us", "p999_us" };
	struct figure f[3], count, rate;
	char text[16], spread[40];
	int i;

	for (i = 0; i < 3; i++) {
		figure_read(&f[i], row->file, row->prefix, fields[i]);
		figure_store(&f[i], row->slug, fields[i]);
	}
	figure_read(&count, row->file, row->has_rate ? "" : row->prefix,
		    row->has_rate ? "operations" : "count");
	figure_store(&count, row->slug, row->has_rate ? "operations" : "count");
	printf("%-8s%-39s %6s %-14s", row->system, row->label,
	       short_number(f[0].median / 1e3, text), spread_text(&f[0], 1e3, spread));
	print_percentile(&f[1], count.smallest, 100);
	print_percentile(&f[2], count.smallest, 1000);
	if (row->has_rate) {
		figure_read(&rate, row->file, "", "operations_per_s");
		figure_store(&rate, row->slug, "operations_per_s");
		printf(" %6s %s", short_number(rate.median, text), spread_text(&rate, 1, spread));
	}
	putchar('\n');
}

/* Time of a lock and an unlock, one after the other by one client. */
static void figure_cycle(struct figure *f, const char *file, const char *slug)
{
	int r;

	figure_read(f, file, "", "operations_per_s");
	for (r = 0; r < rounds; r++)
		f->round[r] = 1e6 / f->round[r];
	figure_finish(f);
	figure_store(f, slug, "cycle_us");
}

/* Of the medians; the spread is that of the rounds. */
static void ratio(struct figure *to, const struct figure *a, const struct figure *b)
{
	int r;

	for (r = 0; r < rounds; r++)
		to->round[r] = a->round[r] / b->round[r];
	figure_finish(to);
	to->median = a->median / b->median;
}

static void measure_marks(struct mark *marks)
{
	char text[16], spread[40];
	struct figure a, b;

	figure_read(&a, "kquorum.leader.commit.1", "", "p50_us");
	figure_read(&b, "floor", "", "floor_p50_us");
	figure_store(&b, "floor", "p50_us");
	ratio(&marks[0].value, &a, &b);

	figure_read(&a, "kquorum.leader.commit.64", "", "operations_per_s");
	figure_read(&b, "etcd.leader.put.64", "", "operations_per_s");
	ratio(&marks[1].value, &a, &b);

	figure_cycle(&a, "etcd.leader.lock.1", "etcd_lock_1");
	figure_cycle(&b, "kquorum.leader.lock.1", "kquorum_lock_1");
	ratio(&marks[2].value, &a, &b);
	printf("\nlock plus unlock, 1 client: kquorum %s %s", short_number(b.median / 1e3, text),
	       spread_text(&b, 1e3, spread));
	printf(", etcd %s %s\n", short_number(a.median / 1e3, text), spread_text(&a, 1e3, spread));
}

static void print_marks(struct mark *marks, int n, cJSON *out)
{
	cJSON *list = cJSON_CreateObject();
	int i;

	printf("\n%-56s %-13s %-20s %s\n", "RATIO", "MARK", "MEASURED", "VERDICT");
	for (i = 0; i < n; i++) {
		const struct figure *v = &marks[i].value;
		bool met = marks[i].at_most ? v->median <= marks[i].bound
					    : v->median >= marks[i].bound;
		char bound[32], text[48];
		cJSON *o;

		snprintf(bound, sizeof(bound), "at %s %.0f", marks[i].at_most ? "most" : "least",
			 marks[i].bound);
		snprintf(text, sizeof(text), "%.2f (%.2f-%.2f)", v->median, v->smallest,
			 v->largest);
		printf("%-56s %-13s %-20s %s\n", marks[i].label, bound, text,
		       met ? "met" : "missed");
		add_number(out, marks[i].name, v->median);
		o = cJSON_AddObjectToObject(list, marks[i].name);
		cJSON_AddNumberToObject(o, marks[i].at_most ? "at_most_ratio" : "at_least_ratio",
					marks[i].bound);
		add_number(o, "measured_ratio", v->median);
		add_number(o, "smallest_ratio", v->smallest);
		add_number(o, "largest_ratio", v->largest);
		cJSON_AddStringToObject(o, "verdict", met ? "met" : "missed");
	}
	cJSON_AddItemToObject(out, "marks", list);
}

/* --- where it ran --------------------------------------------------------------------------- */

/* Who runs this machine, from the processor itself. */
static void hypervisor(char id[13])
{
	unsigned int eax, ebx, ecx, edx;

	id[0] = '\0';
	if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !(ecx >> 31))
		return;
	__cpuid(0x40000000, eax, ebx, ecx, edx);
	memcpy(id, &ebx, 4);
	memcpy(id + 4, &ecx, 4);
	memcpy(id + 8, &edx, 4);
	id[12] = '\0';
}

static void print_where(cJSON *out, const char *disk, double host_load)
{
	cJSON *o = cJSON_AddObjectToObject(out, "where");
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	double memory_mib = (double)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE) / (1 << 20);
	bool emulated;
	struct utsname un;
	char id[13];

	hypervisor(id);
	emulated = !strcmp(id, "TCGTCGTCGTCG");
	uname(&un);
	printf("where: %s; Linux %s, %ld cpus, %.0f MiB\n       disk: %s\n",
	       emulated ? "emulated by QEMU's TCG: compare figures with each other only"
	       : id[0] ? id : "no hypervisor", un.release, cpus, memory_mib, disk);
	if (host_load >= 0) {
		char text[16];

		printf("       host: load %s when it began%s\n", short_number(host_load, text),
		       host_load > 1 ? "; latencies include waiting for its processors" : "");
		cJSON_AddNumberToObject(o, "host_load_processes", host_load);
	}
	cJSON_AddBoolToObject(o, "emulated", emulated);
	cJSON_AddStringToObject(o, "hypervisor", id);
	cJSON_AddStringToObject(o, "kernel", un.release);
	cJSON_AddNumberToObject(o, "cpus", cpus);
	add_number(o, "memory_mib", memory_mib);
	cJSON_AddStringToObject(o, "disk", disk);
}

static void write_json(const cJSON *out, const char *path)
{
	char *text = cJSON_Print(out);
	FILE *f = fopen(path, "w");

	if (!f || fprintf(f, "%s\n", text) < 0 || fclose(f))
		fail("cannot write %s", path);
	free(text);
}

int main(int argc, char **argv)
{
	struct mark marks[] = {
		{ .name = "commit_p50_over_floor", .at_most = true, .bound = 2,
		  .label = "commit p50 over the floor (larger of the two), 1 client" },
		{ .name = "throughput_64_over_etcd", .bound = 5,
		  .label = "commits per second over etcd's puts, 64 clients" },
		{ .name = "etcd_lock_cycle_over_kquorum", .bound = 10,
		  .label = "etcd's lock plus unlock over kquorum's, 1 client" },
	};
	cJSON *out = cJSON_CreateObject();
	size_t i;

	if (argc != 6 || atoi(argv[2]) < 1 || atoi(argv[2]) > MAX_ROUNDS) {
		fprintf(stderr, "Usage: bench-report DIR ROUNDS DISK HOST_LOAD OUT.json\n"
			"DIR has what the rounds measured, DISK says in words what they wrote to,\n"
			"HOST_LOAD how many processes ran on the host beside it, -1: not known.\n");
		return 2;
	}
	dir = argv[1];
	rounds = atoi(argv[2]);
	medians = cJSON_CreateObject();
	smallest = cJSON_CreateObject();
	largest = cJSON_CreateObject();
	each = cJSON_CreateObject();

	printf("%d rounds; medians, in brackets the smallest and largest round; latencies in ms\n",
	       rounds);
	print_where(out, argv[3], atof(argv[4]));
	printf("\n%-47s %6s %-14s %6s %6s %6s\n", "", "p50", "", "p99", "p99.9", "per s");
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		print_row(&rows[i]);
	measure_marks(marks);
	print_marks(marks, sizeof(marks) / sizeof(marks[0]), out);

	cJSON_AddNumberToObject(out, "rounds", rounds);
	cJSON_AddItemToObject(out, "medians", medians);
	cJSON_AddItemToObject(out, "smallest", smallest);
	cJSON_AddItemToObject(out, "largest", largest);
	cJSON_AddItemToObject(out, "each_round", each);
	write_json(out, argv[5]);
	cJSON_Delete(out);
	return 0;
}
