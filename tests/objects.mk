# SPDX-License-Identifier: GPL-2.0
# What test programs are linked of: each source is compiled once per set of flags, and all programs
# of a set share its objects. Included by the tests.mk of each folder, which may stand alone.
#
#	san	-O1 with sanitizers: unit tests, kqsim-san, the inputs kept for the fuzz targets
#	sim	-O2, as shipped: kqsim, and the benchmark's work
#	bugs	-O2 with the deliberate bugs to choose from: kqsim-bugs, kqreplay
#	replay	the simulator's files as kqreplay wants them; the core is that of bugs
#	fuzz	clang, with libFuzzer's eyes
#
# $(call objects,SET,SOURCES) names the objects. Which flags a source gets besides those of its set
# depends on its folder alone.

ifndef TEST_SETS
TEST_SETS := san sim bugs replay fuzz

BUILD ?= build
# Builds again are much faster with ccache; it is taken when it is there.
ifeq ($(origin CC),default)
CC := $(if $(shell command -v ccache 2>/dev/null),ccache )gcc
endif
ifndef CLI_OBJS
include userspace/userspace.mk
endif
ifndef DAEMON_SRC
include userspace/daemon/daemon.mk
endif

TEST_SAN ?= -fsanitize=address,undefined -fno-sanitize-recover=all
san_FLAGS := -O1 $(TEST_SAN)
sim_FLAGS := -O2
bugs_FLAGS := -O2 -DKQ_BREAK_CHOOSE
replay_FLAGS := $(bugs_FLAGS) -DSIM_SLOTS=64 -DSIM_RESOURCES=24
fuzz_FLAGS := -O1 $(TEST_SAN) -fsanitize=fuzzer-no-link -Wno-c2x-extensions -Wno-unknown-warning-option
fuzz_CC := clang

OBJ_CORE := -std=gnu11 -g -Wall -Wextra -Werror -Wno-unused-parameter -fno-omit-frame-pointer \
	-Iinclude/uapi -Ikmod/core
OBJ_SIM := $(OBJ_CORE) -Wno-sign-compare -Wno-address-of-packed-member -Iuserspace/daemon -Itests/sim
OBJ_CLI := $(USER_CPPFLAGS) $(USER_CFLAGS) -Iuserspace/cli -Ikmod/core -Itests/core
OBJ_DAEMON := $(DAEMON_CFLAGS) $(shell pkg-config --cflags $(DAEMON_PKGS) 2>/dev/null)
OBJ_FUZZ := $(OBJ_CORE) -Wno-sign-compare -Wno-address-of-packed-member -Iuserspace/daemon -Itests/fuzz

objects = $(patsubst %.c,$(BUILD)/$(1)/%.o,$(2))

# $(1): set, $(2): folder, $(3): flags of what is in it
define object_flags
$(BUILD)/$(1)/$(2)/%.o: OBJ_FLAGS := $(3)
endef

# The flags of a set come last: -O1 has the last word over what a folder says.
# $(1): set
define object_rules
$(call object_flags,$(1),kmod/core,$(OBJ_CORE))
$(call object_flags,$(1),tests/core,$(OBJ_CORE) -Itests/core)
$(call object_flags,$(1),userspace/lib,$(OBJ_CLI))
$(call object_flags,$(1),userspace/cli,$(OBJ_CLI))
$(call object_flags,$(1),tests/cli,$(OBJ_CLI))
$(call object_flags,$(1),userspace/daemon,$(OBJ_DAEMON))
$(call object_flags,$(1),tests/daemon,$(OBJ_DAEMON))
$(call object_flags,$(1),tests/sim,$(OBJ_SIM))
$(call object_flags,$(1),tests/trace,$(OBJ_SIM))
$(call object_flags,$(1),tests/bench,$(OBJ_CORE))
$(call object_flags,$(1),tests/fuzz,$(OBJ_FUZZ))

$(BUILD)/$(1)/%.o: %.c tests/objects.mk
	@mkdir -p $$(@D)
	$(or $($(1)_CC),$(CC)) $$(OBJ_FLAGS) $($(1)_FLAGS) $$(CFLAGS) -MMD -MP -c -o $$@ $$<
endef
$(foreach s,$(TEST_SETS),$(eval $(call object_rules,$(s))))

-include $(foreach s,$(TEST_SETS),$(wildcard $(BUILD)/$(s)/*/*/*.d))
endif
