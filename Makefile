# `make help` lists the targets.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEV_STAMP := $(VENV)/.installed-dev

.PHONY: help install dev up demo test lint bench schema proto clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(BIN)/python:
	@$(PYTHON) -m venv $(VENV) 2>/dev/null || { apt-get update -q && apt-get install -y -q python3-venv && $(PYTHON) -m venv --clear $(VENV); }

$(STAMP): $(BIN)/python pyproject.toml
	@$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(DEV_STAMP): $(STAMP)
	@$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@

install: $(STAMP) ## only .venv with sampan in it

dev: $(DEV_STAMP) ## .venv with the test and lint tools too

up: install ## install what is missing and bring the cluster up
	@$(BIN)/sampan up --install

demo: install ## bring the cluster up and serve the notes' first application
	@$(BIN)/python -m examples.kubia.demo

test: dev ## all tests, setting up what they need
	@sh tools/test

lint: dev ## ruff, mypy, import-linter
	@$(BIN)/ruff check sampan tests benchmarks examples tools
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: dev ## every benchmark, each printing a JSON line
	@$(BIN)/python -m benchmarks

schema: dev ## rebuild the field schema from the current Kubernetes release
	@$(BIN)/python tools/schema.py

proto: dev ## regenerate the protobuf modules
	@$(BIN)/python -m grpc_tools.protoc -I . --python_out=. sampan/kubelet/cri.proto sampan/kubelet/containerd_events.proto

clean: ## remove the virtualenv and caches
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
