# Two commands matter: `make demo` and `make test`. Everything they need they install into .venv.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq
DEMO := demo
DEMO_OPTIONS := --config pcaps/shadowai.toml --lake $(DEMO)/lake

# Tests and the demo start many commands; where the environment forbids keeping bytecode, each would compile
# all of our modules anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test lint kernels bench lab clean
.DELETE_ON_ERROR:

demo: .venv/.installed  ## scan pcaps/ and write demo/weekly-report.html
	@mkdir -p $(DEMO)
	@$(BIN)/shadowai scan pcaps $(DEMO_OPTIONS) --state $(DEMO)/state
	@$(BIN)/shadowai report $(DEMO_OPTIONS) --out $(DEMO)/weekly-report.html >/dev/null
	@printf '\nThe weekly report: %s\n\nNext:\n' $(DEMO)/weekly-report.html
	@printf '  %s\n' \
	  '$(BIN)/shadowai sql --lake $(DEMO)/lake "SELECT service, people, bytes_up FROM usage_weekly WHERE department = '"'all'"' AND app <> '"'all'"' ORDER BY week DESC, bytes_up DESC LIMIT 10"' \
	  '$(BIN)/shadowai catalog explain api.openai.com' \
	  '$(BIN)/shadowai scan YOUR.pcap YOUR-LOGS/ --lake my-lake'

test: .venv/.dev  ## lint, types and tests; installs system packages too when root
	@sh tests/system-packages.sh
	@$(MAKE) --no-print-directory -j3 lint kernels .venv-duckdb15/.installed
	@SHADOWAI_TEST_DUCKDB15_PYTHON=$(CURDIR)/.venv-duckdb15/bin/python $(BIN)/python -m pytest -n auto --maxprocesses=4 --dist=loadfile --max-worker-restart=0

lint: .venv/.dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

# Compiled once, beside the one process of mypy; otherwise each worker of the tests compiles them.
kernels: .venv/.dev
	@$(BIN)/shadowai warm >/dev/null

# BENCH_OPTIONS="--megabytes 100 --runs 1" makes the long ones short.
bench: .venv/.dev .venv-bench/.installed  ## benchmarks, each against a peer run in the same session
	@sh tests/bench/peers.sh
	@for bench in tests/bench/bench_decode.py tests/bench/bench_scan.py; do \
	  echo "== $$bench"; $(BIN)/python $$bench $(BENCH_OPTIONS) || exit 1; done
	@for bench in live flows start logs follow marts who match; do \
	  echo "== tests/bench/bench_$$bench.py"; $(BIN)/python tests/bench/bench_$$bench.py || exit 1; done

lab: .venv/.dev  ## record pcaps/ anew (root, Linux)
	@$(BIN)/python -m tests.lab --out pcaps

clean:
	rm -rf .venv .venv-lab .venv-bench .venv-duckdb15 $(DEMO) dist .mypy_cache .ruff_cache .pytest_cache .hypothesis

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; name one with make PYTHON=…") if sys.version_info < (3, 11) else None'
	@$(PYTHON) -m venv .venv

.venv/.installed: requirements.lock pyproject.toml | .venv/bin/python
	@echo 'installing into .venv …'
	@$(PIP) install --require-hashes -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

.venv/.dev: requirements-dev.lock .venv/.installed
	@echo 'installing what the tests need …'
	@$(PIP) install --no-compile --require-hashes -r requirements-dev.lock
	@touch $@

# The older DuckDB that analysts may still have; the views must read the same there.
.venv-duckdb15/.installed: | .venv/bin/python
	@$(PYTHON) -m venv .venv-duckdb15
	@.venv-duckdb15/bin/python -m pip --disable-pip-version-check --quiet install 'duckdb==1.5.6' 'pytz==2026.6'
	@touch $@

# nfstream, a peer of the benchmarks, wants other versions of what we use.
.venv-bench/.installed: | .venv/bin/python
	@$(PYTHON) -m venv .venv-bench
	@.venv-bench/bin/python -m pip --disable-pip-version-check --quiet install 'nfstream==6.6.*'
	@touch $@
