#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# kquorum init: what it makes, what it refuses, what it leaves behind when it fails.
. "$(dirname "$0")/tap.sh"

small=(--segment-size 256K --segments 3)
base=(--name demo --node n1 --listen 10.0.0.1 --peer n2=10.0.0.2 --peer n10=10.0.0.10)

run "$KQUORUM" init "${base[@]}" "${small[@]}" --dir "$TMP/a"
is $rc 0 "init succeeds"
is "$(stat -c %a "$TMP/a")" 700 "the directory is private"
is "$(stat -c '%a %s' "$TMP/a"/segment-* | sort -u)" "600 262144" "segments are private and of the size asked for"
is "$(cd "$TMP/a" && echo segment-*)" "segment-0000 segment-0001 segment-0002" "so many segments as asked for"
# A file that is only allocated has no blocks that were written: count them.
is "$(($(stat -c %b "$TMP/a/segment-0000") * 512 >= 262144))" 1 "segments are filled, not sparse"
is "$(grep -c . <(grep -E '^n(1|2|10) = ' "$TMP/a/kquorum.conf"))" 3 "the configuration has all members"

# The line printed for another node makes the same cluster there.
line=$(grep -o 'kquorum init .*--node n10 .*' <<<"$out" | sed "s|$TMP/a|$TMP/b|; s|^kquorum|$KQUORUM|")
run sh -c "$line"
is $rc 0 "the line printed for n10 works"
is "$(sed -n '/^\[node\]/,/^$/!p' "$TMP/b/kquorum.conf")" "$(sed -n '/^\[node\]/,/^$/!p' "$TMP/a/kquorum.conf")" \
	"all but [node] is the same there"
like "$out" 'id 3 of 3' "n10 comes after n2"

run "$KQUORUM" init "${base[@]}" "${small[@]}" --dir "$TMP/a"
is $rc 1 "an existing node is not overwritten"
like "$out" '--force' "and it is said how to do so"
like "$out" 'kquorum start runs it' "and that it need not be"

id=$(sed -n 's/^id = //p' "$TMP/a/kquorum.conf")
run "$KQUORUM" init "${base[@]}" "${small[@]}" --dir "$TMP/a" --force --cluster-id "$id"
is $rc 1 "--force with the same cluster id is refused"
like "$out" 'old log would be taken' "and it is said why"
like "$out" '^  kquorum member replace n1 n1=10.0.0.1:7420$' "and how its place is taken by a new node"
like "$out" 'forget what it acknowledged' "and what an empty node would do"
[[ $out != *delete* ]]
report $? "nothing is said of deleting files"

# snapshots DIR: as a node and its daemon leave them, and what is none
snapshots()
{
	touch "$1/snapshot-00000000000000000010-1.kqs" "$1/snapshot-00000000000000000012-2.kqs" \
		"$1/snapshot-00000000000000000013-2.kqs.new" \
		"$1/snapshot-00000000000000000020-2.kqs.999-0badcafe.part" "$1/snapshot-of-mine" "$1/notes.kqs"
}
others() { (cd "$1" && printf '%s ' *snapshot* *.kqs*); }

snapshots "$TMP/a"
before=$(others "$TMP/a")
run "$KQUORUM" init "${base[@]}" "${small[@]}" --dir "$TMP/a" --force --cluster-id "$id"
is "$(others "$TMP/a")" "$before" "what is refused leaves the snapshots"
echo old | dd of="$TMP/a/segment-0001" conv=notrunc status=none
inode=$(stat -c %i "$TMP/a/segment-0001")
run "$KQUORUM" init "${base[@]}" --segment-size 256K --segments 2 --dir "$TMP/a" --force
is $rc 0 "--force with a fresh id is done"
is "$(stat -c %i "$TMP/a/segment-0001") $(head -c3 "$TMP/a/segment-0001")" "$inode old" "filled segments are used again"
is "$(cd "$TMP/a" && echo segment-*)" "segment-0000 segment-0001" "segments too many are gone"
is "$(others "$TMP/a")" "snapshot-of-mine notes.kqs " "and the snapshots of the node before, finished or not"
[ "$(sed -n 's/^id = //p' "$TMP/a/kquorum.conf")" != "$id" ]
report $? "the cluster id is another"
like "$out" 'kquorum init .*--force' "the line for the others has --force too"

