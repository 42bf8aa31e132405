# SPDX-License-Identifier: GPL-2.0
# kquorumd. Included by the top Makefile, or alone: make -f userspace/daemon/daemon.mk

DAEMON_CC ?= $(CC)
DAEMON_PKGS := liburing libnl-genl-3.0 libnl-route-3.0 libsystemd inih
DAEMON_CFLAGS := -std=gnu11 -O2 -g -Wall -Wextra -Wno-unused-parameter -Wmissing-prototypes \
	-Wstrict-prototypes -Wshadow -Werror=implicit-function-declaration -Iinclude/uapi
DAEMON_SRC := $(wildcard userspace/daemon/*.c) userspace/lib/config.c kmod/core/kq_platform_user.c
DAEMON_OBJ := $(patsubst %.c,build/daemon/%.o,$(DAEMON_SRC))

build/bin/kquorumd: $(DAEMON_OBJ)
	@mkdir -p $(@D)
	$(DAEMON_CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $$(pkg-config --libs $(DAEMON_PKGS))

build/daemon/%.o: %.c
	@mkdir -p $(@D)
	$(DAEMON_CC) $(DAEMON_CFLAGS) $(CFLAGS) $$(pkg-config --cflags $(DAEMON_PKGS)) -MMD -MP -c -o $@ $<

-include $(DAEMON_OBJ:.o=.d)
