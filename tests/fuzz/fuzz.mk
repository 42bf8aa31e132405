# SPDX-License-Identifier: GPL-2.0
# Fuzz targets: with libFuzzer (clang) for make fuzz, and with a plain main for make check,
# which runs what is kept in the corpora.

BUILD ?= build
FUZZ_TARGETS := wire peer wal hello config
FUZZ_CFLAGS := -std=gnu11 -g -O1 -Wall -Wextra -Wno-unused-parameter -Wno-sign-compare \
	-Wno-address-of-packed-member -fno-omit-frame-pointer \
	-Iinclude/uapi -Ikmod/core -Iuserspace/daemon -Itests/fuzz
FUZZ_SAN := -fsanitize=address,undefined -fno-sanitize=alignment -fno-sanitize-recover=all
FUZZ_CORE := $(wildcard kmod/core/*.c)
FUZZ_HDRS := $(wildcard kmod/core/*.h tests/fuzz/*.h userspace/daemon/hello.h userspace/lib/*.h)
wire_SRC := kmod/core/kq_wire.c kmod/core/kq_conf.c kmod/core/kq_entry.c kmod/core/kq_platform_user.c
wal_SRC := $(wildcard kmod/core/kq_wal*.c) kmod/core/kq_conf.c kmod/core/kq_entry.c kmod/core/kq_platform_user.c
peer_SRC := $(FUZZ_CORE)
hello_SRC := userspace/daemon/hello.c $(wire_SRC)
config_SRC := userspace/lib/config.c $(wire_SRC)
config_LIBS := -linih

.PHONY: fuzz fuzz-replay fuzz-targets
fuzz: ## run each fuzz target for TIME=60 seconds (TARGET= only one)
	@scripts/setup --for build --for fuzz
	@tests/fuzz/run --time $(or $(TIME),60) $(TARGET)

fuzz-targets: $(FUZZ_TARGETS:%=$(BUILD)/fuzz/%)

# Not libFuzzer's: it runs in User Mode Linux, against the real module.
$(BUILD)/fuzz/netlink $(BUILD)/fuzz/failnth: $(BUILD)/fuzz/%: tests/fuzz/%.c tests/fuzz/nl.c \
		tests/fuzz/nl.h include/uapi/linux/kquorum.h
	@mkdir -p $(@D)
	$(CC) $(FUZZ_CFLAGS) $(CFLAGS) -o $@ $(filter %.c,$^) -lmnl

fuzz-replay: $(FUZZ_TARGETS:%=$(BUILD)/fuzz/%-replay)

# $(1): target
define fuzz_target
$(BUILD)/fuzz/$(1): tests/fuzz/$(1).c $($(1)_SRC) $(FUZZ_HDRS)
	@mkdir -p $$(@D)
	clang $(FUZZ_CFLAGS) -Wno-c2x-extensions $(FUZZ_SAN) -fsanitize=fuzzer -o $$@ tests/fuzz/$(1).c $($(1)_SRC) $($(1)_LIBS)

$(BUILD)/fuzz/$(1)-replay: tests/fuzz/$(1).c tests/fuzz/replay.c $($(1)_SRC) $(FUZZ_HDRS)
	@mkdir -p $$(@D)
	$$(CC) $(FUZZ_CFLAGS) $(FUZZ_SAN) $$(CFLAGS) -o $$@ tests/fuzz/$(1).c tests/fuzz/replay.c $($(1)_SRC) $($(1)_LIBS)
endef
$(foreach t,$(FUZZ_TARGETS),$(eval $(call fuzz_target,$(t))))
