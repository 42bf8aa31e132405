# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# For tests whose script runs in User Mode Linux. The caller is in the project's root.

# uml_tap MEM_MB TIMEOUT_S COMMAND...: its TAP in virtual time, and two tests on top: that it came to
# its end, and that no checker complains. Returns what all of it comes to.
uml_tap()
{
	local mem=$1 limit=$2 log status planned count whole=1 clean=1
	shift 2
	scripts/uml module --plain || { echo "Bail out! the module does not build"; return 1; }
	log=$(mktemp) || return 1
	# What the checkers say comes on standard error, after the guest's own plan.
	scripts/uml run --time-travel=inf-cpu --mem "$mem" --timeout "$limit" -- "$@" 2>"$log" |
		tee "$log.tap" | sed -u '/^1\.\./d'
	status=${PIPESTATUS[0]}
	count=$(grep -cE '^(not )?ok ' "$log.tap")
	planned=$(sed -n 's/^1\.\.//p' "$log.tap")
	[ "$planned" != "$count" ] || whole=0
	uml_result $whole $((count + 1)) "the script in the machine came to its end"
	case $status in 0 | 1) grep -qE '^uml: (the kernel log|memory)' "$log" || clean=0 ;; esac
	uml_result $clean $((count + 2)) "the checkers found nothing (exit status $status)"
	[ $whole$clean = 00 ] || tail -n 100 "$log" | sed 's/^/# /'
	echo "1..$((count + 2))"
	rm -f "$log" "$log.tap"
	[ "$status" = 0 ]
}

# uml_result STATUS NUMBER NAME
uml_result() { if [ "$1" = 0 ]; then echo "ok $2 - $3"; else echo "not ok $2 - $3"; fi; }
