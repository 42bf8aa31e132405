# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# For parts that run one test in several machines, one after the other.

# machines COUNT TEST: their TAP as one; 1 when a test failed
machines()
{
	local machine line verdict count=0 failed=0
	for ((machine = 1; machine <= $1; machine++)); do
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
		done < <("$2")
	done
	echo "1..$count"
	return $failed
}
