# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# What the story in scripts/demo and the tests in tests/machines share: how a check is told, and the
# small questions that are asked of three machines. The caller has set KQ_VM_CLUSTER.

vc() { scripts/vm-cluster "$@"; }

# on NODE CMD...: run it there, at most a minute
on() { local node=$1; shift; vc exec -t 60 "$node" "$@"; }

truth() { if "$@"; then echo 0; else echo 1; fi; }

now_ms() { echo $(($(date +%s%N) / 1000000)); }

# within SECONDS CMD...: until CMD is true
within()
{
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.2
	done
}

# has_lines FILE N [PATTERN]
has_lines() { [ "$(grep -cs "${3:-}" "$1")" -ge "$2" ]; }

# field NODE NAME: a number at the top level of 'kquorum status -j'
field()
{
	on "$1" kquorum status -j 2>/dev/null | tr -d ' \t\n' |
		sed -n "s/.*\"$2\":\([0-9]*\).*/\1/p"
}

# same_applied NODE...: they have applied the same entries, all that is committed
same_applied()
{
	local node first='' applied
	for node in "$@"; do
		applied=$(field "$node" applied_index)
		[ -n "$applied" ] && [ "${first:=$applied}" = "$applied" ] || return 1
	done
}

# others_than NODE: the other two of n1 n2 n3
others_than()
{
	local node
	for node in n1 n2 n3; do
		[ "$node" = "$1" ] || echo "$node"
	done
}

# journal_pairs FILE, journal_twice FILE, journal_falls FILE: distinct pairs of node and number; pairs
# that are there more than once; lines whose token is not above that of the line before
journal_pairs() { awk 'NF == 3 { print $1, $2 }' "$1" | sort -u | wc -l; }
journal_twice() { awk '{ print $1, $2 }' "$1" | sort | uniq -d | wc -l; }
journal_falls() { awk '$3 <= last { n++ } { last = $3 } END { print n + 0 }' "$1"; }

# kernel_noise FILE: what a kernel says when something is wrong
kernel_noise() { awk '/BUG:|WARNING:|INFO: (task|possible)|Call Trace/' "$1"; }
