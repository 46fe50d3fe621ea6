# One command each; every target sets up .venv by itself. `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8080

.DEFAULT_GOAL := help
.PHONY: help demo serve test check bench docs tables clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/ready ## play an EHR: three example patients, four orders, cards in the terminal
	@$(BIN)/cds-service demo
	@echo
	@echo "The patients are made up. What was asked and answered, row by row:"
	@echo "  $(BIN)/cds-service invoke --trace --request examples/bleeding-risk.json"

serve: $(VENV)/ready ## the service on http://127.0.0.1:8080 (PORT=... for another port)
	$(BIN)/cds-service serve --port $(PORT)

test: $(VENV)/ready-to-test ## every test
	$(BIN)/python -m pytest

check: $(VENV)/ready-to-test ## what CI runs: format, lint, types, tables, generated docs, tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/cds-service check
	@$(BIN)/cds-service tables --format markdown | cmp -s - docs/tables.md \
	  || { echo "docs/tables.md is not what the tables say: run 'make docs' and commit it" >&2; exit 1; }
	@$(BIN)/python -c 'from cds_service.settings import settings_markdown; print(settings_markdown(), end="")' \
	  | cmp -s - docs/settings.md \
	  || { echo "docs/settings.md is not what settings.py says: run 'make docs' and commit it" >&2; exit 1; }
	$(BIN)/python -m pytest

bench: $(VENV)/ready ## cost of a whole decision and of validation, as a multiple of reading once
	$(BIN)/python benchmarks/floor.py
	$(BIN)/python benchmarks/validation.py

docs: $(VENV)/ready ## write the generated pages again: docs/tables.md, docs/settings.md
	$(BIN)/cds-service tables --format markdown > docs/tables.md
	$(BIN)/python -c 'from cds_service.settings import settings_markdown; print(settings_markdown(), end="")' > docs/settings.md

tables: $(VENV)/ready ## the two tables for review, in the terminal
	$(BIN)/cds-service tables

clean: ## remove .venv and caches
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis

# Stamps: set up again only when what is installed may have changed.
$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed, '$(PYTHON)' is older or missing: make PYTHON=/path/to/python3.11 ..." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) \
	  || { rm -rf $(VENV); echo "No virtual environment: install the venv module (Debian, Ubuntu: python3-venv)" >&2; exit 1; }

$(VENV)/ready: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

$(VENV)/ready-to-test: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'
	@touch $@ $(VENV)/ready
