#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Allocations of the module's workers fail under a cluster in User Mode Linux, whatever message they handle
# As tests/nemesis/uml.t, but all the time (fail-nth): whatever they handle, write or send, the cluster goes
# on and what clients saw is linearizable.
cd "$(dirname "$(realpath "$0")")/../.." || exit 1
# It goes on, 60 virtual seconds at a time, until all of these were struck: what handles a message (each
# type that needs memory), begins to lead, ticks, writes, sends.
export KQ_SECONDS=${KQ_SECONDS:-60} KQ_LONGEST=${KQ_LONGEST:-8} KQ_THINK=${KQ_THINK:-2}
export KQ_KINDS="transfer cut"
export KQ_STARVE="kq_vote_recv_req kq_vote_recv_timeout_now kq_leader_start kq_follow_recv_append
	kq_leader_recv_resp kq_propose_recv kq_lease_recv_renew kq_node_tick disk_submit kq_conn_send"
exec tests/nemesis/uml.t
