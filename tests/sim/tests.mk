# SPDX-License-Identifier: GPL-2.0
# The simulator, three times: as shipped (kqsim), with sanitizers (kqsim-san), with the
# deliberate bugs to choose from (kqsim-bugs). Included by the Makefile at the top; also
# works alone: make -f tests/sim/tests.mk sim

include tests/objects.mk

SIM_SRCS := $(wildcard kmod/core/*.c tests/sim/*.c) $(addprefix userspace/daemon/,elect.c handover.c prefer.c)

.PHONY: sim sim-bugs sim-all
sim: sim-all ## a minute of seeds in the simulator
	@tests/sim/seeds.sh

sim-bugs: sim-all ## find each deliberate bug anew, from seed 1 on; README=1 keeps the table
	@tests/sim/bugs.sh $(if $(README),--readme,--table)

sim-all: $(BUILD)/kqsim $(BUILD)/kqsim-san $(BUILD)/kqsim-bugs

# $(1): suffix of the program, $(2): set
define sim_link
$(BUILD)/kqsim$(1): $(call objects,$(2),$(SIM_SRCS))
	$$(CC) $($(2)_FLAGS) $$(CFLAGS) -o $$@ $$^
endef
$(eval $(call sim_link,,sim))
$(eval $(call sim_link,-san,san))
$(eval $(call sim_link,-bugs,bugs))
