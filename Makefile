# Thin: Meson and Ninja build, the scripts in test/ and scripts/ do the rest.
#
#   make        build build/warren
#   make demo   install what is missing, build, run the VPN picture (root)
#   make check  install what is missing, build, run every test
#   make check-kernels  run the tests that depend on it on other kernels, in virtual machines
#   make bench  measure beside the rivals
#   make fuzz   fuzz each decoder for FUZZ_TIME seconds (default 60)
#   make install [DESTDIR=]

.PHONY: all deps demo check check-kernels bench fuzz install clean
FUZZ_TIME ?= 60
GENERATED := build/build.ninja build-san/build.ninja

all: build/build.ninja
	@ninja --quiet -C build

build/build.ninja:
	@CC=gcc meson setup build --buildtype=release >build.log 2>&1 || { cat build.log; rm -rf build build.log; exit 1; }
	@rm -f build.log

# The same sources under clang, ASan and UBSan: unit tests and fuzz targets.
build-san/build.ninja:
	@CC=clang meson setup build-san --buildtype=debugoptimized -Dchecked=true >build-san.log 2>&1 || \
		{ cat build-san.log; rm -rf build-san build-san.log; exit 1; }
	@rm -f build-san.log

deps:
	@scripts/deps

demo: deps
	@$(MAKE) --no-print-directory all
	@scripts/demo

check: deps
	@$(MAKE) --no-print-directory all build-san/build.ninja
	@ninja --quiet -C build-san
	@test/run

check-kernels:
	@scripts/deps kernels
	@$(MAKE) --no-print-directory all
	@test/kernels/run

bench:
	@scripts/deps bench
	@$(MAKE) --no-print-directory all
	@test/bench/run

fuzz: deps
	@$(MAKE) --no-print-directory build-san/build.ninja
	@ninja --quiet -C build-san
	@test/fuzz/run $(FUZZ_TIME)

install: all
	@meson install -C build --no-rebuild $(if $(DESTDIR),--destdir $(DESTDIR))

clean:
	rm -rf build build-san
