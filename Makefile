# SPDX-License-Identifier: GPL-2.0-or-later
# The short names of what people do most.  Meson builds; the scripts in tools/ do the rest.

PREFIX ?= /usr/local

.PHONY: help run check check-all fresh install clean distclean

help:
	@echo 'make run        install what is needed, build, and judge and convert real guests'
	@echo 'make check      install what is needed and run all tests: gcc, clang, sanitizers'
	@echo 'make check-all  the same, and what takes long: static analysis, fuzzing, booting'
	@echo 'make fresh      make check, run and install on a Debian 12 with nothing installed'
	@echo 'make install    build and install below $(PREFIX) (PREFIX=, DESTDIR=)'
	@echo 'make clean      remove what was built; make distclean: the test guests as well'

run:
	@tools/run-demo.sh

check:
	@tools/check.sh

check-all:
	@tools/check.sh --all

fresh:
	@tests/fresh.sh

install:
	@tools/install-deps.sh build
	meson setup build-install --prefix '$(abspath $(PREFIX))' --buildtype release -Db_ndebug=false $(if $(wildcard build-install/build.ninja),--reconfigure)
	meson install -C build-install

clean:
	rm -rf build build-*

distclean: clean
	rm -rf cache
