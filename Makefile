# Selene. `make help` lists the targets; V=1 shows the commands.
#
# CROSS_COMPILE=riscv64-linux-gnu-	the kernel's compiler (riscv64-unknown-elf- works too)
# USER_CROSS_COMPILE=			the programs' compiler, with glibc
# CLANG=1				the kernel with clang and ld.lld
# DEBUG=1				a kernel that checks itself, in build/debug/
# FONT="PLAIN.psf BOLD.psf"		the text consoles' font, instead of a Debian package's
# O=DIRECTORY				where the kernel's build goes
# SETUP=no				do not install what is missing

CROSS_COMPILE ?= riscv64-linux-gnu-
USER_CROSS_COMPILE ?= riscv64-linux-gnu-
ISA := riscv
B := build
O := $(B)$(if $(DEBUG),/debug)
ifeq ($(V),)
Q := @
say = @$(if $(findstring s,$(firstword -$(MAKEFLAGS))),,printf '  %-8s%s\n' $(1) $(2);)
endif
MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.DELETE_ON_ERROR:

all: kernel user

# ---- tools ----

ifdef CLANG
CC := clang --target=riscv64-linux-gnu
LD := ld.lld
OBJCOPY := $(CROSS_COMPILE)objcopy
NM := $(CROSS_COMPILE)nm
SETUP_TASKS := build clang
CC_FLAGS := -march=rv64imac
CC_INCLUDES = -isystem $(shell clang -print-resource-dir)/include
else
CC := $(CROSS_COMPILE)gcc
LD := $(CROSS_COMPILE)ld
OBJCOPY := $(CROSS_COMPILE)objcopy
NM := $(CROSS_COMPILE)nm
SETUP_TASKS := build $(if $(findstring unknown-elf,$(CROSS_COMPILE)),elf)
CC_FLAGS := -march=rv64imac_zicsr_zifencei -mstrict-align -Wshadow=local
CC_INCLUDES = -isystem $(shell $(CC) -print-file-name=include)
endif
USER_CC := $(USER_CROSS_COMPILE)gcc

# Before anything is built; a phony order-only prerequisite rebuilds nothing.
.PHONY: setup
setup:
	@scripts/setup $(SETUP_TASKS)
	@command -v $(firstword $(CC)) >/dev/null || { echo "make: no compiler $(firstword $(CC)); remedy: \
	CROSS_COMPILE= is what its name begins with, such as riscv64-linux-gnu-" >&2; exit 1; }

# ---- the kernel ----

WARNINGS := -Wall -Wextra -Wmissing-prototypes -Wstrict-prototypes -Wvla -Wimplicit-fallthrough \
	-Wno-unused-parameter -Wno-sign-compare -Werror
CODE_FLAGS := -O2 -g -ffreestanding -fno-common -fno-strict-aliasing -fno-stack-protector \
	-fomit-frame-pointer -ffunction-sections -fdata-sections -mabi=lp64
KERNEL_FLAGS = $(CC_FLAGS) $(CODE_FLAGS) -fno-pic -fno-pie -mcmodel=medany -nostdinc $(CC_INCLUDES) \
	-Iarch/include -Iarch/$(ISA)/include -Ikernel -I. -I$(O) -ffile-prefix-map=$(CURDIR)=. \
	$(if $(DEBUG),-DSELENE_DEBUG=1,-DSELENE_INLINE_LOCKS=1)
KERNEL_LINK := -nostdlib --gc-sections --build-id=none --orphan-handling=error \
	-z max-page-size=4096 -z noexecstack -T arch/$(ISA)/selene.lds

