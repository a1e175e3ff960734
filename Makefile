# `make demo` and `make test` create the virtual environment that they need.
VENV ?= .venv
PYTHON ?= python3
CORES ?= 2
BIN := $(VENV)/bin
READY := $(VENV)/.ready
SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
# Installs Debian packages; what is there already is left alone.
INSTALL := apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends

.PHONY: demo test test-slurm test-consumers format dag docs

demo: $(READY)  ## run the whole pipeline on the synthetic dataset and print the scores
	$(BIN)/snakemake --cores $(CORES)
	@$(BIN)/bes scores results/demo/base/evaluation
	@echo "report: results/demo/base/report/page/index.html"

test: $(READY)  ## formatting, lint, types and all tests; those of the page need Chromium and those of a storage rsync, which root on Debian gets
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/mypy
	@command -v chromium > /dev/null || ! command -v apt-get > /dev/null || test "$$(id -u)" != 0 || { $(INSTALL) chromium; }
	@command -v rsync > /dev/null || ! command -v apt-get > /dev/null || test "$$(id -u)" != 0 || { $(INSTALL) rsync; }
	OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses $(CORES) --dist loadfile

test-slurm: $(READY)  ## the workflow on a SLURM of one node with two pretended GPUs; needs root on Debian
	@test -x /usr/sbin/slurmctld -a -x /usr/sbin/slurmd -a -x /usr/sbin/munged || { $(INSTALL) slurm-wlm munge; }
	$(BIN)/pytest -m slurm tests/slurm

test-consumers: $(READY)  ## the export for mmsegmentation, read by mmsegmentation
	$(BIN)/pip install --quiet --no-deps --requirement tests/export/consumers.txt
	$(BIN)/pytest -m consumers tests/export

format: $(READY)  ## format code and rules, and write the schema and the tables of the keys anew
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile workflow
	$(BIN)/bes schema > workflow/schemas/config.schema.yaml
	sed -i '/^### Top of the file/,$$d' config/README.md
	$(BIN)/bes schema --markdown >> config/README.md

# What the site shows, and what its pages link to.
PAGES = README.md config/README.md profiles/README.md docs/*.md docs/img examples/*.ipynb CITATION.cff LICENSE

docs: $(READY)  ## the site of the documentation: site/html/index.html; a broken link is an error
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[docs]'
	rm -rf site
	mkdir -p site/pages
	cp -r --parents $(PAGES) site/pages
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# The order of Snakemake's edges, and with it the picture, varies with the hash seed.
GRAPH = PYTHONHASHSEED=0 $(BIN)/snakemake
DRAW = sed 's/fontname=sans,/fontname="Helvetica,Arial,sans-serif",/' | dot -Granksep=0.3 -Tsvg
# Of the rules: without `all`, and without the arrows from the dataset to each rule and from each
# rule to the report. Of the jobs: without arrows that other arrows imply.
FEWER = N[label == "all"] { delete($$G, $$) } \
	E[(tail.label == "dataset" && head.label != "classifier") || \
	(head.label == "report" && tail.label != "evaluation")] { delete($$G, $$) }

dag: $(READY)  ## draw the rules and the demo's jobs: docs/img/rulegraph.svg, docs/img/dag.svg
	@command -v dot > /dev/null || { $(INSTALL) graphviz; }
	$(GRAPH) --rulegraph | gvpr -c '$(FEWER)' | $(DRAW) > docs/img/rulegraph.svg
	$(GRAPH) --dag --forceall | tred | $(DRAW) > docs/img/dag.svg

# pydensecrf2, which the dense CRF is compared with, has no wheels, and asks for a Cython that Python 3.13 no
# longer compiles; with a newer one it builds where there is a compiler.
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt cython setuptools wheel numpy
	$(BIN)/pip install --quiet --constraint constraints.txt --no-build-isolation pydensecrf2 || \
		echo "pydensecrf2 does not build here: the dense CRF does without, its comparisons are skipped"
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@
