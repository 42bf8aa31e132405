#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The cluster grows and shrinks under load, and what its clients saw is judged; for the soak.
# shellcheck source=tests/e2e/guest/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/guest/members.sh
. "$(dirname "$0")/members.sh"
# shellcheck source=tests/nemesis/faults.sh
. tests/nemesis/faults.sh
DIR=/tmp/kq
ELECTION_MS=4000	# of --rtt-scale 4
FAULTS=$WORK/faults
: >"$FAULTS"

# grow I...: these join, one after the other
grow()
{
	local i
	for i; do
		rm -rf "$DIR/n$i"
		ok "n$i joins" join "$i" "$DIR/n$i" 1 add "n$i=10.77.0.$i"
	done
}

# shrink I...: these leave, whoever leads
shrink()
{
	local i
	for i; do
		any_leader 1
		ok "n$i leaves" changes "$leader" remove "n$i" --force
		node_down "$i"
	done
}

# stop_one: the leader is stopped in order, and another one takes over
stop_one()
{
	local gone
	any_leader 1
	[ "$leader" != 1 ] || kq 1 transfer --wait 30s >/dev/null
	any_leader 1
	gone=$leader
	ok "the leader, n$gone, is stopped" kq "$gone" stop --wait 60s
	becomes "another one leads" 60 eval "any_leader 1 && [ \$leader != $gone ]"
	wait_for 30 no_daemon "$gone"
	ok "it comes back" start_node "$gone" "$DIR/n$gone"
	becomes "and is there" 60 st_is "$gone" '.quorum and .session_left_ms > 0'
}

replace_one()
{
	node_down 5
	rm -rf "$DIR/n5"
	ok "n5, dead and wiped, is replaced" join 5 "$DIR/n5" 1 replace n5 n5=10.77.0.5
}

# move_one ADDRESS: n4 gets another one, where the others find it
move_one()
{
	local old
	old=$(ip -n kq4 -o -4 addr show dev eth0 | awk '{ print $4 }')
	ip -n kq4 addr add "$1/24" dev eth0
	any_leader 1
	ok "n4 is told to be at $1" changes "$leader" set-address n4 "$1"
	# with the first address of a network the kernel drops those after it
	ip -n kq4 addr del "$old" dev eth0
	ip -n kq4 addr replace "$1/24" dev eth0
	becomes "and is found there" 60 st_is 1 ".nodes[] | select(.node == \"n4\") | .connected and (.address | startswith(\"$1\"))"
}

# one_round ADDRESS
one_round()
{
	grow 2 3
	grow 4 5
	replace_one
	sed -i 's/^listen.*/listen = 0.0.0.0:7420/' $DIR/n4/kquorum.conf
	on 4 kill -HUP "$(daemon_pid 4)"
	move_one "$1"
	stop_one
	grow 6 7
	stop_one
	shrink 7 6 5 4
	ip -n kq4 addr del "$1/24" dev eth0
	ip -n kq4 addr replace 10.77.0.4/24 dev eth0
	shrink 3 2
	becomes "one is left" 30 settled 1 n1
}

NODES=7
cluster up -n 7 --bare || exit 1
NODES=1
mkdir -p $DIR
mount -t tmpfs none $DIR
init_node 1 $DIR/n1 --segment-size 1M --segments 96 && start_node 1 $DIR/n1
becomes "a cluster of one has a leader" 60 agree_in 1 1
tests/nemesis/clients --history "$WORK/history" --nodes 1 --per-node 4 --think 0.2 \
	ip netns exec kq1 build/nemesis/worker 2>"$WORK/clients.log" &
clients=$!
for ((round = 1; round <= ${KQ_ROUNDS:-2}; round++)); do
	one_round "10.77.0.4$round"
done
kill -TERM $clients
wait $clients
# Who waits for others for the time that it has chosen has not failed.
is "$(grep -v 'try again\|others stand before\|Resource temporarily unavailable\|Device or resource busy' "$WORK/clients.log" | head -n 20)" "" \
	"no request failed but with \"try again\""
echo "log $(st 1 .applied_index)" | on 1 build/nemesis/worker >"$WORK/log.n1"
judge $ELECTION_MS "$WORK/history" "$WORK/log.n1" "$WORK/log.n1"
node_down 1
becomes "nothing is left" 30 no_objects
finish
