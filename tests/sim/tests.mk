# SPDX-License-Identifier: GPL-2.0
# The simulator, and one build of it for each deliberate bug. Included by the
# Makefile at the top; also works alone: make -f tests/sim/tests.mk sim

BUILD ?= build
SIM_BREAKS := guard fence vote flush commit dedup stale election lost
SIM_CFLAGS := -std=gnu11 -O1 -g -Wall -Wextra -Wno-unused-parameter -Wno-sign-compare -Werror \
	-fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all \
	-Wno-address-of-packed-member -fno-sanitize=alignment \
	-Iinclude/uapi -Ikmod/core -Iuserspace/daemon -Itests/sim

SIM_CORE := $(wildcard kmod/core/*.c)
SIM_OWN := $(wildcard tests/sim/*.c) userspace/daemon/elect.c
SIM_HDRS := $(wildcard kmod/core/*.h tests/sim/*.h userspace/daemon/elect.h \
	include/uapi/linux/*.h)
SIM_OWN_OBJS := $(patsubst %.c,$(BUILD)/sim/%.o,$(SIM_OWN))
SIM_CORE_OBJS := $(patsubst %.c,$(BUILD)/sim/%.o,$(SIM_CORE))

.PHONY: sim sim-breaks
sim: $(BUILD)/kqsim
sim-breaks: $(SIM_BREAKS:%=$(BUILD)/kqsim-break-%)

$(BUILD)/kqsim: $(SIM_OWN_OBJS) $(SIM_CORE_OBJS)
	$(CC) $(SIM_CFLAGS) -o $@ $^

$(BUILD)/sim/%.o: %.c $(SIM_HDRS)
	@mkdir -p $(@D)
	$(CC) $(SIM_CFLAGS) -c -o $@ $<

# $(1): name of the bug, $(2): its macro
define sim_break
$(BUILD)/sim-break-$(1)/%.o: %.c $(SIM_HDRS)
	@mkdir -p $$(@D)
	$$(CC) $(SIM_CFLAGS) -DKQ_BREAK_$(2)=1 -c -o $$@ $$<

$(BUILD)/kqsim-break-$(1): $(SIM_OWN_OBJS) $(patsubst %.c,$(BUILD)/sim-break-$(1)/%.o,$(SIM_CORE))
	$$(CC) $(SIM_CFLAGS) -o $$@ $$^
endef
$(foreach b,$(SIM_BREAKS),$(eval $(call sim_break,$(b),$(shell echo $(b) | tr a-z A-Z))))
