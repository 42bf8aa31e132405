// SPDX-License-Identifier: GPL-2.0
/* The lines that make other machines nodes: see join.h. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "join.h"

/* What the module keeps of each segment for itself: KQ_WAL_FIRST. */
#define SEGMENT_HEAD (2 * KQUORUM_BLOCK)

void line_add(struct line *l, const char *format, ...)
{
	va_list ap;

	if (l->at >= sizeof(l->text))
		return;
	va_start(ap, format);
	l->at += vsnprintf(l->text + l->at, sizeof(l->text) - l->at, format, ap);
	va_end(ap);
}

static bool makes(const char *text, uint32_t heartbeat_ms, uint32_t election_ms)
{
	double scale = strtod(text, NULL);
	uint32_t heartbeat, election;

	scale_times(scale, &heartbeat, &election);
	return scale >= RTT_SCALE_MIN && scale <= RTT_SCALE_MAX && heartbeat == heartbeat_ms &&
		election == election_ms;
}

bool rtt_scale(uint32_t heartbeat_ms, uint32_t election_ms, char *buf)
{
	/* Each is rounded by itself: what both allow lies between these, in thousandths. */
	double low = election_ms - 0.5, high = election_ms + 0.5;
	double tenfold = 10.0 * heartbeat_ms;

	snprintf(buf, FORMAT_MAX, "%.10g", election_ms / 1000.0);
	if (makes(buf, heartbeat_ms, election_ms))
		return true;
	low = low > tenfold - 5 ? low : tenfold - 5;
	high = high < tenfold + 5 ? high : tenfold + 5;
	snprintf(buf, FORMAT_MAX, "%.10g", (low + high) / 2000);
	return makes(buf, heartbeat_ms, election_ms);
}

unsigned int join_segments(uint64_t capacity_bytes, uint32_t segment_bytes)
{
	return segment_bytes > SEGMENT_HEAD ? capacity_bytes / (segment_bytes - SEGMENT_HEAD) : 0;
}

void line_settings(struct line *l, const struct kquorum_config *c)
{
	char scale[FORMAT_MAX];

	if (c->segment_bytes != KQUORUM_DEFAULT_SEGMENT_BYTES)
		line_add(l, " --segment-size %u%s",
			 c->segment_bytes >> (c->segment_bytes % (1 << 20) ? 10 : 20),
			 c->segment_bytes % (1 << 20) ? "K" : "M");
	if (c->segments != KQUORUM_DEFAULT_SEGMENTS)
		line_add(l, " --segments %u", c->segments);
	if ((c->heartbeat_ms != KQUORUM_DEFAULT_HEARTBEAT_MS ||
	     c->election_ms != KQUORUM_DEFAULT_ELECTION_MS) &&
	    rtt_scale(c->heartbeat_ms, c->election_ms, scale))
		line_add(l, " --rtt-scale %s", scale);
	if (c->lease_ms != KQUORUM_DEFAULT_LEASE_MS)
		line_add(l, " --lease %u%s", c->lease_ms % 1000 ? c->lease_ms : c->lease_ms / 1000,
			 c->lease_ms % 1000 ? "ms" : "s");
	if (c->delta_ms != KQUORUM_DEFAULT_DELTA_MS)
		line_add(l, " --delta %ums", c->delta_ms);
	if (c->drift_ppm != KQUORUM_DEFAULT_DRIFT_PPM)
		line_add(l, " --drift %u", c->drift_ppm);
}

/* All nodes have the same, and one that joins gets a log as large as here. */
static void settings_of(const struct kquorum_status *st, struct kquorum_config *c)
{
	kquorum_config_defaults(c);
	c->heartbeat_ms = st->settings.heartbeat_ms;
	c->election_ms = st->settings.election_ms;
	c->lease_ms = st->settings.lease_ms;
	c->delta_ms = st->settings.delta_ms;
	c->drift_ppm = st->settings.drift_ppm;
	c->segment_bytes = st->settings.segment_bytes;
	if (join_segments(st->disk.capacity_bytes, c->segment_bytes))
		c->segments = join_segments(st->disk.capacity_bytes, c->segment_bytes);
}

void join_line(struct line *l, const struct kquorum_status *st, const struct joiner *j)
{
	char quoted[2 * KQUORUM_ADDRESS_MAX];
	struct kquorum_config c;
	unsigned int i;

	l->at = 0;
	line_add(l, "kquorum join --name %s --cluster-id %016" PRIx64, st->name, st->cluster_id);
	line_add(l, " --node %s --listen %s --founders %u --id %s=%u", j->name,
		 shell_quote(quoted, sizeof(quoted), j->address), node_count(st->founders), j->name,
		 j->id);
	for (i = 0; i < st->n_peers; i++) {
		const struct kquorum_peer_status *p = &st->peers[i];

		/* Who is no member is of no use to it, and who makes room may have its address. */
		if (!status_is_member(st, p->id) || p->id == j->id || p->id == j->instead)
			continue;
		line_add(l, " --peer %s=%s --id %s=%u", p->name,
			 shell_quote(quoted, sizeof(quoted), p->address), p->name, p->id);
	}
	settings_of(st, &c);
	line_settings(l, &c);
}

void join_remark(struct line *l, const struct kquorum_status *st)
{
	char scale[FORMAT_MAX];

	l->at = 0;
	l->text[0] = '\0';
	if (!rtt_scale(st->settings.heartbeat_ms, st->settings.election_ms, scale))
		line_add(l, "in its kquorum.conf set heartbeat_ms = %u and election_ms = %u, "
			 "as on the others", st->settings.heartbeat_ms, st->settings.election_ms);
}
