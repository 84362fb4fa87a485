# `make help` lists the targets.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEV_STAMP := $(VENV)/.installed-dev

# Only wheels, so that nothing is built with tools that no lock names.
LOCKED := $(BIN)/python -m pip install --quiet --require-hashes --only-binary :all:
SAMPAN := $(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
UV := $(BIN)/uv pip compile --quiet --python-version 3.11 --generate-hashes --custom-compile-command 'make lock'

.PHONY: help install dev up demo test test-clients test-matrix conformance soak fuzz lint lock wheel sbom bench schema pause
.PHONY: proto clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(BIN)/python:
	@$(PYTHON) -m venv $(VENV) 2>/dev/null || { apt-get update -q && apt-get install -y -q python3-venv && $(PYTHON) -m venv --clear $(VENV); }

$(STAMP): $(BIN)/python pyproject.toml requirements/install.txt
	@$(LOCKED) -r requirements/install.txt
	@$(SAMPAN)
	@touch $@

$(DEV_STAMP): $(STAMP) requirements/dev.txt
	@$(LOCKED) -r requirements/dev.txt
	@touch $@

install: $(STAMP) ## only .venv with sampan in it

dev: $(DEV_STAMP) ## .venv with the test and lint tools too

up: install ## install what is missing and bring the cluster up
	@$(BIN)/sampan up --install

demo: install ## bring the cluster up and serve the notes' first application
	@$(BIN)/python -m examples.kubia.demo

test: dev ## all tests, setting up what they need
	@sh tools/test

test-clients: dev ## the tests with real clients, building old and new kubectls and Helm where there is Go
	@sh tools/test-clients

test-matrix: dev ## the unit tests on the lowest and on the newest of each direct dependency
	@sh tools/test-matrix

conformance: dev ## upstream's conformance tests: FOCUS='a regular expression' WORKERS=4; needs Go
	@PYTHONPATH=. $(BIN)/python -m tests.conformance --focus "$$FOCUS" --workers "$${WORKERS:-4}"

fuzz: dev ## a million requests by chance (REQUESTS=1000000 SEED=any): answers by status, faults, memory
	@PYTHONPATH=. $(BIN)/python -m tests.fuzz.run $(if $(REQUESTS),--requests $(REQUESTS)) $(if $(SEED),--seed $(SEED))

soak: dev ## an hour of traffic with faults (SECONDS=3600 SEED=any): what happened, and every promise that was broken
	@PYTHONPATH=. $(BIN)/python -m tests.soak.run $(if $(SECONDS),--seconds $(SECONDS)) $(if $(SEED),--seed $(SEED))

lint: dev ## ruff, mypy, import-linter, and pip-audit where its database can be reached
	@$(BIN)/ruff check sampan tests benchmarks examples tools
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m tools.audit

lock: $(BIN)/python ## write requirements/ anew from pyproject.toml; UPGRADE=1 takes newer releases of all
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet uv
	@$(UV) $(if $(UPGRADE),--upgrade) --extra build --extra dev --extra proto pyproject.toml -o requirements/dev.txt
	@$(UV) $(if $(UPGRADE),--upgrade) --extra build --constraint requirements/dev.txt pyproject.toml -o requirements/install.txt

wheel: dev ## the wheel, below dist/: the same bytes for the same commit
	@$(BIN)/python -m tools.wheel

sbom: dev ## what Sampan is made of, as CycloneDX: dist/sbom.json
	@$(BIN)/python -m tools.sbom

bench: dev ## every benchmark, each printing a JSON line
	@$(BIN)/python -m benchmarks

schema: dev ## rebuild the field schema from the current Kubernetes release
	@$(BIN)/python tools/schema.py

pause: $(BIN)/python ## assemble the pause programs; needs binutils for both processors
	@$(BIN)/python tools/pause/assemble.py

proto: dev ## regenerate the protobuf modules
	@$(BIN)/python -m grpc_tools.protoc -I . --python_out=. $(shell find sampan -name "*.proto")

clean: ## remove the virtualenv and caches
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
