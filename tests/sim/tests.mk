# SPDX-License-Identifier: GPL-2.0
# The simulator, three times: as shipped (kqsim), with sanitizers (kqsim-san), with the
# deliberate bugs to choose from (kqsim-bugs). Included by the Makefile at the top; also
# works alone: make -f tests/sim/tests.mk sim

BUILD ?= build
comma := ,
SIM_CFLAGS := -std=gnu11 -O2 -g -Wall -Wextra -Wno-unused-parameter -Wno-sign-compare -Werror \
	-fno-omit-frame-pointer -Wno-address-of-packed-member \
	-Iinclude/uapi -Ikmod/core -Iuserspace/daemon -Itests/sim
SIM_SRCS := $(wildcard kmod/core/*.c tests/sim/*.c) userspace/daemon/elect.c
SIM_HDRS := $(wildcard kmod/core/*.h tests/sim/*.h userspace/daemon/elect.h \
	include/uapi/linux/*.h)

.PHONY: sim sim-bugs sim-all
sim: sim-all ## a minute of seeds in the simulator
	@tests/sim/seeds.sh

sim-bugs: sim-all ## plant each deliberate bug: the simulator must find it; README=1 keeps the table
	@tests/sim/bugs.sh $(if $(README),--readme,--table)

sim-all: $(BUILD)/kqsim $(BUILD)/kqsim-san $(BUILD)/kqsim-bugs

# $(1): suffix of program and folder, $(2): more flags
define sim_build
$(BUILD)/sim$(1)/%.o: %.c $(SIM_HDRS)
	@mkdir -p $$(@D)
	$$(CC) $(SIM_CFLAGS) $(2) $$(CFLAGS) -c -o $$@ $$<

$(BUILD)/kqsim$(1): $(patsubst %.c,$(BUILD)/sim$(1)/%.o,$(SIM_SRCS))
	$$(CC) $(SIM_CFLAGS) $(2) $$(CFLAGS) -o $$@ $$^
endef
$(eval $(call sim_build,,))
$(eval $(call sim_build,-san,-O1 -fsanitize=address$(comma)undefined -fno-sanitize-recover=all \
	-fno-sanitize=alignment))
$(eval $(call sim_build,-bugs,-DKQ_BREAK_CHOOSE))
