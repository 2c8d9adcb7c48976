SHELL := /bin/bash
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
export BIN

# Options for the tests of one kind, for instance PYTEST='-x -k kill'.
PYTEST ?=

# One process of pytest for each core; the tests of one file stay together, with their servers.
SIDE_BY_SIDE := --numprocesses auto --dist loadfile

.DEFAULT_GOAL := help
.PHONY: help env demo test lint unit service lab-test coverage soak judges bench lab lab-down docs clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

env: $(VENV)/.ready ## make the virtual environment

$(VENV)/.ready: pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo 'Usance needs Python 3.11 or later: name one with PYTHON=...' >&2; exit 2; }
	$(PYTHON) -m venv $(VENV) || { echo 'The module venv is missing: apt-get install python3-venv' >&2; exit 2; }
	$(BIN)/pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/pip install --quiet --constraint requirements.lock --editable '.[all]' --group test --group docs
	touch $@

demo: env ## a simulated cloud, a real extraction, usage, messages, the API
	@demo/run

test: lint unit service lab-test coverage ## everything that this machine can run

lint: env ## style, types, floors
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

unit: env ## tests without servers
	rm -f .coverage .coverage.*
	$(BIN)/pytest $(SIDE_BY_SIDE) --cov=usance --cov-report= $(PYTEST) tests/unit

service: env ## tests with real servers on loopback (PostgreSQL, the simulated cloud)
	tests/install-servers
	$(BIN)/pytest $(SIDE_BY_SIDE) --cov=usance --cov-report= --cov-append $(PYTEST) tests/service

lab-test: env ## tests on a real OpenStack (USANCE_LAB=0 leaves them out)
	$(BIN)/pytest $(PYTEST) tests/lab

coverage: env ## what the last unit and service tests covered
	$(BIN)/coverage report

soak: env ## the long forms: 1,000 histories, thousands of examples, a minute of readers
	USANCE_HISTORIES=1000 USANCE_SOAK=1 USANCE_HYPOTHESIS_PROFILE=soak \
		$(BIN)/pytest $(PYTEST) -o timeout=7200 tests/unit tests/service

judges: env ## APEL's, SSM's and Citus's own code (APEL_CHECKOUT, SSM_CHECKOUT, CITUS_URL name them)
	tests/judges/run

bench: env ## benchmarks, each against a peer and a limit
	$(BIN)/python -m bench

lab: ## bring up a real OpenStack on this machine
	$(PYTHON) lab up

lab-down: ## stop it
	$(PYTHON) lab down

docs: env ## build the documentation
	$(BIN)/sphinx-build -W --keep-going --quiet docs build/docs
	@echo 'build/docs/index.html'

clean: ## remove what make made
	rm -rf $(VENV) var build dist .coverage .coverage.*
