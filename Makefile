# SPDX-License-Identifier: MIT
# Pollux builds with plain make: no configure step, no list of files to keep.
#
#   make                 build/pollux.fcgi (the worker) and build/pollux (the command line)
#   make run             install what is missing, build, start everything in the foreground
#   make demo            the same with a simulated Google, for a machine without a key
#   make start | stop    the same as run, in the background; make reload: other settings, or what was built since
#   make install         as root, after make: for a machine with a web server and a PostgreSQL of its own
#   make test            all tests; make bench, soak and fuzz print figures and take longer
#
# V=1 shows the commands. WERROR=1 makes warnings errors. SAN=address (with undefined) or SAN=thread and
# CC=clang build beside the ordinary build, in build-address, build-thread, build-clang, ...

VERSION := 0.1.0

ifeq ($(origin CC),default)
CC := gcc
endif
compiler := $(if $(findstring clang,$(CC)),-clang)
BUILD ?= build$(compiler)$(if $(SAN),-$(SAN))

WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wwrite-strings
HARDEN   := -fstack-protector-strong -fPIE
SANITIZE_address := -fsanitize=address,undefined -fno-sanitize-recover=undefined
SANITIZE_thread  := -fsanitize=thread
SANITIZE_fuzz    := $(SANITIZE_address) -fsanitize=fuzzer-no-link
ifneq ($(SAN),)
ifeq ($(SANITIZE_$(SAN)),)
$(error SAN is address, thread or fuzz, not $(SAN))
endif
SANITIZE := $(SANITIZE_$(SAN)) -fno-omit-frame-pointer
else
# Not with sanitizers: they replace the same functions.
HARDEN   += -D_FORTIFY_SOURCE=2
endif

PQ_CFLAGS := $(shell pkg-config --cflags libpq 2>/dev/null || echo -I/usr/include/postgresql)
CFLAGS    ?= -O2 -g
COMPILE   := $(CC) -std=c11 -D_GNU_SOURCE -Ifcgi $(PQ_CFLAGS) $(WARNINGS) $(if $(WERROR),-Werror) $(HARDEN) \
             $(SANITIZE) $(CFLAGS) $(CPPFLAGS) -pthread -DPOLLUX_VERSION='"$(VERSION)"' -MMD -MP
LINK      := $(CC) $(SANITIZE) $(CFLAGS) $(LDFLAGS) -pthread -pie -Wl,-z,relro,-z,now -Wl,--as-needed
LIBS      := -lfcgi -lcurl -ljansson -lpq -lsodium -lm

# Every folder below fcgi/ is a room and becomes one archive; a program takes from them what it needs.
sources  := $(wildcard fcgi/*/*.c)
rooms    := $(sort $(patsubst fcgi/%/,%,$(dir $(sources))))
room_libs := $(rooms:%=$(BUILD)/%.a)
all_libs := -Wl,--start-group $(room_libs) -Wl,--end-group
object    = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))

# Each tests/{unit/ROOM,golden,month,fuzz}/NAME.c is a program. It is linked with its own room and base only, so
# the arrows between the rooms hold at link time too. Those rooms that call others get all of them.
unit_tests := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/unit/*/*.c tests/golden/*.c tests/month/*.c))
fuzz_tests := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/fuzz/*.c))
callers    := gateway admin jobs cli account doctor

V ?= 0
quiet = $(if $(filter 1,$(V)),,@printf '  %-5s %s\n' $(1) $@;)

.PHONY: all unit fuzzers run start stop reload demo test bench soak fuzz clean install install-deps FORCE
.DELETE_ON_ERROR:
.SECONDEXPANSION:

all: $(BUILD)/pollux.fcgi $(BUILD)/pollux
unit: $(unit_tests)

# libFuzzer comes with clang, and everything that is fuzzed has to be compiled for it.
ifeq ($(SAN),fuzz)
fuzzers: $(fuzz_tests)
else
fuzzers:
	@$(MAKE) --no-print-directory CC=clang SAN=fuzz fuzzers
endif

$(BUILD)/pollux.fcgi: $(call object,fcgi/main.c fcgi/routes.c) $(room_libs)
	$(call quiet,LINK)$(LINK) -o $@ $(filter %.o,$^) $(all_libs) $(LIBS)

$(BUILD)/pollux: $(call object,fcgi/cli.c) $(room_libs)
	$(call quiet,LINK)$(LINK) -o $@ $(filter %.o,$^) $(all_libs) $(LIBS)

$(room_libs): $(BUILD)/%.a: $$(call object,$$(wildcard fcgi/$$*/*.c))
	$(call quiet,AR)rm -f $@ && ar rcs $@ $^

$(BUILD)/obj/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call quiet,CC)$(COMPILE) -c -o $@ $<

# Changed flags rebuild everything: otherwise `make WERROR=1` after `make` would find nothing to do.
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(subst ','\'',$(COMPILE))' | cmp -s - $@ || echo '$(subst ','\'',$(COMPILE))' > $@

# $(call libs_of,tests/unit/http/uri.c): the archives that this test may link.
room_of  = $(if $(filter tests/unit/%,$(1)),$(word 3,$(subst /, ,$(1))))
own_room = $(filter $(BUILD)/$(call room_of,$(1)).a $(BUILD)/base.a,$(room_libs))
libs_of  = $(if $(filter-out $(callers),$(call room_of,$(1))),$(own_room),$(room_libs))
group    = -Wl,--start-group $(1) -Wl,--end-group

$(unit_tests): $(BUILD)/%: $(BUILD)/obj/%.o $$(call libs_of,$$*.c)
	@mkdir -p $(@D)
	$(call quiet,LINK)$(LINK) -o $@ $< $(call group,$(filter %.a,$^)) $(LIBS)

$(fuzz_tests): $(BUILD)/%: $(BUILD)/obj/%.o $(room_libs)
	@mkdir -p $(@D)
	$(call quiet,LINK)$(LINK) -fsanitize=fuzzer -o $@ $< $(call group,$(filter %.a,$^)) $(LIBS)

install-deps:
	@deploy/install-deps test

run start demo:
	@deploy/install-deps $(if $(filter demo,$@),demo,run)
	@$(MAKE) --no-print-directory all
	@exec deploy/stack $@

stop:
	@exec deploy/stack stop

reload: all
	@exec deploy/stack reload

# Not after `all`: root does not compile.
install:
	@deploy/install

test:
	@deploy/install-deps test
	@exec tests/run

bench soak fuzz:
	@deploy/install-deps test
	@$(MAKE) --no-print-directory all
	@exec tests/run $@

clean:
	rm -rf build build-*

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
