# SPDX-License-Identifier: GPL-2.0
# Compares the table of what is not reached with what was missed: FILE, LINE, HOW. Ends with 1
# where they differ. Lines are found by their text, so that the table outlives other changes.

function text(file, number,    i, line)
{
	if (!(file in read)) {
		read[file] = 1
		for (i = 1; (getline line < file) > 0; i++) {
			gsub(/^[ \t]+|[ \t]+$/, "", line)
			source[file, i] = line
		}
		close(file)
	}
	return source[file, number]
}

FILENAME == ARGV[1] && /^(#|$)/ { next }

FILENAME == ARGV[1] {
	if (NF != 3) {
		printf "table, line %d: three fields are expected, %d are there\n", FNR, NF
		bad = 1
	}
	reason[$1, $2] = $3
	next
}

# What stands below an assertion that never fails is not run.
$3 == "not run" && text($1, $2 - 1) ~ /KQ_ASSERT\(/ { next }

{
	line = text($1, $2)
	if (($1, line) in reason) {
		listed++
		used[$1, line] = 1
		out[listed] = sprintf("%s:%d: %s: %s\n\t%s\n", $1, $2, $3, line, reason[$1, line])
	} else {
		printf "NOT IN THE TABLE: %s:%d: %s: %s\n", $1, $2, $3, line
		bad = 1
	}
}

END {
	for (key in reason) {
		if (key in used)
			continue
		split(key, k, SUBSEP)
		printf "STALE, it is reached or gone: %s: %s\n", k[1], k[2]
		bad = 1
	}
	printf "%d places are not reached, each for a reason:\n", listed
	for (i = 1; i <= listed; i++)
		printf "%s", out[i]
	exit bad
}
