# SPDX-License-Identifier: GPL-2.0
# The programs that run in the three machines. Included by the top Makefile.

MACHINES_PROGRAMS := $(addprefix $(BUILD)/machines/,claimant writer watcher job)

.PHONY: machines-build
machines-build: $(MACHINES_PROGRAMS)

$(MACHINES_PROGRAMS): $(BUILD)/machines/%: tests/machines/%.c tests/machines/disk.h $(BUILD)/lib/libkquorum.a
	@mkdir -p $(@D)
	$(USER_CC) $(USER_CPPFLAGS) $(USER_CFLAGS) $< $(BUILD)/lib/libkquorum.a -o $@ -lmnl -linih
