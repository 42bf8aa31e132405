# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# For the test scripts (*.t) of this directory, on the host: run a guest script in a test machine on
# each kernel and hand its TAP on.
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1

# e2e GUEST LIMIT_S [VM_OPTION]...: run tests/e2e/guest/GUEST.sh on 6.1 and 6.12 (or on $KQ_KERNEL
# alone). The first kernel does the full counts, the second the small ones (KQ_SMALL=1). $KQ_TESTS names
# the test functions to run instead of all.
e2e()
{
	local guest=$1 limit_s=$2 kernel status
	shift 2
	KQ_SMALL=${KQ_SMALL:-0}
	{
		for kernel in ${KQ_KERNEL:-6.1 6.12}; do
			echo "# kernel $kernel"
			status=0
			KQ_SMALL=$KQ_SMALL scripts/vm --kernel "$kernel" --timeout "$limit_s" "$@" -- \
				"tests/e2e/guest/$guest.sh" ${KQ_TESTS-} 2>&1 || status=$?
			[ $status = 0 ] || echo "# the machine ended with exit status $status"
			KQ_SMALL=1
		done
	} | e2e_join
}

# Several TAP streams become one. Each must end with a plan that fits, else a test of that name fails.
e2e_join()
{
	awk '
	function close_kernel()
	{
		if (kernel == "")
			return
		if (plan != seen)
			result("not ok", "the script on " kernel " came to its end (" seen " tests seen)")
	}
	function result(verdict, name)
	{
		n++
		if (verdict != "ok")
			failed++
		print verdict " " n " - [" kernel "] " name
		fflush()
	}
	/^# kernel / { close_kernel(); kernel = $3; seen = 0; plan = -1; next }
	/^ok [0-9]+ - / { seen++; sub(/^ok [0-9]+ - /, ""); result("ok", $0); next }
	/^not ok [0-9]+ - / { seen++; sub(/^not ok [0-9]+ - /, ""); result("not ok", $0); next }
	/^1\.\.[0-9]+$/ { plan = substr($0, 4); next }
	/^#/ { print; next }
	{ print "# " $0 }
	END { close_kernel(); print "1.." n; exit failed > 0 || n == 0 }'
}
