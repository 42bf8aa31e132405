# SPDX-License-Identifier: GPL-2.0
# Clients, and the judge of what they saw (tests/nemesis/README.md).


NEMESIS := $(BUILD)/nemesis/worker $(BUILD)/nemesis/verify $(BUILD)/nemesis/starve

$(BUILD)/nemesis/worker: tests/nemesis/worker.c $(BUILD)/lib/libkquorum.a
	@mkdir -p $(@D)
	$(USER_CC) $(USER_CPPFLAGS) $(USER_CFLAGS) $^ -o $@ -lmnl -linih

$(BUILD)/nemesis/verify: $(addprefix tests/nemesis/,verify.c history.c linear.c report.c history.h linear.h report.h)
	@mkdir -p $(@D)
	$(USER_CC) $(USER_CPPFLAGS) $(USER_CFLAGS) $(filter %.c,$^) -o $@

$(BUILD)/nemesis/starve: tests/nemesis/starve.c
	@mkdir -p $(@D)
	$(USER_CC) $(USER_CPPFLAGS) $(USER_CFLAGS) $< -o $@
