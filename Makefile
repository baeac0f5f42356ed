# `make compare` and `make test` set up what they need in .venv, once. ARGS is handed on; without
# it the tests use all cores, for a few of them starting more processes takes longer than they do;
# a file is run by one process, so that what its tests import and prepare is there once.

PYTHON ?= python3
BIN := .venv/bin
ARGS ?=
BIOME := npx --yes @biomejs/biome@2.6.8

.PHONY: compare test lint oldest docs dist notebook setup clean

compare: .venv/ready
	$(BIN)/python -m comparisons $(ARGS)

test: .venv/ready-dev
	$(BIN)/python -m pytest $(or $(ARGS),-n auto --dist loadfile)

lint: .venv/ready-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	@if command -v npx >/dev/null; then echo "$(BIOME) check"; cd comparisons/page && $(BIOME) check; \
		else echo "The page's script and style are not looked at: npx is missing, apt install npm"; fi

# The lower bounds of what is required, in an environment of their own. What they warn of is theirs.
oldest:
	$(PYTHON) -m venv --clear build/oldest
	build/oldest/bin/python -m pip install --quiet --disable-pip-version-check \
		--constraint tests/oldest.txt --editable '.[cli]' hypothesis mpmath pytest pytest-xdist ruff scipy
	build/oldest/bin/python -m pytest -W default -n auto --dist loadfile \
		$(or $(ARGS),tests/autodiff tests/mlp tests/comparisons tests/test_package.py)

# Wheel and sdist in build/dist; the wheel is tried with NumPy alone, the sdist by its own tests.
dist:
	rm -rf build/dist build/tried
	$(PYTHON) -m venv --clear build/tried
	build/tried/bin/python -m pip install --quiet --disable-pip-version-check build
	build/tried/bin/python -m build --outdir build/dist
	build/tried/bin/python -m pip install --quiet --disable-pip-version-check build/dist/*.whl
	cd build/tried && bin/python -c 'import autodiff, mlp; print(autodiff.grad(lambda x: x * x)(3.0))'
	tar -xzf build/dist/*.tar.gz -C build/tried
	build/tried/bin/python -m pip install --quiet --disable-pip-version-check \
		"$$(echo build/dist/*.whl)[cli]" hypothesis pytest
	cd build/tried/backprop_by_hand-*/ && ../bin/python -m pytest tests/autodiff/test_graph.py \
		tests/autodiff/test_transforms.py tests/mlp/test_training.py tests/test_package.py

# The pages are in build/site, to be opened there or put on a server. MkDocs 1 is pinned; the variable
# keeps its theme from advertising a successor.
docs: .venv/ready-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# Run the notebook again, and keep its outputs.
notebook: .venv/ready-dev
	$(BIN)/python tests/shared/notebook.py

setup: .venv/ready-dev

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or later is needed: make PYTHON=/path/to/python3 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -m venv .venv || { rm -rf .venv; \
		echo "No virtual environment could be made, see above. On Debian and Ubuntu: apt install python3-venv"; exit 1; }

.venv/ready: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[cli]'
	@touch $@

.venv/ready-dev: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@ .venv/ready

.venv/ready-docs: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[docs]'
	@touch $@ .venv/ready

clean:
	rm -rf .venv build out .hypothesis .mypy_cache .pytest_cache .ruff_cache *.egg-info
