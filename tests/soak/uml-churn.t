#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# churn in a kernel with every checker on (User Mode Linux): KQ_CHURN (25) times in each of 4 machines
# Daemons and a holder killed, the leader's link cut, a namespace deleted under load, the module loaded
# and unloaded. Nothing may be left, kmemleak and the other checkers may complain of nothing.
set -u
cd "$(dirname "$(realpath "$0")")/../.." || exit 1
export KQ_CHURN=${KQ_CHURN:-25}
count=0 failed=0
for machine in 1 2 3 4; do
	while IFS= read -r line; do
		case $line in
		"ok "* | "not ok "*)
			count=$((count + 1))
			verdict=${line%% [0-9]*}
			[ "$verdict" = ok ] || failed=1
			echo "$verdict $count - machine $machine: ${line#* - }" ;;
		1..*) ;;
		*) echo "$line" ;;
		esac
	done < <(tests/kunit/cluster.t)
done
echo "1..$count"
exit $failed
