# SPDX-License-Identifier: GPL-2.0
# Fuzz targets: with libFuzzer (clang) for make fuzz, and with a plain main for make check,
# which runs what is kept in the corpora.

include tests/objects.mk

FUZZ_TARGETS := wire peer wal hello config
wire_SRC := kmod/core/kq_wire.c kmod/core/kq_conf.c kmod/core/kq_settings.c kmod/core/kq_entry.c kmod/core/kq_platform_user.c
wal_SRC := $(wildcard kmod/core/kq_wal*.c) kmod/core/kq_conf.c kmod/core/kq_settings.c kmod/core/kq_entry.c kmod/core/kq_platform_user.c
peer_SRC := $(wildcard kmod/core/*.c)
hello_SRC := userspace/daemon/hello.c $(wire_SRC)
config_SRC := userspace/lib/config.c $(wire_SRC)
config_LIBS := -linih

.PHONY: fuzz fuzz-renew fuzz-replay fuzz-targets
fuzz: ## run each fuzz target for TIME=60 seconds (TARGET= only one)
	@scripts/setup --for build --for fuzz
	@tests/fuzz/run --time $(or $(TIME),60) $(TARGET)

# Inputs of an older format are refused at the door: what they reached has to be found again.
fuzz-renew: ## after a format changed: renew corpora and findings, TIME=300 seconds each (TARGET=)
	@scripts/setup --for build --for fuzz
	@tests/fuzz/run --keep --time $(or $(TIME),300) $(or $(TARGET),wire peer wal hello config)
	@tests/fuzz/findings.t --renew $(or $(TIME),300)

fuzz-targets: $(FUZZ_TARGETS:%=$(BUILD)/fuzz/%)

# Not libFuzzer's: it runs in User Mode Linux, against the real module.
$(BUILD)/fuzz/netlink $(BUILD)/fuzz/failnth: $(BUILD)/fuzz/%: tests/fuzz/%.c tests/fuzz/nl.c \
		tests/fuzz/nl.h include/uapi/linux/kquorum.h
	@mkdir -p $(@D)
	$(CC) $(OBJ_FUZZ) -O1 $(CFLAGS) -o $@ $(filter %.c,$^) -lmnl

fuzz-replay: $(FUZZ_TARGETS:%=$(BUILD)/fuzz/%-replay)

# $(1): target
define fuzz_target
$(BUILD)/fuzz/$(1): $(call objects,fuzz,tests/fuzz/$(1).c $($(1)_SRC))
	@mkdir -p $$(@D)
	clang $(fuzz_FLAGS) -fsanitize=fuzzer -o $$@ $$^ $($(1)_LIBS)

$(BUILD)/fuzz/$(1)-replay: $(call objects,san,tests/fuzz/$(1).c tests/fuzz/replay.c $($(1)_SRC))
	@mkdir -p $$(@D)
	$$(CC) $$(TEST_SAN) $$(CFLAGS) -o $$@ $$^ $($(1)_LIBS)
endef
$(foreach t,$(FUZZ_TARGETS),$(eval $(call fuzz_target,$(t))))

# A former finding planted again (findings.t): PLANT=DIR is a folder with one source, changed, under its own
# path; PLANT_TARGET is linked with that in place of the sound one: DIR/replay, and DIR/fuzz of clang.
ifdef PLANT
planted_source := $(patsubst $(PLANT)/%,%,$(wildcard $(PLANT)/*/*/*.c))
planted_flags := $(OBJ_FUZZ) $(OBJ_DAEMON) -I$(dir $(planted_source)) -Wno-error
# $(1): set
planted_rest = $(filter-out $(call objects,$(1),$(planted_source)),$(call objects,$(1),$($(PLANT_TARGET)_SRC)))

$(PLANT)/replay: $(PLANT)/$(planted_source) $(call planted_rest,san) \
		$(call objects,san,tests/fuzz/$(PLANT_TARGET).c tests/fuzz/replay.c)
	$(CC) $(planted_flags) $(san_FLAGS) $(CFLAGS) -o $@ $^ $($(PLANT_TARGET)_LIBS)

$(PLANT)/fuzz: $(PLANT)/$(planted_source) $(call planted_rest,fuzz) $(call objects,fuzz,tests/fuzz/$(PLANT_TARGET).c)
	clang $(planted_flags) $(fuzz_FLAGS) -fsanitize=fuzzer -o $@ $^ $($(PLANT_TARGET)_LIBS)
endif
