# `make` prints what there is to do. PYTHON, VENV and, for bench, evaluate,
# screenshots, worlds and mutants, ARGS may be set:
#   make test PYTHON=python3.13 VENV=.venv313
#   make bench ARGS="--only retrieval,ingest"

PYTHON ?= python3
VENV   ?= .venv
PY     := $(VENV)/bin/python
PIP    := $(PY) -m pip install -qq --disable-pip-version-check
STAMP  := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help setup system demo dashboard up down screenshots test check bench evaluate worlds mutants format docs guides lock sample-data clean

help: ## Print this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP) ## Create .venv from requirements.lock (again only when that changes)

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed; name one with PYTHON=..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@echo "installing the packages of requirements.lock into $(VENV) (about a minute)"
	@$(PIP) --no-deps --require-hashes --only-binary :all: --no-compile -r requirements.lock
	@$(PIP) --no-deps --no-build-isolation --no-index -e .
	@touch $@

demo: $(STAMP) ## Ingest the sample trials, recommend, write demo/report.html, and run a runbook
	rm -rf .demo && mkdir -p .demo
	TRADINGKB_HOME=.demo $(PY) -m tradingkb demo --out demo/
	TRADINGKB_HOME=.demo $(PY) -m tradingkb runbook run 09_reconcile_and_health -p dry_run=false

dashboard: $(STAMP) ## Open the dashboard on the demo's store (or TRADINGKB_HOME=..., TRADINGKB_SERVICE_URL=...)
	TRADINGKB_HOME=$${TRADINGKB_HOME:-.demo} $(PY) -m streamlit run dashboard/app.py

up: ## Start the servers of compose.yaml with Docker; makes .env where it is missing
	.ci/compose up

down: ## Stop them again; the data stay in their volumes
	.ci/compose down

screenshots: $(STAMP) ## Take pictures of every page of the dashboard (ARGS=--readme: the README's two)
	$(PY) .ci/screenshots.py $(ARGS)

system: ## Install the Debian packages that some tests need: a browser, a Redis server, a proxy
	.ci/system

# Nothing is compiled by `make setup`, and the tests start some fifty processes: they share what the
# first of them compiles, whatever the environment says, and leave no trace of it among the sources.
test: export PYTHONDONTWRITEBYTECODE =
test: export PYTHONPYCACHEPREFIX = $(abspath $(VENV))/pycache
# The cores are taken by the two workers (three are no faster): threads of NumPy beside them wait for
# each other, busily.
test: export OPENBLAS_NUM_THREADS = 1
test: $(STAMP) ## Run the tests, the guides in notebooks/guides included
	$(PY) -m pytest -n 2 --dist loadfile --no-loadscope-reorder --nbval --nbval-current-env \
	  --nbval-cell-timeout=180 --nbval-sanitize-with=tests/nbval_sanitize.cfg

check: $(STAMP) ## Style, types and import contracts
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(VENV)/bin/lint-imports --no-logo --no-cache

bench: $(STAMP) ## Compare speed and memory with peers and limits (ARGS="--quick", "--write")
	$(PY) -m tradingkb.bench $(ARGS)

evaluate: $(STAMP) ## Replay the sample trials: what advice was worth (ARGS=--write for the page)
	$(PY) .ci/evaluation.py $(ARGS)

worlds: $(STAMP) ## Ask in worlds whose truth is known (ARGS="--only rolling --repeats 20")
	$(PY) -m tradingkb.testing.worlds $(ARGS)

mutants: $(STAMP) ## Name the small changes that the tests miss (ARGS="tradingkb/domain/lifecycle.py")
	$(PY) .ci/mutants.py $(ARGS)

format: $(STAMP) ## Sort imports and format the code
	$(PY) -m ruff check --select I --fix .
	$(PY) -m ruff format .

docs: $(STAMP) ## Write the generated parts of notebooks/reference again
	$(PY) .ci/docs

guides: $(STAMP) ## Execute the guides again and write their outputs
	$(PY) .ci/guides.py

lock: $(STAMP) ## Resolve requirements.lock again (installs uv into .venv when missing)
	@test -x $(VENV)/bin/uv || $(PIP) uv
	$(VENV)/bin/uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 \
	  --upgrade --fork-strategy fewest --generate-hashes --no-header --no-annotate \
	  --no-emit-index-url --no-config --quiet --output-file requirements.lock

sample-data: $(STAMP) ## Make data/ohlcv and data/trials.parquet again from their sources
	$(PY) data/make_sample.py

clean: ## Remove the environment and everything generated that is not committed
	rm -rf $(VENV) .demo demo screenshots dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
