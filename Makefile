# SPDX-License-Identifier: GPL-2.0
# kquorum: everything is built below build/; see `make help`.

BUILD	?= build
KERNEL	?= 6.1 6.12
PREFIX	?= /usr/local
DESTDIR	?=
RELEASE	?= $(shell uname -r)
MAKEFLAGS += --no-print-directory

.DEFAULT_GOAL := all

include tests/objects.mk
include tests/core/tests.mk
include tests/cli/tests.mk
include tests/daemon/tests.mk
include tests/sim/tests.mk
include tests/trace/tests.mk
include tests/fuzz/fuzz.mk
include tests/nemesis/nemesis.mk
include tests/bench/bench.mk
include tests/e2e/e2e.mk
include tests/machines/machines.mk
-include scripts/scripts.mk

##@ Building

all: module userspace tests ## the module for both tested kernels, daemon, command, library, tests

module: ## kquorum.ko: make module KERNEL=<release> [W=1] [C=1]
	@for k in $(KERNEL); do scripts/kbuild-module $$k W=$(W) C=$(C) || exit 1; done

userspace: $(USERSPACE) $(DAEMON) ## kquorum, kquorumd and libkquorum

tests: core-tests $(CLI_TESTS) $(DAEMON_TESTS) sim-all $(BUILD)/kqreplay $(NEMESIS) ## all test programs

list-tests:
	@printf '%s\n' $(CORE_TEST_PROGRAMS) tests/core/breaks.t tests/cli/*.t $(DAEMON_TESTS)

setup: ## install what is missing (shows the list and asks)
	@scripts/setup

##@ Running

demo: ## the story, in three virtual machines; BREAK=guard|fence|vote|flush plants one
	@scripts/setup --for build --for vm
	@scripts/demo $(if $(BREAK),--break $(BREAK))

check: ## every test that fits a check; TAP through prove
	@scripts/setup --for build --for vm --for uml
	@tests/check

coverage: ## lines and branches of the core that the tests in user space reach, and the rest
	@scripts/setup --for build --for coverage
	@tests/coverage/run

soak: ## long tests: PART=<name>; without a part lists them and runs all
	@scripts/setup --for build --for vm --for uml
	@$(MAKE) userspace
	@tests/soak/run $(PART)

##@ Installing

install: userspace install-units install-lib ## command, daemon, manual, units into PREFIX (DESTDIR honoured)
	install -d $(DESTDIR)$(PREFIX)/sbin
	install -d $(DESTDIR)$(PREFIX)/share/man/man8
	install -d $(DESTDIR)$(PREFIX)/share/bash-completion/completions
	install -m 755 $(BUILD)/bin/kquorum $(BUILD)/bin/kquorumd $(DESTDIR)$(PREFIX)/sbin/
	install -m 644 userspace/cli/kquorum.8 userspace/daemon/kquorumd.8 \
		$(DESTDIR)$(PREFIX)/share/man/man8/
	install -m 644 userspace/cli/kquorum.bash-completion \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions/kquorum

install-module: ## the module for the running kernel (or RELEASE=), then depmod
	@scripts/kbuild-module $(RELEASE)
	install -D -m 644 $(BUILD)/kmod/$(RELEASE)/kquorum.ko \
		$(DESTDIR)/lib/modules/$(RELEASE)/extra/kquorum.ko
	$(if $(DESTDIR),,depmod $(RELEASE))

clean: ## remove build/
	rm -rf $(BUILD)

help: ## this text
	@awk 'BEGIN { FS = ":.*## " } /^##@/ { print "\n" substr($$0, 5) } \
		/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile tests/*/*.mk

.PHONY: list-tests all module userspace tests setup demo check coverage soak install install-module clean help
