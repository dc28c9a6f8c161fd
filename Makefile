# Every way into this repository. `make` alone lists them. Nothing needs to be done before any of them.
#
#   PYTHON=/path/to/python3   the interpreter for .venv, instead of the first fitting one
#   ARGS="..."                handed to what the target runs: make test ARGS="-k lifecycle -x"
#   JOBS=3                    how many processes the tests run in; 0 runs them in this one

.DEFAULT_GOAL := help
.PHONY: help setup setup-runtime demo serve test fuzz faults mutations hostile chaos lint format lock

BIN := .venv/bin
SOURCES := src tests scripts
ARGS ?=
JOBS ?= 3
export PYTHON

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## .venv with all locked packages, this package and a browser; quick when it is there
	@scripts/setup.sh

setup-runtime:
	@scripts/setup.sh runtime

demo: setup-runtime ## one case from draft to decision against a simulated payer, and what it left behind
	@$(BIN)/priorauth demo $(ARGS)

serve: setup-runtime ## the server, on this machine
	@$(BIN)/priorauth serve $(ARGS)

test: setup ## all tests
	@$(BIN)/python -m pytest --numprocesses $(JOBS) --dist loadfile --no-loadscope-reorder $(ARGS)

fuzz: setup ## ten minutes of generated requests against a real server; ARGS=60 for a minute
	@$(BIN)/python -m tests.fuzz $(ARGS)

mutations: setup ## each part of the submission protocol taken out of a copy, which the tests that claim it must notice
	@$(BIN)/python -m tests.mutations $(ARGS)

faults: setup ## each fault at each named point of a case's way, then the invariants; ARGS="--lanes 4 receipt_proven"
	@$(BIN)/python -m tests.faults $(ARGS)

hostile: setup ## every kind of hostile page at both portals under each policy, with a table; ARGS="juniper rewrite_loop"
	@$(BIN)/python -m tests.hostile $(ARGS)

chaos: setup ## a thousand cases while everything is killed at random; ARGS="--cases 100 --kills 20" for a smaller run
	@$(BIN)/python -m tests.chaos $(ARGS)

lint: setup ## format, rules, types, layers, sizes, generated pages and deploy/; changes nothing
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python scripts/check_sizes.py
	@$(BIN)/python scripts/generate_docs.py --check
	@$(BIN)/python scripts/lint_deploy.py

format: setup ## let ruff put right what it can
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

lock: ## write requirements/*.txt anew; ARGS=--upgrade takes the newest versions
	@scripts/lock.sh $(ARGS)
