#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# 24 hours of virtual time with clients and a nemesis in User Mode Linux, as 12 machines of two hours
# The test is tests/nemesis/uml.t, each time with another seed. KQ_MACHINES: another number.
set -u
cd "$(dirname "$(realpath "$0")")/../.." || exit 1
count=0 failed=0
for ((machine = 1; machine <= ${KQ_MACHINES:-12}; machine++)); do
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
	done < <(tests/nemesis/uml.t)
done
echo "1..$count"
exit $failed
