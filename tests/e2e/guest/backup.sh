#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# New clusters from what is left of another one: from a snapshot that was kept, and from the last
# survivor. Fencing tokens never fall, nothing that was held is, and the two never mix.
# shellcheck source=tests/e2e/guest/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/guest/members.sh
. "$(dirname "$0")/members.sh"	# settled
DIR=/tmp/kq
BACKUP=$WORK/backup.kqs
JUMP=1099511627776	# 2^40

# token I RESOURCE: takes it on node I for a moment, and prints the token
# shellcheck disable=SC2016
token() { kq "$1" lock -w 60 "$2" -- sh -c 'echo $KQUORUM_TOKEN'; }

# hold I RESOURCE: in the background until unhold; sets $held to its token
hold()
{
	: >"$WORK/hold"
	: >"$WORK/held"
	# shellcheck disable=SC2016
	kq "$1" lock -w 60 "$2" -- sh -c 'echo $KQUORUM_TOKEN >'"$WORK/held"'; while [ -e '"$WORK/hold"' ]; do sleep 0.1; done' &
	holder=$!
	wait_for 60 test -s "$WORK/held"
	held=$(cat "$WORK/held")
}
unhold() { rm -f "$WORK/hold"; wait "$holder"; }

# take_in I AT: machine I becomes a member of the cluster that node AT leads, which numbers its own
take_in()
{
	local i=$1 at=$2 line asked
	timeout 200 ip netns exec "kq$at" kquorum member add "n$i=10.77.0.$i" >"$WORK/member.out" 2>&1 &
	asked=$!
	wait_for 20 grep -q 'kquorum start' "$WORK/member.out"
	line=$(sed -n 's/^ *kquorum join //p' "$WORK/member.out" | head -n 1)
	rm -rf "$DIR/n$i"
	on "$i" sh -c "kquorum join $line --dir $DIR/n$i" && start_node "$i" "$DIR/n$i" && wait $asked && return 0
	cat "$WORK/member.out"
	return 1
}

leads() { st_is "$1" '.quorum and .role == "leader"'; }
follows() { st_is "$1" '.quorum and .role == "follower"'; }

a_snapshot_is_kept()
{
	kq 1 append "a line before"
	hold 2 db
	run kq 3 snapshot save "$BACKUP"
	is "$rc" 0 "any node saves its state into a file"
	run kq 1 snapshot verify "$BACKUP"
	is "$rc" 0 "which is whole"
	saved=$(kq 1 snapshot show -j "$BACKUP" | jq .index)
	like "$saved" '^[0-9]+$' "and says up to which index"
}

another_cluster_is_made_from_it()
{
	run kq 4 snapshot restore "$BACKUP" --dir $DIR/n4 --name copy --node n4 --listen 10.77.0.4 \
		--segment-size 256K --segments 8
	is "$rc" 0 "a node begins with it"
	like "$out" "begins with index $((saved + JUMP))" "far above all indexes that were"
	ok "it starts" start_node 4 $DIR/n4
	becomes "it leads a cluster of one" 60 leads 4
	copy=$(token 4 db)
	ok "which gives away the lock that is held in the other cluster" test -n "$copy"
	ok "with a higher token" test "$copy" -gt "$held"
	run kq 4 log
	like "$out" 'restored from index [0-9]+ of 0000000000000077' "its log says where it comes from"
	run kq 4 status
	like "$out" '0000000000000077' "and so does its status"
	node_down 4
	ok "it starts again" start_node 4 $DIR/n4
	becomes "and leads again" 60 leads 4
	next=$(token 4 db)
	ok "with tokens that rise" test "$next" -gt "$copy"
	ok "another machine joins it" take_in 5 4
	becomes "both vote" 60 settled 5 "n4 n5"
	next=$(token 5 db)
	ok "tokens rise there too" test "$next" -gt "$copy"
}

# NODES of the first cluster go on all the while.
the_other_one_goes_on()
{
	ok "the first cluster has not noticed" agree_in 30 1 2 3
	unhold
	first=$(token 1 db)
	ok "and goes on with its own tokens" test "$first" -gt "$held"
	ok "which are lower" test "$first" -lt "$copy"
	nodes_down 4 5
}

what_is_damaged_is_not_restored()
{
	cp "$BACKUP" "$WORK/bad.kqs"
	printf X | dd of="$WORK/bad.kqs" bs=1 seek=150 conv=notrunc status=none
	run kq 4 snapshot restore "$WORK/bad.kqs" --dir $DIR/bad --name bad --node n4 --listen 10.77.0.4
	like "$rc" '^[1-9]' "a damaged snapshot is refused"
	like "$out" 'damaged' "and it is said so"
	ok "nothing is left of it" test ! -e $DIR/bad
}

the_last_survivor_becomes_a_new_cluster()
{
	agree_in 60 1 2 3
	before=$(token "$leader" db)
	kq "$leader" append "the last line"
	becomes "n2 has it all" 60 eval "kq 2 log -j | grep -q 'the last line'"
	run kq 2 recover --dir $DIR/n2 --i-know-what-i-lose
	is "$rc" 1 "a node that runs is not recovered from"
	like "$out" 'its cluster works' "with the reason"
	nodes_down 1 2 3
	rm -rf $DIR/n1
	run kq 2 recover --dir $DIR/n2
	is "$rc" 2 "it is not done by mistake"
	like "$out" 'acknowledged and this node never got is lost' "but told what it costs"
	run kq 2 recover --dir $DIR/n2 --i-know-what-i-lose
	is "$rc" 0 "with the word for it it is done"
	like "$out" 'a new cluster with id' "and says what it is"
	ok "the old files are kept" test -e $DIR/n2.before-recover-0000000000000077/segment-0000
	ok "it starts" start_node 2 $DIR/n2
	becomes "it leads a cluster of one" 60 leads 2
	after=$(token 2 db)
	ok "tokens are higher" test "$after" -gt "$((before + JUMP))"
	run kq 2 log
	like "$out" 'recovered from index [0-9]+ of 0000000000000077' "its log says where it comes from"
}

# n3 has its old files, and does not know.
an_old_survivor_does_not_mix_with_it()
{
	ok "the other survivor starts" start_node 3 $DIR/n3
	becomes "it is told that the other one is not its cluster" 60 eval "kq 3 status -j | grep -q 'of another cluster'"
	run kq 3 lock -w 2 db -- true
	like "$rc" '^[1-9]' "and takes no lock"
	node_down 3
	ok "it joins anew" take_in 3 2
	becomes "and votes" 60 settled 3 "n2 n3"
	last=$(token 3 db)
	ok "its tokens go on from the new ones" test "$last" -gt "$after"
	nodes_down 2 3
}

NODES=5
cluster up -n 5 --bare || exit 1
NODES=3
for i in 1 2 3; do
	init_node $i $DIR/n$i && start_node $i $DIR/n$i || exit 1
done
becomes "a cluster of three has a leader" 60 agree_in 1
ONLY=$*
run_tests a_snapshot_is_kept another_cluster_is_made_from_it the_other_one_goes_on what_is_damaged_is_not_restored \
	the_last_survivor_becomes_a_new_cluster an_old_survivor_does_not_mix_with_it
becomes "nothing is left" 30 no_objects
finish
