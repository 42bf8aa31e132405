# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# For parts that run one test in several machines: as many side by side as there are processors
# (KQ_JOBS: another number), the next one as soon as one ends.

# machines COUNT TEST: their TAP as one, machine after machine; 1 when a test failed
machines()
{
	local machine line verdict planned count=0 failed=0 out
	out=$(mktemp -d) || return 1
	set -m		# a group of processes of their own, that can be ended together
	# shellcheck disable=SC2016
	seq "$1" | xargs -P "${KQ_JOBS:-$(nproc)}" -I@ bash -c \
		'"$2" >"$1/@.part" 2>"$1/@.err"; mv "$1/@.part" "$1/@"' _ "$out" "$2" &
	set +m
	# shellcheck disable=SC2064
	trap "kill -- -$! 2>/dev/null; rm -rf '$out'" EXIT
	trap 'exit 130' INT TERM
	for ((machine = 1; machine <= $1; machine++)); do
		until [ -e "$out/$machine" ]; do
			sleep 1
		done
		sed 's/^/# /' "$out/$machine.err"
		planned=""
		while IFS= read -r line; do
			case $line in
			"ok "* | "not ok "*)
				count=$((count + 1))
				verdict=${line%% [0-9]*}
				[ "$verdict" = ok ] || failed=1
				echo "$verdict $count - machine $machine: ${line#* - }" ;;
			1..*) planned=yes ;;
			*) echo "$line" ;;
			esac
		done <"$out/$machine"
		[ -n "$planned" ] && continue
		count=$((count + 1)) failed=1
		echo "not ok $count - machine $machine: it came to its end"
	done
	wait
	echo "1..$count"
	return $failed
}
