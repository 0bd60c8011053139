# Everything sets itself up: `make demo` and `make test` work in a fresh clone with Python 3.11 or 3.12, git and make.

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed
WORKERS ?= 2

# The project's own folder always; a virtual environment that happens to be active must not leak in.
unexport VIRTUAL_ENV
unexport PYTHONHOME
unexport PYTHONPATH
export DO_NOT_TRACK := 1

.DEFAULT_GOAL := help
.PHONY: help demo test lint format ui dashboard bench torture lock clean

help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# Interpreters are tried by running them: a name on the PATH may be a shim of a version that is not installed.
$(STAMP): requirements/lock.txt pyproject.toml
	@for python in "$${PYTHON:-python3.12}" python3.11 python3.12 python3 python; do \
		if "$$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' 2>/dev/null; then \
			found="$$python"; break; \
		fi; \
	done; \
	if [ -z "$$found" ]; then \
		echo "braid needs Python 3.11 or 3.12 with venv and pip; none of python3.12, python3.11, python3 is one (set PYTHON=/path/to/python)." >&2; \
		exit 1; \
	fi; \
	echo "Setting up $(VENV) with $$("$$found" --version) from the lock; a minute or two, once."; \
	rm -rf $(VENV) && "$$found" -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/lock.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

# The user's own copy: never overwritten, never committed.
profiles.yml:
	@cp profiles.yml.example $@

demo: $(STAMP) profiles.yml ## CRM and CDP records become customers: two days of a made-up company, end to end
	@$(BIN)/braid demo $(ARGS)

test: lint ## Lint, types, dbt on DuckDB and on fakesnow, every test
	@$(BIN)/python -m pytest -m "not torture" -n $(WORKERS) --dist loadfile $(ARGS)

lint: $(STAMP) profiles.yml ## ruff, mypy, sqlfluff, stale generated files, the tracking plan
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/sqlfluff lint --processes 2 --disable-progress-bar models snapshots tests/singular
	@$(BIN)/braid contracts check
	@$(BIN)/braid plan lint

format: $(STAMP) ## Let ruff and sqlfluff put the layout right
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .
	@$(BIN)/sqlfluff fix --processes 2 --disable-progress-bar models snapshots tests/singular

ui: $(STAMP) profiles.yml ## Dagster with everything loaded, on http://127.0.0.1:3000
	@mkdir -p .braid/dagster && cp orchestration/dagster.yaml .braid/dagster/dagster.yaml
	@DAGSTER_HOME="$(CURDIR)/.braid/dagster" PYTHONWARNINGS='ignore:Function `dev_command` is superseded' \
		$(BIN)/dagster dev --host 127.0.0.1 $(ARGS)

# Over your own warehouse's serving copy; FILE=… is any other one, such as .braid/demo/braid_serving.duckdb.
dashboard: $(STAMP) profiles.yml ## The dashboards, on http://127.0.0.1:8501
	@BRAID_DASHBOARD_FILE="$(FILE)" $(BIN)/python -m streamlit run dashboard/app.py $(ARGS)

.venv-bench/installed: requirements/bench.txt $(STAMP)
	@$(BIN)/python -m venv .venv-bench
	@.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $<
	@touch $@

bench: $(STAMP) .venv-bench/installed ## Speed as ratios against named references, one JSON line a measure
	@$(BIN)/python -m benchmarks $(ARGS)

torture: $(STAMP) profiles.yml ## Hundreds of seeded kills and faults
	@$(BIN)/python -m pytest -m torture $(ARGS)

lock: $(STAMP) ## Resolve requirements/lock.txt anew from pyproject.toml
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --extra dev \
		--no-header --no-annotate --upgrade pyproject.toml -o requirements/lock.txt
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 \
		--no-header --no-annotate --upgrade requirements/bench.in -o requirements/bench.txt

clean: ## Remove what make made; never a warehouse of yours
	rm -rf $(VENV) .venv-bench target logs .braid/demo .braid/spool .mypy_cache .ruff_cache .hypothesis
