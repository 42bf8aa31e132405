# SPDX-License-Identifier: GPL-2.0
# kqreplay: traces of real clusters, run again. The simulator's files with room for more handles
# and resources, and with the deliberate bugs to choose from. Included by the Makefile at the top;
# also works alone: make -f tests/trace/tests.mk build/kqreplay

include tests/objects.mk

REPLAY_SRCS := $(wildcard tests/trace/*.c) \
	$(filter-out %/main.c %/seeds.c %/shrink.c,$(wildcard tests/sim/*.c))

$(BUILD)/kqreplay: $(call objects,replay,$(REPLAY_SRCS)) \
		$(call objects,bugs,$(wildcard kmod/core/*.c) $(addprefix userspace/daemon/,elect.c handover.c prefer.c))
	$(CC) $(replay_FLAGS) $(CFLAGS) -o $@ $^
