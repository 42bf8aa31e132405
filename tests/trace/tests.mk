# SPDX-License-Identifier: GPL-2.0
# kqreplay: traces of real clusters, run again. The simulator's files with room for more handles
# and resources, and with the deliberate bugs to choose from. Included by the Makefile at the top;
# also works alone: make -f tests/trace/tests.mk build/kqreplay

BUILD ?= build
REPLAY_CFLAGS := -std=gnu11 -O2 -g -Wall -Wextra -Wno-unused-parameter -Wno-sign-compare -Werror \
	-Wno-address-of-packed-member -DKQ_BREAK_CHOOSE -DSIM_SLOTS=64 -DSIM_RESOURCES=24 \
	-Iinclude/uapi -Ikmod/core -Iuserspace/daemon -Itests/sim
REPLAY_SRCS := $(wildcard kmod/core/*.c tests/trace/*.c) userspace/daemon/elect.c \
	$(filter-out %/main.c %/seeds.c %/shrink.c,$(wildcard tests/sim/*.c))
REPLAY_HDRS := $(wildcard kmod/core/*.h tests/sim/*.h tests/trace/*.h userspace/daemon/elect.h \
	include/uapi/linux/*.h)

$(BUILD)/replay/%.o: %.c $(REPLAY_HDRS) tests/trace/tests.mk
	@mkdir -p $(@D)
	$(CC) $(REPLAY_CFLAGS) $(CFLAGS) -c -o $@ $<

$(BUILD)/kqreplay: $(patsubst %.c,$(BUILD)/replay/%.o,$(REPLAY_SRCS))
	$(CC) $(REPLAY_CFLAGS) $(CFLAGS) -o $@ $^