rm "$TMP/a/kquorum.conf"
run "$KQUORUM" init "${base[@]}" "${small[@]}" --dir "$TMP/a"
is $rc 1 "segments without a configuration are not taken silently"
run "$KQUORUM" init "${base[@]}" "${small[@]}" --dir "$TMP/a" --force --cluster-id 1234
is $rc 1 "nor with an id that may be their own"
like "$out" 'bring its kquorum.conf back' "what is right is said"
run "$KQUORUM" init "${base[@]}" "${small[@]}" --dir "$TMP/a" --force
is $rc 0 "but with a fresh id"

mkdir "$TMP/empty"
run "$KQUORUM" init "${base[@]}" "${small[@]}" --dir "$TMP/empty"
is $rc 0 "an empty directory is taken"
run "$KQUORUM" init --name one --node n1 --listen 0.0.0.0 --advertise 10.0.0.1 "${small[@]}" --dir "$TMP/one" -j
is $rc 0 "a cluster of one node"
is "$(grep '^n1 =' "$TMP/one/kquorum.conf")" "n1 = 10.0.0.1:7420" "which others will find"
like "$out" '"log_bytes":[[:space:]]*786432' "JSON with units in the names"

run bash -c "ulimit -f 100; '$KQUORUM' init ${base[*]} ${small[*]} --dir '$TMP/limited'"
is $rc 1 "ulimit -f ends in an error, not in a signal"
like "$out" 'ulimit' "which names the limit"
[ ! -e "$TMP/limited" ]
report $? "and nothing is left behind"

if [ "$(id -u)" = 0 ] && mkdir "$TMP/full" && mount -t tmpfs -o size=400k none "$TMP/full" 2>/dev/null; then
	run "$KQUORUM" init "${base[@]}" "${small[@]}" --dir "$TMP/full/n"
	is $rc 1 "a full disk is an error"
	like "$out" 'no room: the log takes 768 KiB, and 4[0-9]* KiB are free$' "which says what is lacking"
	is "$(ls "$TMP/full")" "" "and nothing is left behind"
	umount "$TMP/full"
fi

# Joining: what kquorum member add prints.
joins=(--name demo --node n4 --listen 10.0.0.4 --cluster-id abc --founders 3 --id n4=7 --peer n1=10.0.0.1 --id n1=1
	--peer 'n9=[fe80::1]:99' --id n9=5)
run "$KQUORUM" join "${joins[@]}" "${small[@]}" --dir "$TMP/j"
is $rc 0 "join succeeds"
like "$out" '^demo: node n4, id 7, cluster id 0000000000000abc$' "it says what the node is"
like "$out" 'what printed this line on the leader takes it from there' "and what comes next"
is "$(grep -A 9 '^\[ids\]' "$TMP/j/kquorum.conf" | grep ' = ' | head -3 | tr '\n' ,)" "n1 = 1,n9 = 5,n4 = 7," "the numbers are kept"
like "$(cat "$TMP/j/kquorum.conf")" '^founders = 3$' "and the founders"
run "$KQUORUM" join "${joins[@]}" "${small[@]}" --dir "$TMP/k" -j
is "$(grep -c init_on_others <<<"$out")" 0 "JSON of join has no lines for the others"
run "$KQUORUM" init "${base[@]}" "${small[@]}" --dir "$TMP/k2" -j
is "$(grep -c init_on_others <<<"$out")" 1 "that of init has"

