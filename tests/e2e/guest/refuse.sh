# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What is refused: users without privilege, greetings and messages that are wrong. Sourced by cluster.sh.

nobody_on() { local i=$1; shift; ip netns exec "kq$i" setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }
nobody() { nobody_on 1 "$@"; }

unprivileged_users_are_denied()
{
	run nobody kquorum lock u -- true
	is "$rc" 77 "an unprivileged user may not lock"
	run nobody kquorum stop
	is "$rc" 77 "nor stop the node"
	run nobody kquorum append text
	is "$rc" 77 "nor append"
	agree_in 60
	run nobody_on "$leader" kquorum transfer "n$((leader % 3 + 1))"
	is "$rc" 77 "nor move leadership"
	run nobody kquorum status -j
	is "$rc" 0 "but see the status"
	run nobody unshare -Urn kquorum start --dir /tmp/kq/n1
	like "$rc" '^(1|77)$' "root of a user namespace of its own cannot start a node there"
}

bad_greetings_are_refused()
{
	local term
	term=$(st 1 .term)
	run on 2 tests/e2e/guest/peer.pl 10.77.0.1 garbage
	like "$out" closed "a connection that sends garbage is closed"
	run on 2 tests/e2e/guest/peer.pl 10.77.0.1 cluster
	like "$out" closed "a greeting of another cluster is refused"
	run on 2 tests/e2e/guest/peer.pl 10.77.0.1 version
	like "$out" closed "a greeting of a later version is refused"
	ok "leader and term are the same after it" eval "agree_in 30 && [ \$(st 1 .term) = $term ]"
}

# What the log says counts, whatever kquorum.conf does.
other_settings_do_not_count()
{
	local conf=/tmp/kq/n3/kquorum.conf
	ok "n1 leads" lead 1
	node_down 3
	cp $conf "$WORK/conf"
	sed -i 's/^delta_ms.*/delta_ms = 400/' $conf
	ok "a node whose kquorum.conf has another delta starts" start_node 3 /tmp/kq/n3
	becomes "and is taken" 60 st_is 3 '.quorum and .session_left_ms > 0'
	is "$(st 3 .settings.delta_ms)" "$(st 1 .settings.delta_ms)" "with the settings of the cluster"
	node_down 3
	cp "$WORK/conf" $conf
	ok "it starts with its old file" start_node 3 /tmp/kq/n3
	becomes "and is taken again" 60 st_is 3 '.quorum and .session_left_ms > 0'
}

# Node 3 has other files than those that the others met it with: it must stay outside.
stays_outside() # HOW WHY
{
	becomes "$1: its status says why it is refused" 40 \
		st_is 3 ".why | gsub(\"\\\\s+\"; \" \") | test(\"n1 at .* is not connected: .*$2\")"
	becomes "and theirs too" 40 st_is 1 '.nodes[] | select(.node == "n3") | .reason | test("^refused, from .*files")'
	run kq 1 lock -w 60 outside -- true
	is "$rc" 0 "the others go on"
}

# It would vote again where it has voted, for a log that lacks what it had acknowledged.
a_node_with_older_files_is_refused()
{
	local i
	node_down 3
	cp -a /tmp/kq/n3 "$WORK/older"
	ok "a node is started once more" start_node 3 /tmp/kq/n3
	for i in 1 2 3; do
		becomes "and n$i knows it" 60 st_is $i '[.nodes[].connected] | all'
	done
	node_down 3
	mv /tmp/kq/n3 "$WORK/newest"
	cp -a "$WORK/older" /tmp/kq/n3
	ok "it starts with files of before" start_node 3 /tmp/kq/n3
	stays_outside "set back" 'bring newer ones back'
	for i in 1 2 3; do
		node_down 3
		ok "it starts again" start_node 3 /tmp/kq/n3
	done
	stays_outside "and started some more times" 'bring those of then back'
	node_down 3
	rm -rf /tmp/kq/n3
	init_node 3 /tmp/kq/n3 --delta ${DELTA_MS}ms >/dev/null
	ok "it starts with new files" start_node 3 /tmp/kq/n3
	stays_outside "new under its old name" 'which are new'
	node_down 3
	rm -rf /tmp/kq/n3
	mv "$WORK/newest" /tmp/kq/n3
	ok "with its own files it starts" start_node 3 /tmp/kq/n3
	becomes "and is taken again" 60 st_is 3 '.quorum and .session_left_ms > 0'
}

# Two machines run with one disk's files: whichever comes second stays outside, and is told so.
a_cloned_disk_is_noticed()
{
	node_down 3
	rm -rf /tmp/kq/clone
	cp -a /tmp/kq/n3 /tmp/kq/clone
	sed -i 's/^listen.*/listen = 10.77.0.4/' /tmp/kq/clone/kquorum.conf
	ok "n3 starts" start_node 3 /tmp/kq/n3
	becomes "and is taken" 60 st_is 3 '.quorum and .session_left_ms > 0'
	ok "a copy of its disk is started on another machine" start_node 4 /tmp/kq/clone
	becomes "which is told why it stays outside" 40 \
		st_is 4 '.why | gsub("\\s+"; " ") | test("n1 at .* is not connected: .*another machine has its files: stop one")'
	ok "it has no lease" st_is 4 '.quorum | not'
	ok "n3 goes on" st_is 3 '.quorum and .session_left_ms > 0'
	run kq 4 lock -w 1 clone -- true
	ok "the copy grants nothing" [ "$rc" != 0 ]
	run kq 3 lock -w 60 clone -- true
	is "$rc" 0 "n3 does"
	node_down 4
	rm -rf /tmp/kq/clone
}

# Its kquorum.conf has the addresses of a cluster that it was not made for.
a_node_of_another_cluster_is_refused()
{
	node_down 3
	init_node 3 /tmp/kq/other --cluster-id 78 >/dev/null
	ok "a node of another cluster starts in the place of n3" start_node 3 /tmp/kq/other
	becomes "its status says that it is of another cluster" 40 \
		st_is 3 '.why | gsub("\\s+"; " ") | test("n1 at .* is not connected: .*of another cluster")'
	becomes "and theirs too" 40 st_is 1 '.nodes[] | select(.node == "n3") | .reason | test("of another cluster")'
	run kq 1 lock -w 60 other -- true
	is "$rc" 0 "they go on"
	node_down 3
	rm -rf /tmp/kq/other
	ok "n3 itself starts" start_node 3 /tmp/kq/n3
	becomes "and is taken" 60 st_is 3 '.quorum and .session_left_ms > 0'
}

bad_messages_are_refused()
{
	local before how
	ok "n1 leads" lead 1
	for how in header body; do
		before=$(st 1 .counters.bad_messages)
		run on 3 tests/e2e/guest/peer.pl 10.77.0.1 $how "$(st 3 .incarnation)"
		like "$out" '^greeted closed' "a peer whose message has a wrong $how is cut off"
		becomes "and counted" 20 st_is 1 ".counters.bad_messages == $((before + 1))"
	done
	ok "the count is kept with the peer" st_is 1 '.nodes[] | select(.node == "n3") | .drops == 2'
	becomes "the real peer connects again" 60 st_is 1 '.nodes[] | select(.node == "n3") | .connected'
	run kq 3 lock -w 60 after -- true
	is "$rc" 0 "and nothing came to harm"
}
