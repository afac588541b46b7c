# make demo and make test do all their set-up. MODEL, WORKERS and CONFIG may be given: make demo MODEL=openai:gpt-4o-mini
PYTHON := $(or $(HALO_VENV),.venv)/bin/python
CONFIG ?= loop.yaml
MODEL  ?=
TRACES ?= intercode
# Tests run in as many processes as there are cores; a file's tests stay together, since they share what they set up.
# Files come in their order, which has the long ones of browser and flow first: xdist would put them last.
AT_ONCE ?= -n auto --dist loadfile --no-loadscope-reorder

.PHONY: help setup packages example demo test test-all check format bench fuzz clean

help:  ## what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup:  ## virtual environment, pinned packages, browser
	@scripts/setup.sh

packages:  ## virtual environment and pinned packages alone
	@scripts/setup.sh packages

example: packages  ## analyze real runs with a large model's recorded replies, no key; TRACES=intercode or tau-bench
	@$(PYTHON) -m halo_opt analyze examples/analysis/$(TRACES)/traces --out reports/$(TRACES) \
	  --replay examples/analysis/$(TRACES)/replies.jsonl --in-order

demo: setup  ## the whole loop on MiniWoB++ with a local model, no key
	@$(PYTHON) -m halo_opt run --config $(CONFIG) $(if $(MODEL),--model $(MODEL))

test: setup  ## unit, flow, contract and browser tests
	@$(PYTHON) -m pytest $(AT_ONCE)

test-all: setup  ## with the slow ones, a real local model, and property tests on examples drawn anew
	@HYPOTHESIS_PROFILE=fresh $(PYTHON) -m pytest -m '' $(AT_ONCE)

check: setup  ## lint, format, types, import rules
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m ruff format --check .
	@$(PYTHON) -m mypy
	@$(or $(HALO_VENV),.venv)/bin/lint-imports

format: setup  ## format and fix
	@$(PYTHON) -m ruff check --fix .
	@$(PYTHON) -m ruff format .

bench: setup  ## the store against the HALO engine (RUNS: tau-bench runs to make the traces from)
	@$(PYTHON) -m benchmarks.store_bench --sizes 1k 10k --shapes lean fat --repeats 3 $(if $(RUNS),--runs $(RUNS))

fuzz: setup  ## the trace readers on changed lines, drawn anew; SECONDS=60
	@$(PYTHON) benchmarks/fuzz_ingest.py --seconds $(or $(SECONDS),60)

clean:  ## caches; traces, reports and branches stay
	@rm -rf .halo_opt .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
