# `make demo` and `make test` create the virtual environment that they need; the demo needs less of it.
VENV ?= .venv
PYTHON ?= python3
CORES ?= 2
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# With what develops and tests it.
DEV := $(VENV)/.dev
SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
# Installs Debian packages; what is there already is left alone.
INSTALL := apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends

# Which build of PyTorch: 1 that of the package index in use, which has CUDA; 0 one without CUDA and cu126
# one for CUDA 12.6, if the index has them.
CUDA ?= $(if $(wildcard /proc/driver/nvidia/version /dev/dxg),1,0)
BUILD := $(if $(filter 0,$(CUDA)),cpu,$(filter cu%,$(CUDA)))

.PHONY: demo lint test test-slurm test-consumers format dag docs

demo: $(READY)  ## run the whole pipeline on the synthetic dataset and print the scores
	$(BIN)/snakemake --cores $(CORES)
	@$(BIN)/bes scores results/demo/base/evaluation
	@echo "report: results/demo/base/report/page/index.html"

lint: $(DEV)  ## formatting, lint and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/mypy

test: lint  ## that and all tests; those of the page need Chromium, which root on Debian gets
	@command -v chromium > /dev/null || ! command -v apt-get > /dev/null || test "$$(id -u)" != 0 || { $(INSTALL) chromium; }
	@command -v rsync > /dev/null || ! command -v apt-get > /dev/null || test "$$(id -u)" != 0 || { $(INSTALL) rsync; }
	@# One process more than there are cores: a workflow's test waits for jobs, one after another.
	OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses $$(( $(CORES) + 1 )) --dist loadfile --no-loadscope-reorder

test-slurm: $(DEV)  ## the workflow on a SLURM of one node with two pretended GPUs; needs root on Debian
	@test -x /usr/sbin/slurmctld -a -x /usr/sbin/slurmd -a -x /usr/sbin/munged || { $(INSTALL) slurm-wlm munge; }
	$(BIN)/pytest -m slurm tests/slurm

test-consumers: $(DEV)  ## exports, read by mmsegmentation and by annotation tools
	$(BIN)/pip install --quiet --no-deps --requirement tests/export/consumers.txt \
		--requirement tests/export/tools.txt
	QT_QPA_PLATFORM=offscreen $(BIN)/pytest -m "consumers or not slurm" tests/export

format: $(DEV)  ## format code and rules, and write the schema and the tables of the keys anew
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile workflow
	$(BIN)/bes schema > workflow/schemas/config.schema.yaml
	sed -i '/^### Top of the file/,$$d' config/README.md
	$(BIN)/bes schema --markdown >> config/README.md

# What the site shows, and what its pages link to.
PAGES = README.md config/README.md profiles/README.md docs/*.md docs/img examples/*.ipynb CITATION.cff LICENSE CONTRIBUTING.md CHANGELOG.md

docs: $(DEV)  ## the site of the documentation: site/html/index.html; a broken link is an error
	$(PIP) --editable '.[docs]' $(SHORT)
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

dag: $(READY)  ## draw the rules, those of options among them, and the demo's jobs: docs/img/rulegraph.svg, docs/img/dag.svg
	@command -v dot > /dev/null || { $(INSTALL) graphviz; }
	$(GRAPH) --rulegraph --config goal=predictions 'teacher_maps={source: teacher}' | gvpr -c '$(FEWER)' | $(DRAW) > docs/img/rulegraph.svg
	$(GRAPH) --dag --forceall | tred | $(DRAW) > docs/img/dag.svg

PIP = $(BIN)/pip install --disable-pip-version-check --progress-bar off --constraint constraints.txt
# Of pip's words what it is doing: on a terminal in one line, elsewhere a line for each package.
SHORT = | awk -v one=$$(test -t 2 && echo 1) 'BEGIN { move = one ? "\r\033[K" : ""; end = one ? "" : "\n" } \
	/^ *(Downloading|Using cached|Building wheel for|Installing collected)/ \
	{ sub(/^ */, ""); printf "%s  %s%s", move, substr($$0, 1, 72), end; fflush() } END { if (one) printf "\r\033[K" }'
VERSION = $(shell sed -n 's/^$(1)==//p' constraints.txt)
TORCH = $(foreach name,torch torchvision,$(name)==$(call VERSION,$(name))+$(BUILD))

$(READY): pyproject.toml setup.py constraints.txt
	$(PYTHON) -m venv $(VENV)
ifneq ($(BUILD),)
	@echo "PyTorch, build $(BUILD); another one: rm -r $(VENV); make demo CUDA=1"
	@$(PIP) $(TORCH) 2> $(VENV)/torch.log $(SHORT) || \
		echo "  the package index in use has no such build: the one that it has, with CUDA, is 3 GB to download"
endif
	@echo "what the workflow needs"
	@$(PIP) --editable . $(SHORT)
	touch $@

# pydensecrf2, which the dense CRF is compared with, has no wheels, and asks for a Cython that Python 3.13 no
# longer compiles; with a newer one it builds where there is a compiler.
$(DEV): $(READY)
	@echo "what the tests need"
	@$(PIP) cython setuptools wheel $(SHORT)
	@$(PIP) --no-build-isolation pydensecrf2 > $(VENV)/pydensecrf.log 2>&1 || \
		echo "  pydensecrf2 does not build here: the dense CRF does without, its comparisons are skipped"
	@$(PIP) --editable '.[dev]' $(SHORT)
	touch $@
