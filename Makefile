# Stele: the two commands that matter are `make demo` and `make test`; both set up what they need.

SHELL       := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help
.PHONY: help setup setup-chain setup-python setup-dicom setup-go setup-deny build demo test test-contracts \
        test-rust test-reader test-python test-interop e2e bench patients-bench arch lint fuzz coverage clean \
        web test-web e2e-web screens web-size

CARGO   ?= cargo
SECONDS ?= 30
VENV    := build/venv
STELE   := target/debug/stele
XRAY    ?=
ONCE    ?=
export STELE_DICOM_DIR ?= $(CURDIR)/build/dicom

help: ## List what can be made
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

# --- set-up ------------------------------------------------------------------------------------

setup: setup-chain setup-python setup-dicom ## Install what building and testing need
setup-chain: build/.tools contracts/node_modules/.stamp
setup-python: $(VENV)/.stamp
setup-dicom: build/dicom/.stamp

build/.tools:
	@scripts/check-tools.sh
	mkdir -p build && touch $@

contracts/node_modules/.stamp: contracts/package-lock.json
	@echo "Installing the Ethereum node and the Solidity tool chain (npm, pinned)"
	(cd contracts && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
	touch $@

$(VENV)/.stamp: tests/python/requirements.txt | build/.tools
	@echo "Installing the Python packages of the independent checks"
	python3 -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -r tests/python/requirements.txt
	touch $@

web/node_modules/.stamp: web/package-lock.json | build/.tools
	@echo "Installing the web app's packages (npm, pinned)"
	(cd web && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
	touch $@

build/dicom/.stamp: scripts/fetch-dicom.py | build/.tools
	@python3 scripts/fetch-dicom.py
	touch $@

setup-deny: ## Install cargo-deny, which make lint checks licences and duplicates with (minutes)
	@cargo deny --version >/dev/null 2>&1 || $(CARGO) install cargo-deny --locked

setup-go: ## Install Kubo, geth and the gateway conformance suite (needs Go; used where found)
	@scripts/install-go-tools.sh

# --- use ---------------------------------------------------------------------------------------

build: ## Build the program
	$(CARGO) build -p stele

web: web/node_modules/.stamp ## Build the web app, which the program carries inside
	@cd web && npm run --silent build

demo: setup-chain setup-dicom web build ## The whole story on real components (XRAY=file, ONCE=1)
	@exec $(STELE) demo $(if $(XRAY),--xray "$(XRAY)") $(if $(ONCE),--once)

# --- tests -------------------------------------------------------------------------------------

# The browser comes last and drives the program that the Rust tests built.
test: test-contracts test-rust test-python test-web test-interop ## Everything that must pass; in a browser too, where Chromium is
	@if ! scripts/has-chromium.sh; then
	    echo "SKIPPED the browser tests: install the package chromium"
	else
	    $(MAKE) --no-print-directory e2e-web STELE_BIN=$(CURDIR)/$(STELE)
	fi

test-contracts: setup-chain ## Solidity: unit, fuzz, invariant, gas table, artifacts
	@contracts/scripts/test.sh
	contracts/scripts/gas.sh --check

test-rust: setup-chain setup-dicom web ## Rust: unit, property, crash and end-to-end tests
	@$(CARGO) test --workspace

test-reader: setup-dicom ## The reader's own tests alone: decoding, networks, training
	@$(CARGO) test -p reader

test-python: setup-python ## Independent readers of our formats, in Python
	@$(VENV)/bin/python -m pytest -q tests/python

test-interop: ## Kubo, S3 and gateway conformance (make setup-go installs the programs)
	@if [ -x build/bin/ipfs ]; then tests/ipfs/run.sh; else
	    echo "SKIPPED interop with Kubo, S3 and the gateway suite: build/bin/ipfs is not installed (make setup-go)"
	fi

test-web: web ## The web app: types, linter, unit tests and vectors, messages, size of the first load
	@cd web
	npm run --silent lint
	npm run --silent test
	for messages in src/ui/i18n/*.json; do
	    language=$$(basename "$$messages" .json)
	    [ "$$language" = en ] || node scripts/messages.mjs --check "$$language"
	done
	node scripts/size.mjs

web-size: web ## Compressed size of the first load of each role; fails over the budget
	@node web/scripts/size.mjs

e2e-web: setup-chain setup-dicom web ## The web app against real nodes, in a real browser (STELE_BIN=program)
	@if [ -z "$${STELE_BIN:-}" ]; then $(CARGO) build -p stele; fi
	export STELE_BIN=$${STELE_BIN:-$(CURDIR)/$(STELE)}
	(cd web && SKIP=never npx vitest run tests/scene.test.ts)
	if ! scripts/has-chromium.sh; then
	    echo "SKIPPED the browser tests: install the package chromium"
	else
	    cd web && npx playwright test
	fi

screens: setup-chain setup-dicom web ## Pictures of every page, made by the browser tests, in docs/screens
	@if ! scripts/has-chromium.sh; then
	    echo "SKIPPED the pictures: install the package chromium"
	else
	    if [ -z "$${STELE_BIN:-}" ]; then $(CARGO) build -p stele; fi
	    mkdir -p docs/screens
	    rm -f docs/screens/*.png
	    cd web && SCREENS=$(CURDIR)/docs/screens npx playwright test
	fi

e2e: setup-chain setup-dicom web ## The tests with real processes alone
	@$(CARGO) test -p stele --test e2e -- --nocapture

# --- quality -----------------------------------------------------------------------------------

lint: setup-chain ## Formatters and linters of all languages
	@$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	scripts/deny.sh
	contracts/scripts/lint.sh
	contracts/scripts/slither.sh

arch: ## Circles of imports, arrows upwards and long functions, as JSON; fails if there are any
	@$(CARGO) run --quiet -p arch

bench: setup ## Side-by-side benchmarks; prints what docs/benchmarks.md quotes
	@bench/run.sh

patients-bench: ## Times to find one of 100,000 patients, on SQLite and PostgreSQL
	@$(CARGO) build --quiet --workspace --example patients_bench
	@$${CARGO_TARGET_DIR:-target}/debug/examples/patients_bench

fuzz: ## Each fuzz target under libFuzzer for SECONDS=n seconds
	@scripts/fuzz.sh $(SECONDS)

coverage: setup-chain ## Coverage of the contracts and of Rust
	@contracts/scripts/coverage.sh
	scripts/coverage.sh

clean: ## Remove what was built (not the demo's data)
	$(CARGO) clean
	rm -rf web/dist web/node_modules
	rm -rf build contracts/node_modules contracts/out contracts/cache
