# SPDX-License-Identifier: BSD-3-Clause
# Two commands do everything on a fresh Debian 12: `make demo` and `make check`. What is missing is
# installed first (as root or with sudo); NODEPS=1 leaves the system alone. The work is Meson's.
#
#   make [SANITIZE=address,undefined|thread] [CC=clang]   build/bin/{qomd,qom,qapic}
#   make demo check bench fuzz lint deb install [DESTDIR=... PREFIX=...]

PREFIX ?= /usr/local
SANITIZE ?=
comma := ,
suffix := $(if $(SANITIZE),-$(subst $(comma),-,$(SANITIZE)))$(if $(filter clang,$(CC)),-clang)
BUILD ?= build$(suffix)
setup_options = --werror $(if $(SANITIZE),-Db_sanitize=$(SANITIZE))
export CC

all: deps-build $(BUILD)/build.ninja
	@ninja -C $(BUILD)

$(BUILD)/build.ninja:
	@meson setup $(BUILD) --prefix=$(PREFIX) $(setup_options)

deps-%:
	@$(if $(NODEPS),,tools/install-deps $*)

demo: deps-demo all
	@tools/demo $(BUILD)

check: deps-check all
	@tools/check $(BUILD)

bench: deps-bench all
	@tools/bench $(BUILD)

fuzz: deps-fuzz
	@tools/fuzz

lint: deps-lint all
	@tools/lint $(BUILD)

deb: deps-deb
	@tools/package

install: all
	@meson configure $(BUILD) -Dprefix=$(PREFIX)
	@meson install -C $(BUILD) $(if $(DESTDIR),--destdir $(abspath $(DESTDIR)))

clean:
	rm -rf build build-*

.PHONY: all demo check bench fuzz lint deb install clean
