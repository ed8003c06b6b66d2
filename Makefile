# Verbs only; what needs more than a few lines is in scripts/. A verb does again only what its inputs changed.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
PYTHON ?= python3
BIN := .venv/bin
ARGS ?=
export PYO3_PYTHON := $(CURDIR)/$(BIN)/python
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# One profile for the wheel and the tests, so that things are compiled once.
RELEASE := --release $(if $(CI),--locked)
TESTED := --workspace --exclude katydid-python $(RELEASE)
RUST := Cargo.toml Cargo.lock $(shell find crates -type f -not -path '*/tests/*' -not -path '*/target/*' -not -path '*/fuzz/*')
PYTHON_FILES := $(shell find -L python demo/shop examples -type f -not -name '*.py[co]' -not -name '*.so')

.PHONY: help setup demo test check bench wheel
help: ## list the verbs
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1	\2/p' Makefile | expand -t 16

setup: .venv/.built ## build katydid and install it, with all that tests and demo need, into .venv

demo: setup ## start the demo shop, put it under load, show the numbers (ARGS="-u 50 -t 1m")
	$(BIN)/katydid demo $(ARGS)

test: setup wheel ## all tests, in Rust and Python
	scripts/test-packages
	if cargo nextest --version >/dev/null 2>&1; then cargo nextest run $(TESTED); else cargo test --lib --bins --tests $(TESTED); fi
	cargo test --doc $(TESTED)
	scripts/test-python $(ARGS)

check: setup ## format, lints, types, the rules of the house
	cargo fmt --all --check
	cargo clippy --workspace --all-targets $(RELEASE) -- -D warnings
	cd viewer && npm run --silent check
	$(BIN)/ruff check && $(BIN)/ruff format --check
	$(BIN)/mypy && $(BIN)/mypy --python-version 3.10 python/katydid
	MYPYPATH=python $(BIN)/stubtest katydid._core --mypy-config-file pyproject.toml && $(BIN)/python -m pytest -q tests/house -m "not slow"

bench: setup ## compare with wrk, oha, k6 and Locust; results go to bench/
	$(BIN)/python bench/run.py $(ARGS)

wheel: dist/.built ## the wheel, in dist/

.venv/.tools: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q "maturin>=1.16,<2"
	touch $@

viewer/dist/index.html: $(shell find viewer -type f -not -path '*/node_modules/*' -not -path '*/dist/*')
	cd viewer && npm ci --silent --no-audit --no-fund && npm run --silent build

.venv/.built: .venv/.tools demo/shop/requirements.txt viewer/dist/index.html $(RUST)
	VIRTUAL_ENV=.venv $(BIN)/maturin develop $(RELEASE) --extras demo,dev
	touch $@

dist/.built: .venv/.tools viewer/dist/index.html README.md $(RUST) $(PYTHON_FILES)
	rm -rf dist
	$(BIN)/maturin build $(RELEASE) --out dist
	touch $@
