# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# For the test scripts (*.t) of this directory, on the host: run a guest script in a test machine on
# each kernel and hand its TAP on.
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1

# e2e_kernels TEST: on which kernels it runs. $KQ_KERNEL decides; else, in make check (KQ_E2E=table), the
# one that kernels.tsv names for it, in make soak PART=kernels (KQ_E2E=other) the other one; else both.
e2e_kernels()
{
	local chosen
	[ -z "${KQ_KERNEL-}" ] || { echo "$KQ_KERNEL"; return; }
	chosen=$(awk -F'\t' -v test="$1" '$1 == test { print $2 }' tests/e2e/kernels.tsv)
	case ${KQ_E2E-}/$chosen in
	table/6.1 | other/6.12) echo 6.1 ;;
	table/6.12 | other/6.1) echo 6.12 ;;
	*) echo 6.1 6.12 ;;
	esac
}

# e2e GUEST LIMIT_S [VM_OPTION]...: run tests/e2e/guest/GUEST.sh on each of these kernels. The first does
# the full counts, the second the small ones (KQ_SMALL=1). $KQ_TESTS names the test functions to run instead
# of all, $KQ_VM_OPTIONS are more options of scripts/vm. $E2E_THEN is a function that is called with the
# kernel's name after each machine; what it prints is joined too.
e2e()
{
	local kernel
	KQ_SMALL=${KQ_SMALL:-0}
	{
		for kernel in $(e2e_kernels "$1"); do
			e2e_vm "$kernel" "$@"
			[ -z "${E2E_THEN-}" ] || $E2E_THEN "$kernel"
			KQ_SMALL=1
		done
	} | e2e_join
}

# e2e_vm KERNEL GUEST LIMIT_S [VM_OPTION]...: one of them
e2e_vm()
{
	local kernel=$1 guest=$2 limit_s=$3 status=0
	shift 3
	echo "# kernel $kernel"
	KQ_SMALL=${KQ_SMALL:-0} scripts/vm --kernel "$kernel" --timeout "$limit_s" "$@" ${KQ_VM_OPTIONS-} -- \
		"tests/e2e/guest/$guest.sh" ${KQ_TESTS-} 2>&1 || status=$?
	[ $status = 0 ] || echo "# the machine ended with exit status $status"
}

# Several TAP streams become one. Each must end with a plan that fits, else a test of that name fails.
e2e_join()
{
	local kernel='' seen=0 plan=-1 n=0 failed=0 line verdict
	while IFS= read -r line; do
		case $line in
		"# kernel "*)
			e2e_kernel_ended
			kernel=${line#"# kernel "} seen=0 plan=-1
			echo "$line" ;;
		"ok "[0-9]*" - "* | "not ok "[0-9]*" - "*)
			verdict=${line%%ok *}ok
			seen=$((seen + 1))
			e2e_result "$verdict" "${line#* - }" ;;
		1..[0-9]*) plan=${line#1..} ;;
		"#"*) echo "$line" ;;
		*) echo "# $line" ;;
		esac
	done
	e2e_kernel_ended
	echo "1..$n"
	[ $failed = 0 ] && [ $n != 0 ]
}

# These use the variables of e2e_join.
e2e_kernel_ended()
{
	[ -z "$kernel" ] || [ "$plan" = "$seen" ] ||
		e2e_result "not ok" "the script came to its end ($seen tests seen)"
}

e2e_result()
{
	n=$((n + 1))
	[ "$1" = ok ] || failed=$((failed + 1))
	echo "$1 $n - [$kernel] $2"
}
