# SPDX-License-Identifier: GPL-2.0
# The benchmark. Included by the top Makefile.

BENCH_KERNEL ?= 6.1
BENCH_CFLAGS := -std=gnu11 -D_GNU_SOURCE -O2 -g -Wall -Wextra -Wshadow -Wmissing-prototypes \
	-Wstrict-prototypes
BENCH_PROGRAMS := build/bench/kqfloor build/bench/etcd-bench build/bench/bench-report

BENCH_RUN = scripts/vm --kernel $(BENCH_KERNEL) --cpus 2 --mem 2048 --disk 4G --timeout 2400 \
	--shared build/bench/out

##@ Measuring

bench: ## floor, kquorum and etcd side by side: a table and build/bench.json (8 to 15 minutes)
	@scripts/setup --for build --for vm --for bench
	@$(MAKE) module KERNEL=$(BENCH_KERNEL)
	@$(MAKE) userspace bench-build
	@rm -f build/bench.json
	@KQ_BENCH_HOST_LOAD=$$(cut -d' ' -f1 /proc/loadavg) $(BENCH_RUN) -- tests/bench/run
	@cp build/bench/out/bench.json build/bench.json
	@echo "every figure: build/bench.json"

bench-state: ## a million locks, snapshots of them, a new node: ratios and build/bench-state.json (about half an hour)
	@scripts/setup --for build --for vm
	@$(MAKE) module KERNEL=$(BENCH_KERNEL)
	@$(MAKE) userspace e2e-build build/bench/copy build/bench/work
	@rm -f build/bench-state.json
	@KQ_BENCH_HOST_LOAD=$$(cut -d' ' -f1 /proc/loadavg) KQ_BENCH_HOST_WORK=$$(build/bench/work) \
		scripts/vm --kernel $(BENCH_KERNEL) --cpus 2 --mem 8192 --disk 8G --timeout 5400 --shared build/bench/out -- tests/bench/state
	@cp build/bench/out/state.json build/bench-state.json
	@echo "every figure: build/bench-state.json"

bench-locks: ## 100,000 resources and 10,000 waiters beside 10 of each: ratios, memory, build/bench-locks.json (10 to 15 minutes)
	@scripts/setup --for build --for vm
	@$(MAKE) module KERNEL=$(BENCH_KERNEL)
	@$(MAKE) userspace build/bench/claims build/bench/replica
	@rm -f build/bench-locks.json
	@build/bench/replica
	@KQ_BENCH_HOST_LOAD=$$(cut -d' ' -f1 /proc/loadavg) scripts/vm --kernel $(BENCH_KERNEL) --cpus 2 --mem 4096 --disk 4G \
		--timeout 2400 --shared build/bench/out -- tests/bench/locks
	@cp build/bench/out/locks.json build/bench-locks.json
	@echo "every figure: build/bench-locks.json"

# one part alone, say KQ_BENCH_ONLY="floor etcd"; needs no kquorum.ko for these
bench-part: bench-build
	@$(BENCH_RUN) $(if $(findstring kquorum,$(KQ_BENCH_ONLY)),,--no-module) -- tests/bench/run

bench-build: $(BENCH_PROGRAMS)
	@tests/bench/floor/build $(BENCH_KERNEL)

build/bench/kqfloor: tests/bench/floor.c tests/bench/samples.c tests/bench/samples.h \
		tests/bench/floor/kqfloor.h
	@mkdir -p $(@D)
	$(CC) $(BENCH_CFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.c,$^) -lpthread

build/bench/etcd-bench: tests/bench/etcd-bench.c tests/bench/samples.c tests/bench/samples.h
	@mkdir -p $(@D)
	$(CC) $(BENCH_CFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.c,$^)

build/bench/copy: tests/bench/copy.c
	@mkdir -p $(@D)
	$(CC) $(BENCH_CFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $^

build/bench/claims: tests/bench/claims.c $(BUILD)/lib/libkquorum.a
	@mkdir -p $(@D)
	$(USER_CC) $(USER_CPPFLAGS) $(USER_CFLAGS) $^ -o $@ -lmnl -linih

build/bench/work: $(call objects,sim,tests/bench/work.c tests/core/snap_state.c $(wildcard kmod/core/*.c))
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -lcmocka

build/bench/replica: $(call objects,sim,tests/bench/replica.c tests/core/snap_state.c tests/core/resources.c \
		$(wildcard kmod/core/*.c))
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -lcmocka

build/bench/bench-report: tests/bench/report.c
	@mkdir -p $(@D)
	$(CC) $(BENCH_CFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $^ -lcjson

.PHONY: bench bench-state bench-locks bench-part bench-build
