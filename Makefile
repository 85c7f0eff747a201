# Everything by one command each. Needs make and Python 3.11 or newer with venv; no root, no Docker.
SHELL  := /bin/sh
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3.14 python3 python; do \
            $$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && \
            { echo $$p; break; }; done)
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
PIP    := $(BIN)/python -m pip --disable-pip-version-check --no-input --quiet
SCRATCH := $(VENV)/scratch.db
ALEMBIC := TERTULIA_SCRATCH_DATABASE=sqlite:///$(SCRATCH) $(BIN)/alembic -c src/tertulia/store/migrations/alembic.ini
CODE   := src tests $(wildcard benchmarks)

.DEFAULT_GOAL := help
.PHONY: help run test check style types imports fix bench migrate revision lock clean FORCE

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo '  ARGS="…" passes options on: make test ARGS="tests/unit -k feed", make run ARGS="--port 9000"'

run: $(READY) ## Serve on http://127.0.0.1:8000, with SQLite in ./data
	$(BIN)/tertulia serve $(ARGS)

test: $(READY) ## All tests, on SQLite, PostgreSQL and Valkey
	$(BIN)/python -m pytest -n auto --dist loadfile $(ARGS)

check: style types imports test ## All that must hold, cheapest first

style: $(READY) ## Format and lint
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)

types: $(READY) ## Types
	$(BIN)/mypy

imports: $(READY) ## Who may import whom
	$(BIN)/lint-imports

fix: $(READY) ## Repair what can be repaired by itself
	$(BIN)/ruff check --fix $(CODE) || true
	$(BIN)/ruff format $(CODE)

bench: $(READY) ## Benchmarks, as docs/performance.md shows them
	$(BIN)/python -m benchmarks $(ARGS)

migrate: $(READY) ## Bring the database of DATABASE_URL up to date
	$(BIN)/tertulia migrate $(ARGS)

revision: $(READY) ## Draft a migration from the tables: make revision m='What changes'
	@test -n "$(m)" || { echo "Say what changes: make revision m='Rooms have a colour'" >&2; exit 2; }
	@rm -f $(SCRATCH)
	@$(ALEMBIC) upgrade head
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(ALEMBIC) revision --autogenerate -m "$(m)" \
	  --rev-id "$$(printf %04d $$(($$(ls src/tertulia/store/migrations/versions/[0-9]*.py | wc -l) + 1)))"
	@rm -f $(SCRATCH)

lock: ## Pin all dependencies anew (needs uv): make lock ARGS=--upgrade
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  --group pyproject.toml:test --group pyproject.toml:lint $(ARGS) requirements/build.in pyproject.toml -o requirements/dev.txt

clean: ## Remove what was made here, but not ./data
	rm -rf $(VENV) dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

# Made again when the lock or pyproject.toml changed. The stamp comes last, so that half an environment never counts;
# it holds this folder's path, because an environment that was moved, or lost its Python, is none.
ifneq ($(shell $(BIN)/python -c 'print(open("$(READY)").read(), end="")' 2>/dev/null),$(CURDIR))
$(READY): FORCE
endif
$(READY): requirements/dev.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "Tertulia needs Python 3.11 or newer with venv, and found none on PATH." \
	  "(Debian, Ubuntu: apt install python3-venv. Or name one: make PYTHON=/path/to/python)" >&2; exit 1; }
	@$(BIN)/python -c '' 2>/dev/null || { echo "Making $(VENV) with $(PYTHON); this takes half a minute, once." >&2; \
	  rm -rf $(VENV) && $(PYTHON) -m venv $(VENV); }
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@printf %s "$(CURDIR)" > $@
