# SPDX-License-Identifier: GPL-2.0
# The table of tests/bench/locks: medians of the rounds' ratios, smallest and largest, verdicts, memory.
def median: sort | if length % 2 == 1 then .[length / 2 | floor] else (.[length / 2 - 1] + .[length / 2]) / 2 end;
def spread: { median: median, min: min, max: max };
def rounded: . * 100 | round / 100;
def told: "\(.median | rounded) (\(.min | rounded) to \(.max | rounded))";
def pad($n): . + (" " * ($n - length));

def us($phase; $table; $name):
	[$cycles[] | select(.phase == $phase and .table == $table and .name == $name)] | sort_by(.round) | map(.us);
def ratios($phase; $name):
	us($phase; "large"; $name) as $l | us($phase; "small"; $name) as $s | [range($l | length) | $l[.] / $s[.]] | spread;
def row($what; $name):
	"  \($what | pad(50)) \(us("measured"; "small"; $name) | median / 1000 | rounded | tostring | pad(6)) \(us("measured"; "large"; $name) | median / 1000 | rounded | tostring | pad(6)) \(ratios("measured"; $name) | told | pad(22)) \(ratios("floor"; $name) | told | pad(22)) \(if ratios("measured"; $name).median <= 1.2 then "met" else "MISSED" end)";

def bytes($what): $memory[] | select(.what == $what) | .bytes / .count;
# what was refused has its handle and nothing else
def replica($what): (bytes($what) - bytes("refuse")) / 3;

{
	items: $items, waiters: $waiters, rounds: $rounds, host_load: $load, kernel: $kernel,
	us: ($cycles | group_by([.phase, .table, .name]) | map({ phase: .[0].phase, table: .[0].table, name: .[0].name,
		us: (map(.us) | spread) })),
	ratios: ([$cycles[].name] | unique | map({ (.): { measured: ratios("measured"; .), floor: ratios("floor"; .) } }) | add),
	memory_bytes: {
		handle: bytes("refuse"), resource_defined: (bytes("define") / 3), resource_and_holder: replica("hold"),
		waiter: replica("wait"), sharer: replica("share")
	}
} | . + { text: [
	"\($items) resources, half of them defined, half held, \($waiters) wait for one, as many share one more; beside 10 of each.",
	"An emulated machine with two processors for all six nodes; kernel \($kernel), load of the host \($load); \($rounds) rounds.",
	"Time of one, in ms (median); ratio of both (median of the rounds, smallest to largest); floor: the same ratio",
	"while both have 10 of each; mark: at most 1.2",
	"  \("" | pad(50)) \("10" | pad(6)) \("many" | pad(6)) \("ratio" | pad(22)) \("floor" | pad(22))",
	row("lock and unlock, one client"; "lock"),
	row("the same, 64 clients"; "lock_64"),
	row("wait behind all others, and leave the queue"; "queue"),
	row("share what many share, and give it back"; "share"),
	row("wait for what many share, and leave the queue"; "queue_shared"),
	"Memory, bytes each, names of 13 bytes; on every node: a resource that is defined \(.memory_bytes.resource_defined | round),",
	"one that is held, with its holder \(.memory_bytes.resource_and_holder | round), a waiter \(.memory_bytes.waiter | round), a sharer \(.memory_bytes.sharer | round);",
	"on the node that asked, besides, a handle with its file \(.memory_bytes.handle | round)"
] }
