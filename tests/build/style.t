#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# TAP: licence lines, interface headers, style, documentation of folders.
cd "$(dirname "$0")/../.." || exit 1

n=0
ok() # NAME PROBLEMS
{
	n=$((n + 1))
	if [ -z "$2" ]; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1"
		sed 's/^/# /' <<<"$2" | head -40
	fi
}

files() { git ls-files --cached --others --exclude-standard "$@"; }

ok "every file names its licence" "$(files | grep -vE '(LICENSE|\.md|\.patch)$|^tests/fuzz/(corpus|findings)/' |
	while read -r f; do head -5 "$f" | grep -q 'SPDX-License-Identifier:' || echo "$f"; done)"

ok "the interface header carries the syscall note" \
	"$(head -1 include/uapi/linux/kquorum.h | grep -v 'GPL-2.0 WITH Linux-syscall-note')"

ok "the library is LGPL" "$(files userspace/lib/*.c userspace/lib/*.h |
	xargs grep -L 'SPDX-License-Identifier: LGPL-2.1-or-later')"

for lang in c c++; do
	ok "the interface header compiles alone as $lang" \
		"$(echo '#include <linux/kquorum.h>' |
			gcc -x $lang -Wall -Wextra -Werror -Iinclude/uapi -fsyntax-only - 2>&1)"
done

ok "every folder with code has a README" "$(files '*.c' | xargs -n1 dirname | sort -u |
	while read -r d; do [ -e "$d/README.md" ] || [ -e "$d/../README.md" ] || echo "$d"; done)"

ok "kmod/core includes nothing of the rest" "$(grep -nE '#include "(\.\.|[a-z]+/)|#include <(linux|net|asm)' \
	kmod/core/*.c kmod/core/*.h | grep -vE 'kq_platform(_user)?\.h:|linux/kquorum\.h')"

ok "nothing but tests includes tests" "$(grep -rnE '#include "[./]*tests/' kmod userspace include)"

# checkpatch comes with the kernel's source; the kernel with checkers has it unpacked.
checkpatch=build/uml/tree/scripts/checkpatch.pl
for ((i = 0; i < 600; i++)); do
	[ ! -e $checkpatch ] || break
	sleep 0.5
done
# What does not hold here: the core is user space's too, where BIT() is not; list walkers and
# assertions are macros that use an argument twice, as the kernel's own; locks are explained in the
# kernel-doc of their struct.
ignore=BIT_MACRO,MACRO_ARG_REUSE,MACRO_WITH_FLOW_CONTROL,FILE_PATH_CHANGES,UNCOMMENTED_DEFINITION
# style_of MORE: of the files that are read; MORE: what it is to ignore besides
style_of()
{
	xargs perl $checkpatch --no-tree --strict --terse --quiet --file --max-line-length=100 \
		--ignore "$ignore$1" 2>&1 | grep -v '^total:'
}
ok "checkpatch --strict has nothing to say about the module" "$(
	[ -e $checkpatch ] || echo "no $checkpatch: run scripts/uml build"
	files 'kmod/*.[ch]' 'include/*.h' | grep -vE '(_user\.[ch]|/tracepoints\.h)$' | style_of ''
	# laid out as the kernel lays out its own (include/trace/events)
	echo kmod/tracepoints.h | style_of ,PARENTHESIS_ALIGNMENT,OPEN_ENDED_LINE)"
echo "1..$n"
