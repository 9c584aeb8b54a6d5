# Builds the services and names every command a developer needs: `make help` lists them.
# BUILD=dir builds elsewhere; MODE=asan|fuzz picks the instrumented flags (the targets set it).

BUILD ?= build
MODE ?= release
BROKER ?= redis
PORT ?= 8080
DIR ?= .run
MAIL_SERVER ?=
PYTHON ?= python3
JOBS ?= $(shell nproc)
KILLS ?= 50

.DEFAULT_GOAL := build
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules
SHELL := /bin/bash

# one short line per step; V=1 shows the commands
Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-6s %s\n' $(1) $(patsubst $(BUILD)/%,%,$(2)))

# ---------------------------------------------------------------------------- what there is
SERVICES := $(sort $(patsubst services/%/main.c,%,$(wildcard services/*/main.c)))
COMMON_C := $(sort $(shell find common -name '*.c' 2>/dev/null))
UNIT_C := $(sort $(shell find tests/unit -name 'test_*.c' 2>/dev/null))
DATABASE_C := $(sort $(shell find tests/service -name 'test_*.c' 2>/dev/null))
SUPPORT_C := $(sort $(wildcard tests/unit/support/*.c tests/service/support/*.c))
FUZZ_C := $(sort $(shell find tests/fuzz -name 'fuzz_*.c' 2>/dev/null))
BENCH_C := $(sort $(wildcard tests/bench/*.c))

# ---------------------------------------------------------------------------- flags
PACKAGES := libevent_core libevent_extra libcurl libcjson libpq libsodium libjwt libical libcrypto
PACKAGES_FOUND := $(shell for p in $(PACKAGES); do pkg-config --exists $$p 2>/dev/null && echo $$p; done)
PACKAGE_CFLAGS := $(patsubst -I%,-isystem %,$(if $(PACKAGES_FOUND),$(shell pkg-config --cflags $(PACKAGES_FOUND))))
PACKAGE_LIBS := $(if $(PACKAGES_FOUND),$(shell pkg-config --libs $(PACKAGES_FOUND))) -lwslay -lpthread -lm $(LDLIBS)

VERSION := $(shell git describe --always --dirty --tags 2>/dev/null || cat VERSION 2>/dev/null || echo unknown)
MACHINE := $(shell uname -m)

WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wmissing-prototypes \
            -Wstrict-prototypes -Wvla -Wformat=2 -Werror
HARDEN := -fstack-protector-strong -fPIE $(if $(filter x86_64,$(MACHINE)),-fcf-protection) \
          $(if $(filter x86_64 aarch64,$(MACHINE)),-fstack-clash-protection)
LINK := -pie -Wl,-z,relro,-z,now -Wl,-z,noexecstack -Wl,--as-needed
# GnuTLS finds this one in us and leaves its start out (common/service/footprint.c)
LINK += -Wl,--export-dynamic-symbol=_gnutls_global_init_skip

ifeq ($(MODE),release)
MODE_FLAGS := -O2 -g $(HARDEN) -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
MODE_LINK := $(LINK)
else ifeq ($(MODE),asan)
MODE_FLAGS := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined \
              -fno-sanitize-recover=all -fPIE
MODE_LINK := -pie -fsanitize=address,undefined -Wl,--as-needed
else ifeq ($(MODE),fuzz)
CC := clang
MODE_FLAGS := -O1 -g -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined \
              -fno-sanitize-recover=all -fPIE
MODE_LINK := -pie -fsanitize=fuzzer,address,undefined -Wl,--as-needed
else
$(error MODE is release, asan or fuzz, not "$(MODE)")
endif

CFLAGS ?=
LDFLAGS ?=
LDLIBS ?=
COMPILE = $(CC) -std=c17 -D_GNU_SOURCE $(MODE_FLAGS) $(WARNINGS) -I. -I$(BUILD)/gen \
          $(PACKAGE_CFLAGS) $(CFLAGS) -MMD -MP

# ---------------------------------------------------------------------------- objects
COMMON_O := $(COMMON_C:%.c=$(BUILD)/obj/%.o)
COMMON_A := $(BUILD)/libcommon.a
SUPPORT_O := $(SUPPORT_C:%.c=$(BUILD)/obj/%.o)
UNIT_BIN := $(UNIT_C:tests/unit/%.c=$(BUILD)/tests/unit/%)
DATABASE_BIN := $(DATABASE_C:tests/service/%.c=$(BUILD)/tests/service/%)
FUZZ_BIN := $(FUZZ_C:tests/fuzz/%.c=$(BUILD)/tests/fuzz/%)
BENCH_BIN := $(BENCH_C:%.c=$(BUILD)/%)
ALL_O := $(COMMON_O) $(SUPPORT_O)

# name of a service in C: recurring-task becomes recurring_task
c_name = $(subst -,_,$(1))

# One service: its sources, its embedded migrations and files, an archive of all but main.o (for
# unit tests), the binary.
define service_rules
$(1)_C := $$(sort $$(shell find services/$(1) -name '*.c'))
$(1)_SQL := $$(sort $$(wildcard services/$(1)/migrations/*.sql))
$(1)_GEN := $$(if $$($(1)_SQL),$$(BUILD)/gen/$(call c_name,$(1))_migrations) \
            $$(if $$(wildcard services/$(1)/embedded.txt),$$(BUILD)/gen/$(call c_name,$(1))_embedded)
$(1)_O := $$($(1)_C:%.c=$$(BUILD)/obj/%.o) $$($(1)_GEN:$$(BUILD)/gen/%=$$(BUILD)/obj/gen/%.o)
$(1)_REST := $$(filter-out $$(BUILD)/obj/services/$(1)/main.o,$$($(1)_O))
ALL_O += $$($(1)_O)

# generated headers exist before anything that may include them is compiled
$$($(1)_C:%.c=$$(BUILD)/obj/%.o): | $$(addsuffix .h,$$($(1)_GEN))

$$(BUILD)/gen/$(call c_name,$(1))_migrations.c: $$($(1)_SQL) scripts/embed services/$(1)/migrations
	@mkdir -p $$(@D)
	$$(call say,EMBED,$$@)
	$$(Q)scripts/embed migrations $(call c_name,$(1)) $$(@:.c=) $$($(1)_SQL)
$$(BUILD)/gen/$(call c_name,$(1))_embedded.c: services/$(1)/embedded.txt scripts/embed \
		$$(shell sed -n 's|^[a-z][a-z0-9_]*  *||;s|^@gen/|$$(BUILD)/gen/|;/^[^#]/p' services/$(1)/embedded.txt 2>/dev/null)
	@mkdir -p $$(@D)
	$$(call say,EMBED,$$@)
	$$(Q)scripts/embed files $(call c_name,$(1)) $$(@:.c=) $$<
$$(BUILD)/gen/$(call c_name,$(1))_%.h: $$(BUILD)/gen/$(call c_name,$(1))_%.c ;

$$(BUILD)/lib$(1).a: $$($(1)_REST)
$$(BUILD)/$(1): $$(BUILD)/obj/services/$(1)/main.o $$(BUILD)/lib$(1).a $$(COMMON_A)
	$$(call say,LINK,$$@)
	$$(Q)$$(CC) $$(MODE_LINK) $$(LDFLAGS) -o $$@ $$^ $$(PACKAGE_LIBS)
endef
$(foreach s,$(SERVICES),$(eval $(call service_rules,$(s))))

# the API's description as the backend serves it: JSON, a page, and the page's policy
$(BUILD)/gen/openapi.json $(BUILD)/gen/api_docs.html $(BUILD)/gen/api_docs_csp.txt &: \
		api/openapi.yaml scripts/api-docs
	$(call say,DOCS,api/openapi.yaml)
	$(Q)$(PYTHON) scripts/api-docs $< $(BUILD)/gen

$(COMMON_A): $(COMMON_O)
$(BUILD)/libsupport.a: $(SUPPORT_O)
$(BUILD)/lib%.a:
	@mkdir -p $(@D)
	@rm -f $@
	$(Q)$(AR) rcsD $@ $(filter %.o,$^)

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(COMPILE) -c -o $@ $<
$(BUILD)/obj/gen/%.o: $(BUILD)/gen/%.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(COMPILE) -Wno-overlength-strings -c -o $@ $<

# the version reaches the one file that prints it; a new commit compiles only that again
$(BUILD)/gen/version.h: FORCE
	@mkdir -p $(@D)
	@printf '#ifndef VERSION_H\n#define VERSION_H\n#define VERSION "%s"\n#endif\n' '$(VERSION)' > $@.new
	@cmp -s $@ $@.new && rm $@.new || mv $@.new $@
$(COMMON_O) $(foreach s,$(SERVICES),$($(s)_O)) $(SUPPORT_O): | $(BUILD)/gen/version.h

# A test or fuzzer is one binary; below services/<svc>/ it also gets that service's objects less main.o.
service_archive = $(if $(filter services,$(word 3,$(1))),$(BUILD)/lib$(word 4,$(1)).a)
define test_rule
$(BUILD)/$(1:.c=): $(BUILD)/obj/$(1:.c=.o) $(call service_archive,$(subst /, ,$(1))) \
		$(if $(SUPPORT_C),$(BUILD)/libsupport.a) $(COMMON_A)
	@mkdir -p $$(@D)
	$$(call say,LINK,$$@)
	$$(Q)$$(CC) $$(MODE_LINK) $$(LDFLAGS) -o $$@ $$^ $(2) $$(PACKAGE_LIBS)
$(BUILD)/obj/$(1:.c=.o): | $(BUILD)/gen/version.h \
		$(if $(filter services,$(word 3,$(subst /, ,$(1)))),$$(addsuffix .h,$$($(word 4,$(subst /, ,$(1)))_GEN)))
endef
$(foreach t,$(UNIT_C) $(DATABASE_C),$(eval $(call test_rule,$(t),-lcmocka)))
$(foreach t,$(FUZZ_C) $(BENCH_C),$(eval $(call test_rule,$(t))))
.PRECIOUS: $(BUILD)/obj/%.o $(BUILD)/gen/%.h $(BUILD)/lib%.a

# ---------------------------------------------------------------------------- commands
.PHONY: help build run stop status test unit service e2e chaos check bench lint lint-k8s e2e-k8s k8s-render fmt asan fuzz images clean \
        unit-binaries service-binaries fuzz-binaries objects generated flags FORCE

help: ## list the commands
	@sed -n 's/^\([a-z][a-z0-9-]*\):.*## \(.*\)/\1|\2/p' $(firstword $(MAKEFILE_LIST)) \
	    | while IFS='|' read -r name text; do printf '  make %-10s %s\n' "$$name" "$$text"; done

build: $(SERVICES:%=$(BUILD)/%) ## compile the services into build/
	@$(if $(SERVICES),true,echo 'no service has a main.c yet')

objects: $(ALL_O)

run: ## install what is missing, build, start everything, stay until Ctrl-C (BROKER=kafka, PORT=8080, MAIL_SERVER=host:port)
	@scripts/setup run $(BROKER)
	@$(MAKE) --no-print-directory -j$(JOBS) build
	@exec scripts/stack up --dir '$(DIR)' --broker '$(BROKER)' --port '$(PORT)' --binaries '$(BUILD)' \
	    $(if $(MAIL_SERVER),--mail '$(MAIL_SERVER)')

stop: ## stop what `make run` started
	@scripts/stack down --dir '$(DIR)'

status: ## show the processes, ports and addresses
	@scripts/stack status --dir '$(DIR)' || [ $$? -eq 3 ]

test: ## install what is missing, check the chart, run unit, service and end-to-end tests, end with counts
	@scripts/setup test k8s
	@scripts/run-tests

unit: ## unit tests under ASan and UBSan
	@$(MAKE) --no-print-directory -j$(JOBS) BUILD=$(BUILD)/asan MODE=asan unit-binaries
	@scripts/run-unit $(BUILD)/asan/tests/unit

service: asan ## service tests: each binary, a real PostgreSQL, a fake sidecar
	@$(MAKE) --no-print-directory -j$(JOBS) BUILD=$(BUILD)/asan MODE=asan service-binaries
	@scripts/run-pytest service --binaries $(BUILD)/asan

e2e: ## end-to-end tests behind daprd, on both brokers (BROKER=redis for one)
	@$(MAKE) --no-print-directory -j$(JOBS) build
	@scripts/run-pytest e2e --binaries $(BUILD) $(if $(filter command% environment%,$(origin BROKER)),--broker $(BROKER))

chaos: ## load without kills, then kill -9 at random, and count, on both brokers (KILLS=50, SEED=n, BROKER=redis for one)
	@scripts/setup test
	@$(MAKE) --no-print-directory -j$(JOBS) build
	@scripts/run-chaos $(BUILD) --kills $(KILLS) $(if $(SEED),--seed $(SEED)) \
	    $(if $(filter command% environment%,$(origin BROKER)),--broker $(BROKER))

check: ## unit and service tests under ASan and UBSan, by gcc and by clang
	@$(MAKE) --no-print-directory CC=gcc unit service
	@$(MAKE) --no-print-directory CC=clang BUILD=$(BUILD)/clang unit service

bench: ## measure the figures and hold them against their limits
	@scripts/setup bench
	@$(MAKE) --no-print-directory -j$(JOBS) build $(BENCH_BIN)
	@scripts/run-bench $(BUILD)

lint: ## formatting, static analysis, includes, sizes, shell and workflow checks
	@scripts/setup lint
	@scripts/lint

lint-k8s: ## check the chart, what it renders, and k8s/ against it: no cluster needed
	@scripts/setup k8s
	@BUILD='$(BUILD)' scripts/lint-k8s

e2e-k8s: ## build images, then install, upgrade, kill, scale and attack in the cluster of KUBECONFIG (E2E_ARGS='--broker redis')
	@scripts/setup test images k8s k6
	@BUILD='$(BUILD)' scripts/run-e2e-k8s $(E2E_ARGS)

k8s-render: ## write k8s/base, k8s/local, k8s/cloud (the chart for those who do not use Helm) and the chart's README
	@scripts/setup k8s
	@scripts/k8s-tools helm-docs --chart-search-root helm/todo-app --log-level warning
	@scripts/render-k8s

fmt: ## lay out the C files
	@find common services tests -name '*.[ch]' -print0 | xargs -0 -r clang-format -i

asan: ## compile the services with the sanitizers into build/asan
	@$(MAKE) --no-print-directory -j$(JOBS) BUILD=$(BUILD)/asan MODE=asan build

fuzz: ## run every fuzzer for FUZZ_SECONDS (30) seconds
	@scripts/setup fuzz
	@$(MAKE) --no-print-directory -j$(JOBS) BUILD=$(BUILD)/fuzz MODE=fuzz fuzz-binaries
	@scripts/run-fuzz $(BUILD)/fuzz/tests/fuzz

images: ## build the container images and write their archives and SBOMs to build/images (IMAGE_TAG=, IMAGE_PREFIX=)
	@scripts/setup images
	@BUILD='$(BUILD)' IMAGE_VERSION='$(VERSION)' scripts/images build
	@BUILD='$(BUILD)' IMAGE_VERSION='$(VERSION)' scripts/images save
	@BUILD='$(BUILD)' IMAGE_VERSION='$(VERSION)' scripts/images sbom
	@BUILD='$(BUILD)' IMAGE_VERSION='$(VERSION)' scripts/images check

clean: ## remove what was built (data below .run/ stays)
	rm -rf build

# for scripts/lint
generated: $(BUILD)/gen/version.h $(foreach s,$(SERVICES),$(addsuffix .c,$($(s)_GEN)))
flags:
	@echo '-std=c17 -D_GNU_SOURCE -I. -I$(BUILD)/gen $(PACKAGE_CFLAGS)'

unit-binaries: $(UNIT_BIN)
service-binaries: $(DATABASE_BIN)
fuzz-binaries: $(FUZZ_BIN)

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
