# SPDX-License-Identifier: GPL-2.0
# The programs of log-writes.t, snapshot.t, owners.t and named.t. Included by the top Makefile.

BUILD ?= build
LOG_WRITES_SRC := $(wildcard tests/e2e/log-writes/*.c kmod/core/kq_wal*.c) kmod/core/kq_conf.c kmod/core/kq_settings.c \
	kmod/core/kq_entry.c kmod/core/kq_platform_user.c

.PHONY: e2e-build
e2e-build: $(BUILD)/e2e/log-writes $(BUILD)/e2e/holders $(BUILD)/e2e/owner

$(BUILD)/e2e/log-writes: $(LOG_WRITES_SRC) $(wildcard tests/e2e/log-writes/*.h kmod/core/*.h)
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -D_GNU_SOURCE -O2 -g -Wall -Wextra -Werror -Wno-unused-parameter \
		-Iinclude/uapi -Ikmod/core -Itests/e2e/log-writes $(CFLAGS) -o $@ $(LOG_WRITES_SRC)

$(BUILD)/e2e/holders $(BUILD)/e2e/owner: $(BUILD)/e2e/%: tests/e2e/%.c $(BUILD)/lib/libkquorum.a
	@mkdir -p $(@D)
	$(USER_CC) $(USER_CPPFLAGS) $(USER_CFLAGS) $^ -o $@ -lmnl -linih -pthread
