# SPDX-License-Identifier: GPL-2.0
# The table of tests/bench/state: medians of the rounds, smallest and largest, ratios and verdicts.
def median: sort | if length % 2 == 1 then .[length / 2 | floor] else (.[length / 2 - 1] + .[length / 2]) / 2 end;
def spread: { median: median, min: min, max: max };
def ratios($a; $b): [range($a | length) as $i | $a[$i] / $b[$i]] | spread;
def rounded: . * 100 | round / 100;
def verdict($limit; $up): if (if $up then . >= $limit else . <= $limit end) then "met" else "MISSED" end;
def row($name; $r; $limit; $up):
	"  \($name + (" " * (52 - ($name | length)))) \($r.median | rounded) (\($r.min | rounded) to \($r.max | rounded))"
	+ "   mark: \(if $up then "at least" else "at most" end) \($limit): \($r.median | verdict($limit; $up))";

{
	items: $items, snapshot_bytes: $snapshot_bytes, history_mib: $history_mib, log_mib: $log_mib,
	rounds: $rounds, host_load: $load,
	commit_us: ({ quiet: $quiet, save: $save, ship: $ship, copy: $beside } | map_values({
		p50: (map(.p50_us) | spread), p999: (map(.p999_us) | spread), max: (map(.max_us) | spread),
		commits: (map(.operations) | add) })),
	link_kbit_per_s: $link_kbit,
	slow_copy_bytes_per_s: ($slow_copy | map(.bytes / .seconds) | spread),
	slow_catch_up_bytes_per_s: ($slow_join | map(.bytes / .seconds) | spread),
	copy_bytes_per_s: ($copy | map(.bytes / .seconds) | spread),
	catch_up_bytes_per_s: ($join | map(.bytes / .seconds) | spread),
	ratios: {
		save_p999: ratios($save | map(.p999_us); $quiet | map(.p999_us)),
		save_max: ratios($save | map(.max_us); $quiet | map(.max_us)),
		ship_p999: ratios($ship | map(.p999_us); $quiet | map(.p999_us)),
		ship_max: ratios($ship | map(.max_us); $quiet | map(.max_us)),
		copy_p999: ratios($beside | map(.p999_us); $quiet | map(.p999_us)),
		copy_max: ratios($beside | map(.max_us); $quiet | map(.max_us)),
		catch_up: ratios($slow_join | map(.bytes / .seconds); $slow_copy | map(.bytes / .seconds)),
		catch_up_full: ratios($join | map(.bytes / .seconds); $copy | map(.bytes / .seconds))
	}
} | . + { text: [
	"\(.items) locks held, a snapshot of \(.snapshot_bytes / 1048576 | rounded) MiB; \(.history_mib) MiB appended to logs of \(.log_mib) MiB;",
	"an emulated machine with two processors for all nodes; load of the host \(.host_load); \(.rounds) rounds.",
	"Commits of one client: \(.commit_us.quiet.commits) quiet, \(.commit_us.save.commits) while two nodes save, \(.commit_us.ship.commits) while one is sent;",
	"p99.9 quiet \(.commit_us.quiet.p999.median / 1000 | rounded) ms, longest \(.commit_us.quiet.max.median / 1000 | rounded) ms.",
	"Medians of the rounds' ratios (smallest to largest):",
	row("p99.9 while snapshots are saved / quiet"; .ratios.save_p999; 1.2; false),
	row("longest commit while they are saved / quiet"; .ratios.save_max; 2; false),
	row("p99.9 while one is sent / quiet"; .ratios.ship_p999; 1.2; false),
	row("longest commit while one is sent / quiet"; .ratios.ship_max; 2; false),
	"    floor: while the plain copy goes over that link, p99.9 \(.ratios.copy_p999.median | rounded) (\(.ratios.copy_p999.min | rounded) to \(.ratios.copy_p999.max | rounded)), longest \(.ratios.copy_max.median | rounded);",
	"    the new node has the same two processors as all others: what it does for itself is in these two too",
	row("a new node's bytes per second / a plain copy's"; .ratios.catch_up; 0.8; true),
	"    over a link of \($link_kbit) kbit/s: as slow for the emulated processors as 1 Gbit/s for real ones;",
	"    without that limit \(.ratios.catch_up_full.median | rounded) (\(.ratios.catch_up_full.min | rounded) to \(.ratios.catch_up_full.max | rounded)), the copy with \(.copy_bytes_per_s.median / 1e6 | rounded) MB/s"
] }
