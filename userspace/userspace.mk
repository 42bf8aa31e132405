# SPDX-License-Identifier: GPL-2.0
# libkquorum and the kquorum command. Included by the top Makefile.

BUILD ?= build
KQUORUM_VERSION ?= 0.1.0

USER_CC ?= $(CC)
USER_CPPFLAGS := -D_GNU_SOURCE -DKQUORUM_VERSION='"$(KQUORUM_VERSION)"' -Iinclude/uapi -Iuserspace/lib
USER_CFLAGS ?= -Wall -Wextra -Werror -O2 -g
LIBKQUORUM_LIBS := -lmnl -linih
LIBKQUORUM_SONAME := libkquorum.so.0

LIBKQUORUM_OBJS := $(patsubst %.c,$(BUILD)/%.o,$(wildcard userspace/lib/*.c))
LIBKQUORUM_PIC := $(LIBKQUORUM_OBJS:.o=.pic.o)
# Reading a snapshot is the module's own code: GPL, and so in the command, not in the library.
CLI_CORE := $(addprefix kmod/core/,kq_conf.c kq_settings.c kq_platform_user.c kq_snap_read.c)
# What a machine asks before there is a node is the daemon's.
CLI_OBJS := $(patsubst %.c,$(BUILD)/%.o,$(wildcard userspace/cli/*.c)) \
	$(BUILD)/userspace/cli/ask.o \
	$(patsubst kmod/core/%.c,$(BUILD)/userspace/core/%.o,$(CLI_CORE))

USERSPACE := $(BUILD)/bin/kquorum $(BUILD)/lib/libkquorum.a $(BUILD)/lib/libkquorum.so

.PHONY: userspace-cli userspace-lib install-lib
userspace-lib: $(BUILD)/lib/libkquorum.a $(BUILD)/lib/libkquorum.so
userspace-cli: $(BUILD)/bin/kquorum userspace-lib

$(BUILD)/userspace/lib/%.o: userspace/lib/%.c
	@mkdir -p $(@D)
	$(USER_CC) $(USER_CPPFLAGS) $(USER_CFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/userspace/lib/%.pic.o: userspace/lib/%.c
	@mkdir -p $(@D)
	$(USER_CC) $(USER_CPPFLAGS) $(USER_CFLAGS) -fPIC -MMD -MP -c $< -o $@

$(BUILD)/userspace/cli/%.o: userspace/cli/%.c
	@mkdir -p $(@D)
	$(USER_CC) $(USER_CPPFLAGS) -Ikmod/core $(USER_CFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/userspace/cli/ask.o: userspace/daemon/ask.c
	@mkdir -p $(@D)
	$(USER_CC) $(USER_CPPFLAGS) -Ikmod/core $(USER_CFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/userspace/core/%.o: kmod/core/%.c
	@mkdir -p $(@D)
	$(USER_CC) $(USER_CPPFLAGS) $(USER_CFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/lib/libkquorum.a: $(LIBKQUORUM_OBJS)
	@mkdir -p $(@D)
	rm -f $@
	$(AR) rcs $@ $^

$(BUILD)/lib/libkquorum.so: $(LIBKQUORUM_PIC)
	@mkdir -p $(@D)
	$(USER_CC) -shared -Wl,-soname,$(LIBKQUORUM_SONAME) -Wl,--version-script=userspace/lib/libkquorum.map \
		$(USER_CFLAGS) $^ -o $@ $(LIBKQUORUM_LIBS)

# The command carries the library in itself: it works wherever it is copied.
$(BUILD)/bin/kquorum: $(CLI_OBJS) $(BUILD)/lib/libkquorum.a
	@mkdir -p $(@D)
	$(USER_CC) $(USER_CFLAGS) $^ -o $@ $(LIBKQUORUM_LIBS) -lcjson -lm

-include $(LIBKQUORUM_OBJS:.o=.d) $(LIBKQUORUM_PIC:.o=.d) $(CLI_OBJS:.o=.d)

PREFIX ?= /usr/local
install-lib: userspace-lib
	install -D -m 644 $(BUILD)/lib/libkquorum.a $(DESTDIR)$(PREFIX)/lib/libkquorum.a
	install -D -m 755 $(BUILD)/lib/libkquorum.so $(DESTDIR)$(PREFIX)/lib/$(LIBKQUORUM_SONAME)
	ln -sf $(LIBKQUORUM_SONAME) $(DESTDIR)$(PREFIX)/lib/libkquorum.so
	install -D -m 644 userspace/lib/libkquorum.h $(DESTDIR)$(PREFIX)/include/libkquorum.h
	install -D -m 644 userspace/lib/kquorum-exit.h $(DESTDIR)$(PREFIX)/include/kquorum-exit.h
	install -D -m 644 userspace/lib/config.h $(DESTDIR)$(PREFIX)/include/kquorum-config.h
	install -D -m 644 include/uapi/linux/kquorum.h $(DESTDIR)$(PREFIX)/include/linux/kquorum.h
