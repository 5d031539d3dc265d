# make           builds the library: build/lib/libthreading.so and .a
# make demo      builds and runs the examples, and compares what they print
# make test      runs every test and says what ran
# make models    checks every interleaving of small scenarios with loom, and pools in random schedules with shuttle
# make sanitizers  runs the C tests under ThreadSanitizer, AddressSanitizer and valgrind; some fifteen minutes
# make soak      the long versions of the tests, and all checkers; some hours, see .ci/soak.sh
# make bench     measures the library against the system's own primitives
# make install   installs, PREFIX=/usr/local DESTDIR=
# make header    writes include/threading.h anew from src/capi
# make clean     removes what was built
#
# Needs Rust, a C compiler, make, bash and python3; `test` and `install` bring CMake in when it is missing.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:

PREFIX ?= /usr/local
DESTDIR ?=
JOBS ?= $(shell getconf _NPROCESSORS_ONLN)
CARGO ?= cargo

version := $(shell sed -n 's/^version = "\(.*\)"$$/\1/p' Cargo.toml | head -n 1)
# The same bytes wherever it is built: no path of this machine is left in the library. And each function begins a
# cache line: a call that does little else costs a cycle or two less. CMakeLists.txt says the same.
cargo_home := $(or $(CARGO_HOME),$(HOME)/.cargo)
rustflags := '--remap-path-prefix=$(CURDIR)=/libthreading', '--remap-path-prefix=$(cargo_home)=/cargo'
rustflags += , '-Cllvm-args=-align-all-functions=6'

soname := libthreading.so.$(firstword $(subst ., ,$(version)))

.PHONY: all
all:
	$(CARGO) rustc --release --lib --crate-type cdylib,staticlib --target-dir build/cargo --config "build.rustflags=[$(rustflags)]"
	mkdir -p build/lib
	cp -p build/cargo/release/libthreading.so build/lib/libthreading.so.$(version)
	cp -p build/cargo/release/libthreading.a build/lib/libthreading.a
	ln -sf libthreading.so.$(version) build/lib/$(soname)
	ln -sf $(soname) build/lib/libthreading.so

.PHONY: demo
demo: all
	examples/run.sh build/lib

.PHONY: bench
bench: all
	python3 benches/run.py build/lib

.PHONY: header
header:
	THREADING_HEADER=write $(CARGO) build --features header

# ---- CMake, from the system or by pip into build/ ----

cmake_version := 3.31.6
cmake_dir := build/venv/bin
cmake := $(or $(shell command -v cmake),$(cmake_dir)/cmake)
ctest := $(or $(shell command -v ctest),$(cmake_dir)/ctest)

$(cmake_dir)/cmake:
	rm -rf build/venv
	if python3 -m venv build/venv && build/venv/bin/pip install --quiet cmake==$(cmake_version); then exit; fi; \
	echo "no CMake by pip; trying the system's package" >&2; \
	apt-get update; \
	apt-get install -y --no-install-recommends cmake; \
	mkdir -p $(cmake_dir); \
	ln -sf "$$(command -v cmake)" "$$(command -v ctest)" $(cmake_dir)

.PHONY: install
install: | $(cmake)
	$(cmake) -S . -B build -D CMAKE_INSTALL_PREFIX='$(PREFIX)' -D THREADING_BUILD_TESTS=OFF
	$(cmake) --build build
	DESTDIR='$(DESTDIR)' $(cmake) --install build

# ---- Tests; each runner's output is kept in build/log, for the summary ----

.PHONY: test test-rust test-c test-portable
test:
	@rm -rf build/log; failed=; for runner in test-rust test-c test-portable; do $(MAKE) $$runner || failed+=" $$runner"; done; \
	c_tests/summary.sh build/log; \
	[ -z "$$failed" ] || { echo "failed:$$failed"; exit 1; }

test-rust:
	mkdir -p build/log
	$(CARGO) test 2>&1 | tee build/log/rust.log
	$(CARGO) test --lib --features portable-park 2>&1 | tee build/log/rust-portable.log

test-c: | $(cmake)
	mkdir -p build/log
	$(cmake) -S . -B build -D THREADING_BUILD_TESTS=ON
	$(cmake) --build build -j $(JOBS)
	$(ctest) --test-dir build -j $(JOBS) --output-on-failure 2>&1 | tee build/log/c.log

# The cases once more, with the library that sleeps without a futex.
test-portable: | $(cmake)
	mkdir -p build/log
	$(cmake) -S . -B build/portable -D THREADING_BUILD_TESTS=ON -D THREADING_FEATURES=portable-park
	$(cmake) --build build/portable -j $(JOBS)
	$(ctest) --test-dir build/portable -L case -j $(JOBS) --output-on-failure 2>&1 | tee build/log/c-portable.log

# ---- Slower checks: models are a part of .ci/run, the sanitizers are not ----

.PHONY: models sanitizers soak
models:
	.ci/loom.sh
	.ci/shuttle.sh

sanitizers:
	.ci/tsan.sh
	.ci/asan.sh
	.ci/valgrind.sh

soak: | $(cmake)
	.ci/soak.sh

.PHONY: clean
clean:
	rm -rf build
	$(CARGO) clean
