# 'make help' lists the targets. Each does its own set-up first; nothing else is to be prepared.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup build demo test benchmark lint check-imports install uninstall dist deb dist-check test-deploy test-container test-systemd clean

import_check := --explicit-target-dependency-import-check error

help: ## Lists the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

setup: ## Installs what is missing: C libraries, a mongod, a Python with pymongo
	@scripts/setup.sh

build: setup ## Builds the release binary and prints its path
	@swift build -c release --product backupctl
	@echo "$$(swift build -c release --show-bin-path)/backupctl"

demo: setup ## Backs up, restores and compares a real MongoDB, from nothing, in a few minutes
	@swift build -c release --product backupctl
	@. .build/tools/env && MONGOD="$$MONGOD" exec "$$PYTHON" scripts/demo.py \
		"$$(swift build -c release --show-bin-path)/backupctl"

test: setup ## Lints, checks the imports, builds and runs every test but those of test-deploy
	@scripts/test.sh

benchmark: setup ## Measures backupctl beside mongodump and mongorestore; ARGUMENTS (default: dump and restore of 1 GiB, 5 times)
	@swift build -c release --product backupctl
	@. .build/tools/env && MONGOD="$$MONGOD" exec "$$PYTHON" -B Benchmarks/benchmark.py $(ARGUMENTS) \
		"$$(swift build -c release --show-bin-path)/backupctl"

lint: ## Checks the format of the Swift sources
	@swift format lint --strict --recursive Sources Tests Migrations Package.swift

check-imports: setup ## Checks that a target imports only what it declares (by the exit status)
	@swift build --build-tests $(import_check)

install: ## Installs program, pages, completions and units; PREFIX, DESTDIR, BINARY (default: what 'make build' made)
	@BINARY="$${BINARY:-.build/release/backupctl}" scripts/install.sh install

uninstall: ## Removes what 'make install' installed; state, user and connection strings stay
	@scripts/install.sh uninstall

dist: setup ## Makes .build/dist/backupctl-VERSION-linux-ARCH.tar.gz with Swift linked in, and SHA256SUMS
	@scripts/dist.sh tar

deb: setup ## Makes a Debian package in .build/dist
	@scripts/dist.sh deb

dist-check: setup ## Builds tar and Debian package twice, from nothing in two folders, and compares them (slow)
	@scripts/dist-check.sh

test-deploy: setup ## Tests of deploy/ that are too slow for 'make test': the image, the package, the units (root, network)
	@swift build
	@scripts/test-deploy.sh
	@scripts/test-container.sh
	@scripts/test-systemd.sh

test-container: setup ## Builds the image and runs it as it is meant to run (root, podman, debootstrap, network)
	@scripts/test-container.sh

test-systemd: setup ## Boots a Debian and makes backups there under the units (root, debootstrap, systemd-nspawn, network)
	@scripts/test-systemd.sh

clean: ## Removes what was built, and the mongod and Python that set-up fetched
	@swift package clean
	@rm -rf .build/tools