run "$KQUORUM" join "${joins[@]}" "${small[@]}" --dir "$TMP/j"
is $rc 1 "join leaves a node alone"
like "$out" 'has node n4 of this cluster, number 7$' "and says which"
like "$out" 'kquorum start runs it.*--force makes it anew as$' "and what --force would do"
is "$(awk 'length > 100' <<<"$out")" "" "in 100 columns"
run "$KQUORUM" join "${joins[@]/abc/def}" "${small[@]}" --dir "$TMP/j"
like "$out" 'has a node of another cluster \(n4 of demo\)' "one of another cluster is told apart"
echo old | dd of="$TMP/j/segment-0001" conv=notrunc status=none
snapshots "$TMP/j"
run "$KQUORUM" join "${joins[@]/n4=7/n4=8}" "${small[@]}" --dir "$TMP/j" --force
is $rc 0 "join --force makes it anew, in the same cluster too"
is "$(head -c3 "$TMP/j/segment-0001" | tr '\0' .)" "..." "with a log that knows nothing"
is "$(others "$TMP/j")" "snapshot-of-mine notes.kqs " "and no snapshot"
like "$(cat "$TMP/j/kquorum.conf")" '^n4 = 8$' "and its new number"
rm "$TMP/j/kquorum.conf"
run "$KQUORUM" join "${joins[@]}" "${small[@]}" --dir "$TMP/j"
like "$out" 'a join that was cut short' "a join that was cut short is told"
run "$KQUORUM" join "${joins[@]}" "${small[@]}" --dir "$TMP/j" --force
is $rc 0 "and begun again with --force"

# Lines that are printed can be given to a shell.
run "$KQUORUM" init --name six --node n1 --listen '[fe80::1]:99' --peer 'n2=[fe80::2]' "${small[@]}" --dir "$TMP/si x"
like "$out" "--listen '\[fe80::2\]:7420' --peer n1='\[fe80::1\]:99' --dir '$TMP/si x'" "what a shell would expand is quoted"
line=$(grep -o 'kquorum init .*--node n2 .*' <<<"$out" | sed "s|$TMP/si x|$TMP/si y|; s|^kquorum|$KQUORUM|")
run bash -c "cd '$TMP' && touch '[fe80::2]:7420' && $line"
is $rc 0 "such a line works"
for scale in 0.1045 2.5 12.34567 99.9995; do
	run "$KQUORUM" init --name s --node n1 --listen h --peer n2=g "${small[@]}" --rtt-scale $scale --lease 200s --dir "$TMP/s$scale"
	line=$(grep -o 'kquorum init .*--node n2 .*' <<<"$out" | sed "s|$TMP/s$scale|$TMP/t$scale|; s|^kquorum|$KQUORUM|")
	run sh -c "$line"
	is "$(sed -n '/^\[settings/,$p' "$TMP/t$scale/kquorum.conf")" "$(sed -n '/^\[settings/,$p' "$TMP/s$scale/kquorum.conf")" \
		"--rtt-scale $scale makes the same times there"
done

while IFS='|' read -r args says; do
	# shellcheck disable=SC2086
	run "$KQUORUM" init $args --dir "$TMP/x"
	is $rc 2 "usage error: $args"
	like "$out" "$says" "it says: $says"
done <<'EOT'
--name demo --node n1|--listen are needed
--name de/mo --node n1 --listen h|bad name
--name demo --node -n1 --listen h|bad name
--name demo --node n1 --listen ::1|brackets
--name demo --node n1 --listen 10.0.0|is no IPv4 address
--name demo --node n1 --listen 10.0.0.256:7420|is no IPv4 address
--name demo --node n1 --listen h --peer n2=10.0.0.1.2|--peer: .* is no IPv4 address
--name demo --node n1 --listen 0.0.0.0 --advertise 7420 --peer n2=h|--advertise: .* is no IPv4 address
--name demo --node n1 --listen h --peer n2|is not NODE=ADDR
--name demo --node n1 --listen h --peer n1=g|named twice
--name demo --node n1 --listen h --peer n2=h|same address
--name demo --node n1 --listen 0.0.0.0 --peer n2=h|--advertise
--name demo --node n1 --listen 0.0.0.0|say with --advertise where others reach it
--name demo --node n1 --listen [0::0]:99|say with --advertise where others reach it
--name demo --node n1 --listen h --peer n2=0.0.0.0|--peer: "0.0.0.0" stands for all addresses
--name demo --node n1 --listen h --advertise [::]|--advertise: "::" stands for all addresses
--name demo --node n1 --listen h --founders 3|no option --founders
--name demo --node n1 --listen h --id n1=1|no option --id
--name demo --node n1 --listen h --segment-size 1000000|multiple of 4K
--name demo --node n1 --listen h --segment-size 128K|at least 256K
--name demo --node n1 --listen h --segments 1|from 2 to 1024
--name demo --node n1 --listen h --cluster-id 0|hexadecimal
--name demo --node n1 --listen h --cluster-id 1|goes with --peer
--name demo --node n1 --listen h --rtt-scale 0|from 0.1 to 100
--name demo --node n1 --listen h --lease 1s|more than election_ms
--name demo --node n1 --listen h --lease 10x|is not a time
--name demo --node n1 --listen h extra|one word too many
EOT
while IFS='|' read -r args says; do
	# shellcheck disable=SC2086
	run "$KQUORUM" join --name demo --node n4 --listen h $args --dir "$TMP/x"
	is $rc 2 "usage error: join $args"
	like "$out" "$says" "it says: $says"
