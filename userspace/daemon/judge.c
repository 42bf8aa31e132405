// SPDX-License-Identifier: GPL-2.0
/*
 * Does this node take a snapshot that it is offered?
 */
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include "daemon.h"

/* Whoever offers has to be one whom this node is to be connected with, or is. */
static const char *judge_sender(const struct kqd *d, const struct kqd_offer *o)
{
	const struct kqd_status_peer *p = kqd_status_peer(&d->st, o->from);
	uint64_t origin = le64toh(d->st.past.origin);

	if (o->cluster != d->st.cluster_hash)
		return "it is of another cluster, or has other founders";
	if (o->to != d->st.node_id || o->whom != le64toh(d->st.past.identity))
		return "it is meant for another node, or for other files under this number";
	if (!(kqd_peers_named(d) & 1u << o->from) && !(p && p->connected))
		return "who sends it is no member that this node knows of";
	if (p && p->identity && p->identity != o->identity)
		return "who sends it has other files than the configuration here says";
	if (origin && o->origin != origin)
		return "its log was begun by another node";
	return NULL;
}

/* Room for what is still to come. */
static bool judge_room(const struct kqd *d, uint64_t bytes, uint64_t stored, char *why,
		       size_t whylen)
{
	struct statvfs fs;
	uint64_t room;

	if (fstatvfs(d->snap.files.dir, &fs))
		return true;
	room = (uint64_t)fs.f_bavail * fs.f_frsize;
	if (bytes <= stored || room >= bytes - stored)
		return true;
	snprintf(why, whylen, "no room for a snapshot of %llu bytes: free some of them on %.40s",
		 (unsigned long long)bytes, d->opt.dir);
	return false;
}

/* Nothing against it but the moment. */
static enum kqd_answer judge_moment(const struct kqd *d, char *why, size_t whylen)
{
	bool damaged = d->st.state == KQUORUM_NODE_DAMAGED;

	if (d->receiving)
		snprintf(why, whylen, "it takes one from %s",
			 kqd_node_name(d, d->receiving->offer.from));
	else if (d->snap.files.dir < 0 || d->snap.files.stale)
		snprintf(why, whylen, "it cannot use its directory yet, its log says why");
	else if (d->snap.settle.poll.busy || (d->snap.files.pending && !damaged))
		snprintf(why, whylen, "its module has one to look at");
	else
		return KQD_ANSWER_GO;
	return KQD_ANSWER_BUSY;
}

/**
 * kqd_judge_offer() - look at the node's state, and at the disk
 * @d: the daemon
 * @o: as decoded
 * @stored: bytes of that very snapshot that are here already
 * @why: why not
 * @whylen: bytes there
 *
 * Return: KQD_ANSWER_GO, _BUSY, _HAVE, _REFUSED; or _FAILED: there is no room.
 */
enum kqd_answer kqd_judge_offer(const struct kqd *d, const struct kqd_offer *o, uint64_t stored,
				char *why, size_t whylen)
{
	enum kqd_answer answer;
	const char *refused;

	if (!kqd_node_serves(d)) {
		snprintf(why, whylen, "its node does not serve");
		return KQD_ANSWER_BUSY;
	}
	refused = judge_sender(d, o);
	if (!refused && d->st.role == KQUORUM_LEADER)
		refused = "this node leads";
	if (refused) {
		snprintf(why, whylen, "%s", refused);
		return KQD_ANSWER_REFUSED;
	}
	if (d->st.state == KQUORUM_NODE_RUNNING && o->ref.index <= d->st.commit)
		return KQD_ANSWER_HAVE;
	answer = judge_moment(d, why, whylen);
	if (answer != KQD_ANSWER_GO)
		return answer;
	return judge_room(d, o->ref.bytes, stored, why, whylen) ? KQD_ANSWER_GO :
		KQD_ANSWER_FAILED;
}
