# `make demo` and `make test` do everything on a machine with Python >= 3.11, make and git.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: install demo demo-year screenshots test train notebooks lint lock clean help

help: ## show this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

$(VENV)/.pip: ## a virtual environment with a current pip
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Sejuk needs Python 3.11 or newer; set PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet --no-compile --upgrade pip
	@touch $@

$(VENV)/.runtime: $(VENV)/.pip requirements/runtime.txt
	$(PIP) install --quiet --no-compile --require-hashes --only-binary :all: -r requirements/runtime.txt
	@find $(VENV)/lib -type d \( -path '*/pandas/tests' -o -path '*/scipy/*/tests' \) -prune -exec rm -r {} +  # 36 MB
	@touch $@

$(VENV)/.test: $(VENV)/.runtime requirements/test.txt
	$(PIP) install --quiet --require-hashes --only-binary :all: -r requirements/test.txt
	@touch $@

install: $(VENV)/.runtime ## make .venv with the run-time dependencies alone

demo: install ## the whole chain on an invented region, served on loopback
	$(BIN)/python run_monitor.py demo

demo-year: install ## a simulated year of the invented region, with its long trends, alerts and visits, on the same page
	rm -rf var/year
	$(BIN)/python -m benchmarks.year var/year --region contoh
	$(BIN)/python run_monitor.py --home var/year --region contoh serve

screenshots: $(VENV)/.test ## the pictures of the README, taken with Chromium
	$(BIN)/python -m benchmarks.screenshots

test: $(VENV)/.test ## lint, types and every test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -n 2 --dist loadfile

$(VENV)/.train: $(VENV)/.runtime pyproject.toml
	$(BIN)/python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['optional-dependencies']['train'], sep='\n')" \
	  | xargs $(PIP) install --quiet
	@touch $@

train: $(VENV)/.train ## add what fine-tuning needs (torch; with PyTorch's CPU index configured it takes 200 MB)

notebooks: $(VENV)/.test ## run every notebook on the demonstration's data (after `make demo`); results in var/notebooks
	mkdir -p var/notebooks
	$(BIN)/jupyter-execute --timeout=300 --output=$(CURDIR)/var/notebooks/{notebook_name} notebooks/*.ipynb

lint: $(VENV)/.test ## lint and types only
	$(BIN)/ruff check .
	$(BIN)/mypy

lock: ## pin the dependencies of pyproject.toml with hashes (needs uv)
	uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-header --no-annotate -q -o requirements/runtime.txt
	uv pip compile pyproject.toml --extra test --extra pdf --extra notebooks --extra scale --extra explore --universal --python-version 3.11 --generate-hashes --no-header --no-annotate -q -o requirements/test.txt

clean: ## remove what was installed and made
	rm -rf $(VENV) var .pytest_cache .mypy_cache .ruff_cache .hypothesis
