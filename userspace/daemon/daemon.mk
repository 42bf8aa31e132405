# SPDX-License-Identifier: GPL-2.0
# kquorumd. Included by the top Makefile, or alone: make -f userspace/daemon/daemon.mk

BUILD ?= build
DAEMON_CC ?= $(CC)
DAEMON_PKGS := liburing libnl-genl-3.0 libnl-route-3.0 libsystemd inih
DAEMON_CFLAGS := -std=gnu11 -O2 -g -Wall -Wextra -Wno-unused-parameter -Wmissing-prototypes \
	-Wstrict-prototypes -Wshadow -Werror=implicit-function-declaration -Iinclude/uapi
DAEMON_SRC := $(wildcard userspace/daemon/*.c) $(addprefix userspace/lib/,config.c snapshots.c) \
	$(addprefix kmod/core/,kq_platform_user.c kq_snap_read.c)
DAEMON_OBJ := $(patsubst %.c,$(BUILD)/daemon/%.o,$(DAEMON_SRC))

DAEMON := $(BUILD)/bin/kquorumd

$(BUILD)/bin/kquorumd: $(DAEMON_OBJ)
	@mkdir -p $(@D)
	$(DAEMON_CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $$(pkg-config --libs $(DAEMON_PKGS))

$(BUILD)/daemon/%.o: %.c
	@mkdir -p $(@D)
	$(DAEMON_CC) $(DAEMON_CFLAGS) $(CFLAGS) $$(pkg-config --cflags $(DAEMON_PKGS)) -MMD -MP -c -o $@ $<

-include $(DAEMON_OBJ:.o=.d)

PREFIX ?= /usr/local
UNIT_DIR ?= /usr/lib/systemd/system
EXAMPLE_DIR = $(PREFIX)/share/doc/kquorum/examples

# The units name programs below /usr/sbin; here they go where the programs went.
.PHONY: install-units
install-units:
	install -d $(DESTDIR)$(UNIT_DIR)
	for u in kquorumd kquorum-node; do \
		sed 's#/usr/sbin/#$(PREFIX)/sbin/#' userspace/daemon/$$u.service \
			> $(DESTDIR)$(UNIT_DIR)/$$u.service || exit 1; \
	done
	install -d $(DESTDIR)$(EXAMPLE_DIR)
	for f in userspace/daemon/examples/*; do \
		sed 's#/usr/sbin/#$(PREFIX)/sbin/#' $$f > $(DESTDIR)$(EXAMPLE_DIR)/$${f##*/} || exit 1; \
	done
