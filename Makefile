# `make compare` and `make test` set up what they need in .venv, once. ARGS is handed on; without
# it the tests use all cores, for a few of them starting more processes takes longer than they do;
# a file is run by one process, so that what its tests import and prepare is there once.

PYTHON ?= python3
BIN := .venv/bin
ARGS ?=

.PHONY: compare test lint setup clean

compare: .venv/ready
	$(BIN)/python -m comparisons $(ARGS)

test: .venv/ready-dev
	$(BIN)/python -m pytest -rs $(or $(ARGS),-n auto --dist loadfile)

lint: .venv/ready-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

setup: .venv/ready-dev

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or later is needed: make PYTHON=/path/to/python3 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -m venv .venv || { rm -rf .venv; \
		echo "No virtual environment could be made, see above. On Debian and Ubuntu: apt install python3-venv"; exit 1; }

.venv/ready: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

.venv/ready-dev: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@ .venv/ready

clean:
	rm -rf .venv build out .hypothesis .mypy_cache .pytest_cache .ruff_cache *.egg-info