done <<'EOT'
--founders 3 --id n4=4|--cluster-id, --founders and --id are needed
--cluster-id 1 --id n4=4|--cluster-id, --founders and --id are needed
--cluster-id 1 --founders 3|--cluster-id, --founders and --id are needed
--cluster-id 1 --founders 16 --id n4=4|from 1 to 15
--cluster-id 1 --founders 3 --id n4=16|with a number from 1 to 15
--cluster-id 1 --founders 3 --id n4=4 --peer n1=g|some nodes have an id and some have none
--cluster-id 1 --founders 3 --id n4=4 --peer n1=g --id n1=4|the same id
--cluster-id 1 --founders 3 --id n5=4|no --peer or --node is called n5
--cluster-id 1 --founders 3 --id n4=4 --peer n1=h --id n1=1|same address
EOT
printf '[cluster]\nname = demo\n[members]\nn1 = 10.0.0.1\nn2 = 10.0.0.2\n' >"$TMP/plan"
while IFS='|' read -r args says; do
	# shellcheck disable=SC2086
	run "$KQUORUM" init $args --dir "$TMP/x"
	is $rc 2 "usage error: init $args"
	like "$out" "$says" "it says: $says"
done <<EOT
--from $TMP/plan --name demo|FILE says the rest
--from $TMP/plan --node n1 --peer n3=h|FILE says the rest
--from $TMP/plan --node n1 --advertise h|FILE says the rest
--from $TMP/plan --node n1 --lease 20s|FILE says the rest
--from $TMP/plan --node n1 --force|FILE says the rest
--from $TMP/plan --node n1 --cluster-id 1|FILE says the rest
--from $TMP/plan --node n9|has no line for n9 in \[members\]
--timeout 5 --name demo --node n1 --listen h|--timeout and --no-daemon go with --from
--no-daemon --name demo --node n1 --listen h|--timeout and --no-daemon go with --from
EOT
run "$KQUORUM" init --from "$TMP/absent" --dir "$TMP/x"
like "$out" 'absent: No such file' "a file that is not there is named"
printf '[cluster]\nname = demo\nid = 1\n[members]\nn1 = 10.0.0.1\n' >"$TMP/plan.id"
run "$KQUORUM" init --from "$TMP/plan.id" --node n1 --dir "$TMP/x"
is $rc 1 "a cluster of one takes no id by hand"
like "$out" 'a cluster of one gets an id of its own' "and it is said why"
printf '[node]\nname = n1\n' >>"$TMP/plan"
run "$KQUORUM" init --from "$TMP/plan" --node n1 --dir "$TMP/x"
is $rc 1 "a file of one machine is refused"
like "$out" 'plan:7: "name" in section \[node\] is of one machine; this file is for all' "with its line"
run "$KQUORUM" init --name -abcdefghijkl --node n1 --listen h
is "$(head -n 1 <<<"$out" | awk 'length > 100')" "" "a bad name is said in 100 columns"
[ ! -e "$TMP/x" ]
report $? "usage errors make nothing"
finish
