# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# Making and starting kquorum nodes; used for namespaces and for machines. The caller gives the
# name of a function that runs a command on node I: RUN I CMD...

KQ_NET=10.77.0

# node_init RUN I N DIR CLUSTER_ID RTT_SCALE: 'kquorum init' on node I of N, unless it was done; its
# log has KQ_SEGMENTS segments (default 8) of KQ_SEGMENT_SIZE (default 1M)
node_init()
{
	local run=$1 i=$2 n=$3 dir=$4 id=$5 rtt_scale=$6 peer args
	args=(--dir "$dir" --name demo --node "n$i" --listen "$KQ_NET.$i"
		--segment-size "${KQ_SEGMENT_SIZE:-1M}" --segments "${KQ_SEGMENTS:-8}")
	[ "$n" = 1 ] || args+=(--cluster-id "$id")
	for ((peer = 1; peer <= n; peer++)); do
		[ "$peer" = "$i" ] || args+=(--peer "n$peer=$KQ_NET.$peer")
	done
	[ "$rtt_scale" = 1 ] || args+=(--rtt-scale "$rtt_scale")
	"$run" "$i" kquorum init "${args[@]}" >/dev/null || die "n$i: kquorum init failed"
}

# all_at_once FUNCTION I...: run it for all nodes in parallel; fails if one fails
all_at_once()
{
	local f=$1 pids=() pid status=0
	shift
	for i in "$@"; do
		"$f" "$i" &
		pids+=($!)
	done
	for pid in "${pids[@]}"; do wait "$pid" || status=1; done
	[ $status = 0 ] || exit 1
}

# status_leader: reads 'kquorum status -j', prints the leader's name if there is one
status_leader()
{
	tr -d ' \t\n' | sed -n 's/.*"leader_node":"\([^"]\{1,\}\)".*/\1/p'
}

# wait_leader RUN LIMIT_S I...: until all these nodes name the same leader; prints it
wait_leader()
{
	local run=$1 limit_s=$2 end i leader seen new
	shift 2
	end=$((SECONDS + limit_s))
	while [ $SECONDS -lt $end ]; do
		leader='' seen=same
		for i in "$@"; do
			new=$("$run" "$i" kquorum status -j 2>/dev/null | status_leader) || true
			if [ -z "$new" ] || { [ -n "$leader" ] && [ "$new" != "$leader" ]; }; then
				seen=different
				break
			fi
			leader=$new
		done
		if [ $seen = same ]; then
			echo "$leader"
			return 0
		fi
		sleep 0.2
	done
	return 1
}

# new_cluster_id: 64 random bits, hexadecimal
new_cluster_id()
{
	od -An -N8 -tx1 /dev/urandom | tr -d ' \n'
}