folders = $(shell find $(1) -type d 2>/dev/null | LC_ALL=C sort)
KERNEL_FOLDERS := arch/$(ISA) $(filter-out arch/$(ISA)/vdso arch/$(ISA)/include%, \
	$(wildcard arch/$(ISA)/*/)) $(call folders,kernel) $(call folders,fs)
KERNEL_FOLDERS := $(filter-out arch/$(ISA)/vdso arch/$(ISA)/include,$(KERNEL_FOLDERS:/=))
KERNEL_C := $(sort $(foreach folder,$(KERNEL_FOLDERS),$(wildcard $(folder)/*.c)))
KERNEL_S := $(sort $(wildcard arch/$(ISA)/*.S))
KERNEL_OBJECTS := $(KERNEL_C:%.c=$(O)/%.o) $(KERNEL_S:%.S=$(O)/%.S.o) $(O)/font.o
# These are compiled again when the version changes.
VERSIONED := $(patsubst %.c,$(O)/%.o,$(shell grep -lsE 'boot/version\.h|SELENE_BUILD' $(KERNEL_C)))

.PHONY: all kernel FORCE
kernel: $(O)/Image

# The flags of the last build: other flags build everything again.
$(O)/flags: FORCE | setup
	@mkdir -p $(@D)
	@echo '$(CC) $(KERNEL_FLAGS) $(WARNINGS) $(KERNEL_LINK)' | cmp -s - $@ || \
		echo '$(CC) $(KERNEL_FLAGS) $(WARNINGS) $(KERNEL_LINK)' >$@

$(O)/version.h: FORCE
	@mkdir -p $(@D)
	@scripts/version >$@.new; cmp -s $@.new $@ && rm $@.new || mv $@.new $@

$(VERSIONED): $(O)/version.h
$(VERSIONED): EXTRA_FLAGS := -include $(O)/version.h

$(O)/%.o: %.c $(O)/flags
	$(call say,CC,$<)mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 $(KERNEL_FLAGS) $(WARNINGS) $(EXTRA_FLAGS) -MMD -MP -c -o $@ $<

$(O)/%.S.o: %.S $(O)/flags
	$(call say,AS,$<)mkdir -p $(@D)
	$(Q)$(CC) $(KERNEL_FLAGS) -D__ASSEMBLER__ -MMD -MP -c -o $@ $<

# The text consoles' font: FONT="PLAIN.psf BOLD.psf", else that of a Debian package.
$(B)/font.flags: FORCE | setup
	@mkdir -p $(@D)
	@echo '$(FONT)' | cmp -s - $@ || echo '$(FONT)' >$@

$(B)/font.c: scripts/font $(B)/font.flags
	$(call say,FONT,$@)mkdir -p $(@D)
	$(Q)scripts/font $@ $(FONT)

$(O)/font.o: $(B)/font.c $(O)/flags
	$(call say,CC,$<)$(CC) -std=gnu11 $(KERNEL_FLAGS) $(WARNINGS) -c -o $@ $<

# The kernel is linked twice: the table of its symbols comes last of what is read-only, so the code
# of both links is the same. scripts/symbols --check makes sure of it.
$(O)/selene.first.elf: $(KERNEL_OBJECTS) arch/$(ISA)/selene.lds
	$(call say,LD,$@)$(LD) $(KERNEL_LINK) -o $@ $(KERNEL_OBJECTS)

$(O)/symbols.S: $(O)/selene.first.elf scripts/symbols
	$(call say,SYMBOLS,$@)$(NM) -n $< | scripts/symbols >$@

$(O)/symbols.o: $(O)/symbols.S
	$(Q)$(CC) $(KERNEL_FLAGS) -c -o $@ $<

$(O)/selene.elf: $(O)/selene.first.elf $(O)/symbols.o
	$(call say,LD,$@)$(LD) $(KERNEL_LINK) -Map=$(O)/selene.map -o $@ $(KERNEL_OBJECTS) $(O)/symbols.o
	$(Q)$(NM) -n $@ | scripts/symbols --check $(O)/symbols.S

$(O)/Image: $(O)/selene.elf
	$(call say,OBJCOPY,$@)$(OBJCOPY) -O binary $< $@

# ---- the vDSO: a small shared object that the kernel carries and maps into programs ----

VDSO := arch/$(ISA)/vdso
VDSO_OBJECTS := $(patsubst $(VDSO)/%,$(O)/vdso/%.o,$(sort $(wildcard $(VDSO)/*.c $(VDSO)/*.S)))
VDSO_LINK := -shared -nostdlib -soname=linux-vdso.so.1 --hash-style=both --build-id=none \
	-Bsymbolic -z max-page-size=4096 -z noexecstack --no-relax -T $(VDSO)/vdso.lds

$(O)/vdso/%.o: $(VDSO)/% $(O)/flags
	$(call say,VDSO,$<)mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 $(CC_FLAGS) $(CODE_FLAGS) -g0 -fPIC -nostdinc $(CC_INCLUDES) \
		$(WARNINGS) -MMD -MP -c -o $@ $<

# A linker for bare metal (riscv64-unknown-elf-) makes no shared objects; then the programs' does it.
VDSO_LD = $(shell $(LD) -shared --version >/dev/null 2>&1 && echo $(LD) || echo $(USER_CROSS_COMPILE)ld)

$(O)/vdso.so: $(VDSO_OBJECTS) $(VDSO)/vdso.lds
	$(call say,LD,$@)$(VDSO_LD) $(VDSO_LINK) -o $@ $(VDSO_OBJECTS)
	$(Q)$(OBJCOPY) --strip-unneeded $@

$(O)/arch/$(ISA)/vdso_image.S.o: $(O)/vdso.so

# ---- programs and the root ----

USER_WARNINGS := $(WARNINGS) -Wshadow=local
USER_FLAGS := -std=gnu11 -static -pthread $(USER_WARNINGS) -ffile-prefix-map=$(CURDIR)=. -Iuser/lib
U := $(B)/user
INIT_C := $(sort $(wildcard user/init/*.c))
BENCH_C := $(sort $(wildcard user/bench/*.c))
TESTS_C := $(sort $(wildcard user/tests/*.c))
LIB_C := $(sort $(wildcard user/lib/*.c))
TEST_PROGRAMS := $(TESTS_C:user/%.c=$(U)/%)
LIBRARY := $(U)/libselene-spawn.a $(U)/libselene-spawn.so
SHOWN_PROGRAMS := $(patsubst user/%.c,$(U)/%,$(wildcard user/programs/*.c))
DYNAMIC := $(U)/dynamic/posix-spawn

.PHONY: user
user: $(B)/initramfs.cpio $(TEST_PROGRAMS) $(SHOWN_PROGRAMS) $(DYNAMIC) $(if $(BENCH_C),$(U)/bench/bench) $(LIBRARY)

$(U)/flags: FORCE | setup
	@mkdir -p $(@D)
	@echo '$(USER_CC) $(USER_FLAGS)' | cmp -s - $@ || echo '$(USER_CC) $(USER_FLAGS)' >$@

# init is also `pages`: one static program less in the root.
$(U)/init: $(INIT_C) user/init/init.h user/programs/pages.c $(U)/flags
	$(call say,USERCC,$@)$(USER_CC) $(USER_FLAGS) -Os -ffunction-sections -Wl,--gc-sections -s \
		-DPAGES_IN_INIT -o $@ $(INIT_C) user/programs/pages.c

$(U)/bench/bench: $(BENCH_C) $(wildcard user/bench/*.h) user/lib/selene_spawn.h $(U)/flags
	$(call say,USERCC,$@)mkdir -p $(@D)
	$(Q)$(USER_CC) $(USER_FLAGS) -O2 -s -o $@ $(BENCH_C)

$(U)/lib/%.o: user/lib/%.c $(U)/flags
	$(call say,USERCC,$<)mkdir -p $(@D)
	$(Q)$(USER_CC) $(USER_FLAGS) -O2 -fPIC -MMD -MP -c -o $@ $<

$(U)/libselene-spawn.a: $(LIB_C:user/%.c=$(U)/%.o)
	$(Q)rm -f $@
	$(call say,AR,$@)$(USER_CROSS_COMPILE)ar rcsD $@ $^

# To preload, or to link with as -lselene-spawn.
$(U)/libselene-spawn.so: $(LIB_C:user/%.c=$(U)/%.o)
	$(call say,USERLD,$@)$(USER_CC) -shared -Wl,-soname,libselene-spawn.so -o $@ $^

# What programs that draw share; its last two files are the kernel's own, or include such.
DRAW := $(U)/libdraw.a
$(U)/programs/lib/draw.o $(U)/programs/lib/picture.o: $(U)/%.o: user/%.c $(U)/flags
	$(call say,USERCC,$<)mkdir -p $(@D)
	$(Q)$(USER_CC) $(USER_FLAGS) -O2 -MMD -MP -c -o $@ $<

DRAW_KERNEL := $(USER_FLAGS) -O2 -ffreestanding -Ikernel -I. -Iarch/include -Iarch/$(ISA)/include
$(U)/programs/lib/glyph.o $(U)/programs/lib/unpack.o: $(U)/%.o: user/%.c $(U)/flags
	$(call say,USERCC,$<)mkdir -p $(@D)
	$(Q)$(USER_CC) $(DRAW_KERNEL) -MMD -MP -c -o $@ $<

$(U)/programs/lib/inflate.o $(U)/programs/lib/crc32.o: $(U)/programs/lib/%.o: kernel/lib/%.c $(U)/flags
	$(call say,USERCC,$<)mkdir -p $(@D)
	$(Q)$(USER_CC) $(DRAW_KERNEL) -c -o $@ $<

$(U)/programs/lib/font.o: $(B)/font.c $(U)/flags
	$(call say,USERCC,$<)mkdir -p $(@D)
	$(Q)$(USER_CC) $(DRAW_KERNEL) -c -o $@ $<

$(DRAW): $(patsubst %,$(U)/programs/lib/%.o,draw picture glyph unpack inflate crc32 font)
	$(Q)rm -f $@
	$(call say,AR,$@)$(USER_CROSS_COMPILE)ar rcsD $@ $^

$(SHOWN_PROGRAMS): $(U)/%: user/%.c $(U)/flags $(DRAW) $(U)/libselene-spawn.a
	$(call say,USERCC,$@)mkdir -p $(@D)
	$(Q)$(USER_CC) $(USER_FLAGS) -O2 -s -ffunction-sections -Wl,--gc-sections -MMD -MP -MF $@.d -o $@ $< \
		$(DRAW) -Wl,--whole-archive $(U)/libselene-spawn.a -Wl,--no-whole-archive

# Its grammar is the kernel's table of calls.
$(U)/tests/callgrammar: USER_FLAGS += -idirafter kernel

$(TEST_PROGRAMS): $(U)/%: user/%.c $(U)/flags
	$(call say,USERCC,$<)mkdir -p $(@D)
	$(Q)$(USER_CC) $(USER_FLAGS) -O2 -s -MMD -MP -MF $@.d -o $@ $<

# With the C library that is found at run time: for libraries that are preloaded.
$(DYNAMIC): $(U)/dynamic/%: user/tests/%.c $(U)/flags
	$(call say,USERCC,$@)mkdir -p $(@D)
	$(Q)$(USER_CC) $(filter-out -static,$(USER_FLAGS)) -O2 -s -MMD -MP -MF $@.d -o $@ $<

$(B)/initramfs.cpio: $(U)/init scripts/initramfs scripts/lib/newc.py $(BUSYBOX)
	$(call say,CPIO,$@)scripts/initramfs $(U)/init $@

# ---- running ----

# make run DISPLAY=ramfb names the guest's screen; the variable of that name that X programs read is the
# one that make itself was started with.
ifneq ($(filter command%,$(origin DISPLAY)),)
DESKTOP := DISPLAY=`tr '\0' '\n' </proc/$$PPID/environ | sed -n 's/^DISPLAY=//p'`;
endif
.PHONY: sdcard run-card run debug fuzz test test-host test-interleave test-long test-system test-linux test-programs test-stress test-jh7110 bench check-layers check-docs format-check
run: all
	@scripts/setup run
	@$(DESKTOP)scripts/run $(if $(filter command,$(word 1,$(origin DISPLAY))),--display $(DISPLAY)) $(RUN)

debug: all
	@scripts/setup run debug
	@echo 'In another terminal: gdb-multiarch -x scripts/gdb/selene.py $(O)/selene.elf'
	@scripts/run --debug --kernel $(O)/Image $(RUN)

# make sdcard BOARD=visionfive2; CARD= are more words for scripts/sdcard.
sdcard: kernel user
	@scripts/sdcard $(CARD) $(or $(BOARD),$(error no BOARD=; remedy: make sdcard BOARD=visionfive2, or another of docs/boards.md))

run-card: kernel user
	@scripts/setup run card
	@scripts/run-card $(or $(BOARD),virt)

test:
	@scripts/setup test
	+@tests/run

test-host: kernel
	@scripts/setup test
	@tests/host/run

test-interleave:
	@scripts/setup test
	@tests/interleave/run

# What make test does in a bounded form, to the end.
test-long: kernel user
	@scripts/setup test
	@tests/interleave/run --complete --seconds 120
	@scripts/run --smp 4 --mem 512M --add build/user/tests/mmrandom:/mmrandom --timeout 3500 -- \
		/mmrandom -t 3400 1 1000000
	@LONG=1 tests/system/run 'display-stress*'
	@POWER_CUTS=1000 tests/system/run 'disk-power-*'
	@TREE_FILES=10000 tests/system/run disk-tree
	@POWER_CUTS=1000 tests/host/run test_ext4_power

test-system: user kernel
	@scripts/setup test
	@$(MAKE) --no-print-directory DEBUG=1 kernel
	@tests/system/run

# Ten minutes of each fuzzer: make fuzz SECONDS=4200. FUZZ names some of them; MERGE=1 keeps what is new.
SECONDS ?= 60
fuzz:
	@scripts/setup clang test
	@nice tests/fuzz/run --seconds $(SECONDS) $(if $(MERGE),--merge) $(FUZZ)

# Random system calls for an hour: make test-calls SECONDS=600 SEED=7.
.PHONY: test-calls
test-calls: SECONDS = 3600
test-calls: user kernel
	@scripts/setup test
	@tests/system/calls-long $(SECONDS) $(SEED)

test-linux: user
	@scripts/setup test
	@tests/system/run --linux

# Debian's programs, the long groups too: PROGRAMS="GROUP GROUP:CASE ..." chooses.
test-programs: user kernel
	@scripts/setup test
	@tests/programs/run $(PROGRAMS)

# The VisionFive 2's card with its own U-Boot, on a machine like the JH7110: builds a QEMU first, ten minutes.
test-jh7110: user kernel
	@scripts/setup jh7110
	@tests/jh7110/run

# Everything at once on 4 harts, beside Linux: about 75 seconds.
test-stress: user kernel
	@scripts/setup test
	@tests/programs/run stress

check-layers:
	@scripts/check-layers

check-docs:
	@scripts/check-docs

format-check:
	@scripts/setup format
	@git ls-files '*.[ch]' | xargs clang-format --dry-run -Werror

ifneq ($(wildcard scripts/bench),)
bench: all
	@scripts/setup run
	@scripts/bench $(BENCH)

.PHONY: profile
profile: all
	@scripts/setup run
	@scripts/profile $(or $(ROW),$(error no ROW=; remedy: make profile ROW=fork_exit, or another row of make bench))
endif

# Downloads stay: build/apt, build/packages, build/tools, build/linux. distclean takes them too.
.PHONY: clean distclean help
clean:
	@for entry in $(B)/*; do case $$entry in \
	$(B)/apt|$(B)/packages|$(B)/tools|$(B)/linux) ;; *) rm -rf "$$entry" ;; esac; done

distclean:
	rm -rf $(B)

help:
	@echo 'make               kernel and programs: build/Image, build/initramfs.cpio'
	@echo 'make run           boot to a shell in QEMU (RUN="--smp 4 ..." for scripts/run)'
	@echo 'make run DISPLAY=ramfb|virtio-gpu   ... with a screen: a window, or how to reach it by VNC'
	@echo 'make sdcard        an SD card for BOARD=visionfive2|star64|mars|visionfive1|virt|sifive_u'
	@echo 'make run-card      boot that card through U-Boot in QEMU: BOARD=virt|sifive_u|visionfive2'
	@echo 'make debug         the same, waiting for gdb'
	@echo 'make test          all tests; test-host, test-interleave, test-system: a part'
	@echo 'make test-long     all interleavings, a million random operations, a thousand power cuts'
	@echo 'make test-linux    the test programs on Debian'"'"'s Linux kernel'
	@echo 'make fuzz          fuzzers of the loader and of readers, for SECONDS=60 in all'
	@echo 'make test-calls    random system calls for an hour: SECONDS=600 SEED=7'
	@echo 'make test-programs Debian'"'"'s programs beside Linux; test-stress: stress-ng'
	@echo 'make test-jh7110   the VisionFive 2'"'"'s card in a QEMU like its chip, which is built first'
	@echo 'make bench         Selene beside Linux (BENCH="--wall ..." for scripts/bench)'
	@echo 'make profile       where the instructions of a row go: ROW=fork_exit'
	@echo 'make check-layers  who may include whom; check-docs: what documents name is there'
	@echo 'make format-check  the code against .clang-format'
	@echo 'make clean         what was built; distclean: downloads too'
	@echo 'V=1 commands, DEBUG=1 checking kernel, CLANG=1, CROSS_COMPILE=, SETUP=no'

# Not those of unpacked packages, whose etc/init.d ends in .d as well.
-include $(shell find $(O) $(U) -path $(B)/tools -prune -o -type f -name '*.d' -print 2>/dev/null)
