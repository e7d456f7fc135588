# kelbo's few verbs; `make` alone prints them.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
WORKERS ?= 2
READY  := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-all check bench docs clean

help: ## print this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /|/' | awk -F'|' '{printf "  make %-10s %s\n", $$1, $$2}'

$(READY): pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing into $(VENV) …"
	@$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

setup: $(READY) ## make .venv and install kelbo with its tools

demo: $(READY) ## train a calibrated VAE on rendered 3-D shapes and write its page (about two minutes)
	@rm -rf runs/demo
	@$(BIN)/kelbo train shapes3d-sigma --out runs/demo
	@$(BIN)/kelbo evaluate runs/demo
	@$(BIN)/kelbo report runs/demo

test: $(READY) ## run the quick tests, by two processes (WORKERS=N for N)
	@OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE= $(BIN)/pytest -n $(WORKERS) --dist worksteal

test-all: $(READY) ## run every test, the slow ones too
	@$(BIN)/pytest -m ''

check: $(READY) ## lint, formatting, types, the rooms' shelves
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/pyright
	@$(BIN)/pytest tests/test_rooms.py tests/test_public_names.py

bench: $(READY) ## measure speed beside the peers (makes its own environment for them)
	@$(BIN)/python benchmarks/run.py

docs: $(READY) ## build the documentation into site/
	@$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[docs]'
	@$(BIN)/mkdocs build --quiet --strict

clean: ## remove what the other verbs made, runs excepted
	@rm -rf $(VENV) site build dist .pytest_cache .ruff_cache src/*.egg-info
	@find . -name __pycache__ -prune -exec rm -rf {} +
