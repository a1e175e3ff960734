# `make demo` and `make test` create the virtual environment that they need.
VENV ?= .venv
PYTHON ?= python3
CORES ?= 2
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test format schema dag clean-demo

demo: $(READY)  ## run the whole pipeline on the synthetic dataset and print the scores
	$(BIN)/snakemake --cores $(CORES)
	@$(BIN)/bes scores results/demo/base/evaluation
	@echo "report: results/demo/base/report/index.html"

test: $(READY)  ## formatting, lint, types and all tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/mypy
	$(BIN)/pytest

format: $(READY)  ## format code and rules, and write the schema of the configuration anew
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile workflow
	$(BIN)/bes schema > workflow/schemas/config.schema.yaml

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@
