# isflow: everyday commands. `make install run` is all a new machine needs.

PYTHON ?= python3
VENV   := .venv
PY     := $(VENV)/bin/python
BIN    := $(VENV)/bin
UV     ?= uv
BIOME  := npx --yes @biomejs/biome@2.6.8
PORT   ?= 8000

.DEFAULT_GOAL := help
.PHONY: help install install-dev run serve test check lint lint-python lint-imports lint-templates lint-scripts types schema fmt lock bench chaos chaos-selftest soak full e2e faults conformance up-prod-check

help:  ## Show this list
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-15s %s\n", $$1, $$2}'

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

# The stamps hold the checksums of what is installed, so that an unchanged lock costs nothing.
install: $(VENV)/bin/python  ## Install what running isflow needs
	@sum=$$(cat requirements.lock | sha256sum); \
	if [ "$$(cat $(VENV)/.installed 2>/dev/null)" != "$$sum" ] && [ ! -f $(VENV)/.installed-dev ]; then \
	  $(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock && echo "$$sum" > $(VENV)/.installed; \
	elif [ -f $(VENV)/.installed-dev ]; then $(MAKE) --no-print-directory install-dev; fi

install-dev: $(VENV)/bin/python  ## Install also what tests and checks need
	@sum=$$(cat requirements.lock requirements-dev.lock | sha256sum); \
	if [ "$$(cat $(VENV)/.installed-dev 2>/dev/null)" != "$$sum" ]; then \
	  $(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock -r requirements-dev.lock \
	    && echo "$$sum" > $(VENV)/.installed-dev; fi

run: install  ## Run isflow with demo data in one process on http://127.0.0.1:8000 (PORT=...)
	@$(PY) manage.py serve --demo --port $(PORT)

serve: install  ## The same without demo data: set up your own workspace on first visit
	@$(PY) manage.py serve --port $(PORT)

test: install-dev  ## Run the sealed test suite on SQLite, then the JavaScript tests
	$(PY) -m pytest $(ARGS)
	$(if $(wildcard tests/js/*.mjs),node --test tests/js/)

e2e: install-dev  ## Drive a real Chromium (CHROMIUM=/path) against a running isflow
	DJANGO_ALLOW_ASYNC_UNSAFE=true $(PY) -m pytest -m e2e $(ARGS)

faults: install-dev  ## Kill processes at named points and see that nothing is lost
	$(PY) -m pytest -m faults $(ARGS)

check: lint types schema  ## Everything that must pass before a commit

lint: lint-python lint-imports lint-templates lint-scripts

lint-python: install-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

lint-imports: install-dev
	$(BIN)/lint-imports --no-logo

lint-templates: install-dev
	$(BIN)/djlint --lint --quiet --allow-empty-input templates

lint-scripts:
	$(BIOME) ci --no-errors-on-unmatched --error-on-warnings

types: install-dev
	$(BIN)/mypy .

schema: install-dev
	DJANGO_SETTINGS_MODULE=isflow.settings.test $(PY) manage.py makemigrations --check --dry-run
	DJANGO_SETTINGS_MODULE=isflow.settings.test $(PY) manage.py check --fail-level WARNING

fmt: install-dev  ## Format and repair what can be repaired
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIOME) check --write --no-errors-on-unmatched

lock:  ## Write the lock files anew (needs uv)
	$(UV) pip compile requirements.in --quiet --generate-hashes --universal --python-version 3.11 -o requirements.lock
	$(UV) pip compile requirements-dev.in --quiet --generate-hashes --universal --python-version 3.11 -c requirements.lock -o requirements-dev.lock

bench: install-dev  ## Measure against the floors of docs/benchmarks.md
	$(PY) -m tests.bench $(ARGS)

chaos: install-dev  ## Kill real processes at random for SEED: 10,000 runs, 100 kills (ARGS="--runs 1000 --kills 20")
	$(PY) -m tests.chaos --seed $(or $(SEED),1) $(ARGS)

chaos-selftest: install-dev  ## Plant eight bugs and see each of them caught
	$(PY) -m tests.chaos.selftest --output docs/chaos-selftest.txt

soak: install-dev  ## Chaos for more than an hour: 100,000 runs, 1,000 kills
	$(PY) -m tests.chaos --seed $(or $(SEED),1) --runs 100000 --kills 1000

conformance: install-dev  ## Write docs/conformance.md anew: which rule is proved by which test
	$(PY) -m tests.conformance.generate

up-prod-check: install-dev  ## Start the production shape (web, worker, beat) and try a story in it
	$(PY) tests/prodcheck/up_prod_check.py

full:  ## The long tier, about two hours: what the build server runs, with the numbers of a release
	ISFLOW_EXAMPLES=10000 ISFLOW_RACE_ROUNDS=500 $(PY) -m pytest tests/kernel tests/channels_app tests/workflows/engine/test_webhook.py -q --timeout=3000
	.ci/run
	ISFLOW_CRASH_SWEEP=full $(PY) -m pytest -m faults -k crash_points -q
	for seed in 1 2 3; do $(MAKE) --no-print-directory chaos SEED=$$seed || exit 1; done
	$(MAKE) --no-print-directory chaos ARGS="--rolling --runs 2000 --kills 80 --gap 1"
	$(MAKE) --no-print-directory chaos-selftest
	$(MAKE) --no-print-directory bench
