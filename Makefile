# Sets up and runs everything; needs Python 3.11 or newer (with venv and pip), make and bash.
# `make help` lists the targets.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

# The interpreter that makes the environment: `make demo PYTHON=/path/to/python3.12`.
PYTHON = $(shell for name in python3.11 python3 python3.12 python3.13 python3.14; do \
  "$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
  && { command -v "$$name"; exit; }; done; echo python3)
# Pins of every package; `make demo CONSTRAINTS=/dev/null` takes the newest that fit instead.
CONSTRAINTS := constraints.txt
# The virtual environment, and further arguments: `make test ARGS="tests/flow -k offsets"`.
VENV := .venv
CLUSTER_VENV := .venv-cluster
PEERS_VENV := .venv-peers
FUZZ_VENV := .venv-fuzz
TRAIN_VENV := .venv-train
ARGS :=

BIN := $(VENV)/bin
# Modules are run by the environment's interpreter, so its folder need not be on PATH.
PY := $(BIN)/python
CHC := $(PY) -m chc_gating.cli
INSTALL_PINNED := install --quiet --disable-pip-version-check -c $(CONSTRAINTS)

.PHONY: help demo test check bench big-slide many-cells calibrate docs-tables train leave-out
.PHONY: fuzz test-cluster lock clean

help:  ## list these targets
	@sed -n 's/^\([a-z-]*\):.*  ## \(.*\)/make \1|\2/p' Makefile | column -t -s '|' 2>/dev/null \
	  || sed -n 's/^\([a-z-]*\):.*  ## \(.*\)/make \1: \2/p' Makefile

# --- set-up: each stamp holds until the dependencies or their pins change ---

$(VENV)/.installed: pyproject.toml constraints.txt
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "chc_gating needs Python 3.11 or newer; $(PYTHON) is" \
	    "$$("$(PYTHON)" --version 2>&1 || echo absent)." \
	    "Name another: make PYTHON=/path/to/python3.11" >&2; exit 2; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "$(PYTHON) comes without venv (on Debian: apt-get install python3-venv)" >&2; exit 2; }
	"$(PYTHON)" -m venv $(VENV)
	$(PY) -m pip $(INSTALL_PINNED) -e .
	$(CHC) warm
	touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(PY) -m pip $(INSTALL_PINNED) -e '.[test,czi,nd2]'
	touch $@

# The Slurm plugin slows every start of Snakemake (it asks the cluster for its settings when it is
# imported), so it has an environment of its own.
$(CLUSTER_VENV)/.installed: pyproject.toml constraints.txt | $(VENV)/.installed
	"$(PYTHON)" -m venv $(CLUSTER_VENV)
	$(CLUSTER_VENV)/bin/python -m pip $(INSTALL_PINNED) -e '.[cluster]'
	touch $@

# Peers that pin numpy below 2, and so cannot stand beside the project.
$(PEERS_VENV)/.installed: benchmarks/peers.txt
	"$(PYTHON)" -m venv $(PEERS_VENV)
	$(PEERS_VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	touch $@

$(FUZZ_VENV)/.installed: pyproject.toml constraints.txt
	"$(PYTHON)" -m venv $(FUZZ_VENV)
	$(FUZZ_VENV)/bin/python -m pip $(INSTALL_PINNED) -e '.[fuzz]'
	touch $@

$(TRAIN_VENV)/.installed: training/requirements.txt
	"$(PYTHON)" -m venv $(TRAIN_VENV)
	$(TRAIN_VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	touch $@

# --- the main job on the demo batch ---

demo: data/demo/truth.tsv  ## simulate the demo batch, count it, compare the counts with truth
	$(PY) -m snakemake --cores all --quiet rules $(ARGS)
	$(CHC) measure $(SLIDE) --panel $(SLIDE_PANEL) \
	  --labels data/demo/true-outlines/P02-T2-S --output $(TRUE_OUTLINES)
	$(CHC) gate-image $(TRUE_OUTLINES) --slide $(SLIDE) --panel $(SLIDE_PANEL) \
	  --gates config/gates/chc-slide.yaml --labels data/demo/true-outlines/P02-T2-S \
	  --output $(TRUE_OUTLINES)
	$(CHC) compare results --truth data/demo/truth.tsv
	@echo "Page of the batch: results/batch/report.html"

# The slide is measured a second time on its true outlines, to tell the errors of finding nuclei
# from those of everything after it.
SLIDE := data/demo/p02-t2.ome.tif
SLIDE_PANEL := config/panels/if4.yaml
TRUE_OUTLINES := results/true-outlines/P02-T2-S

data/demo/truth.tsv: config/simulation.yaml $(wildcard config/panels/*.yaml config/gates/*.yaml \
  chc_gating/simulate/*.py) | $(VENV)/.installed
	$(CHC) simulate config/simulation.yaml --output data/demo

# --- for developers ---

test: $(VENV)/.installed-test  ## run all tests
	$(PY) -m pytest -n 2 $(ARGS)

check: $(VENV)/.installed-test  ## style, types, layers and the workflow's lint
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(BIN)/lint-imports
	$(BIN)/snakefmt --check Snakefile workflow
	$(PY) -m snakemake --lint

bench: $(VENV)/.installed-test $(PEERS_VENV)/.installed  ## measure against peers; docs/performance*.md
	$(PY) benchmarks/bench_flow.py --peers $(PEERS_VENV)/bin/python --output docs/performance.md \
	  $(ARGS)
	$(PY) benchmarks/bench_slide.py --output docs/performance-slides.md $(ARGS)

big-slide: $(VENV)/.installed-test  ## run a slide of 40,000 px (15 GB on disk, not kept)
	$(PY) benchmarks/big_slide.py --output docs/performance-slides.md $(ARGS)

many-cells: $(VENV)/.installed-test  ## gate slides of up to ten million cells (5 GB, not kept)
	$(PY) benchmarks/many_cells.py --output docs/performance-slides.md $(ARGS)

calibrate: $(VENV)/.installed  ## simulate studies, write their coverage into docs/statistics.md
	$(PY) benchmarks/calibrate.py $(ARGS)

docs-tables: $(VENV)/.installed-test $(PEERS_VENV)/.installed  ## write the measured tables of docs/
	$(PY) benchmarks/quirk_table.py --peers $(PEERS_VENV)/bin/python $(ARGS)
	$(PY) benchmarks/isac_table.py
	$(PY) benchmarks/slide_truth.py
	$(PY) -m benchmarks.stitching_tables

# The pictures that the network of nuclei is trained on, and how many threads train it.
DSB := ../shared/data/image/dsb2018
TRAIN_THREADS := 2
TRAIN := PYTHONPATH="$(CURDIR)" $(TRAIN_VENV)/bin/python training/
train: $(TRAIN_VENV)/.installed  ## train the network of nuclei, ship the best, write the model card
	$(TRAIN)train.py --data "$(DSB)" --output training/run --threads $(TRAIN_THREADS) $(ARGS)
	$(TRAIN)select_model.py --data "$(DSB)" --run training/run
	$(TRAIN)evaluate.py --data "$(DSB)"

leave-out: $(TRAIN_VENV)/.installed  ## train briefly without each microscope; write the model card
	$(TRAIN)leave_out.py --data "$(DSB)" --output training/left-out --threads $(TRAIN_THREADS) $(ARGS)
	$(TRAIN)evaluate.py --data "$(DSB)"

# `make fuzz FUZZ_S=3600` runs for an hour; atheris has wheels for Linux on x86.
FUZZ_S := 120
fuzz: $(FUZZ_VENV)/.installed  ## read damaged FCS files until FUZZ_S seconds are over
	$(FUZZ_VENV)/bin/python tests/fuzz/fuzz_fcs.py -max_total_time=$(FUZZ_S) $(ARGS)

test-cluster: $(CLUSTER_VENV)/.installed data/demo/truth.tsv  ## the demo batch through a real Slurm
	PYTHON="$(CURDIR)/$(CLUSTER_VENV)/bin/python" tests/cluster/run.sh

lock: | $(VENV)/.installed  ## write constraints.txt anew from the newest packages that fit
	folder="$$(mktemp -d)"; trap 'rm -rf "$$folder"' EXIT; \
	"$(PYTHON)" -m venv "$$folder/venv"; \
	"$$folder/venv/bin/python" -m pip install --quiet '.[test,cluster,fuzz,czi,nd2]'; \
	sed '/^[^#]/,$$d' constraints.txt > "$$folder/constraints.txt"; \
	"$$folder/venv/bin/python" -m pip freeze --exclude chc_gating >> "$$folder/constraints.txt"; \
	if grep -n -e '@' -e '^-' "$$folder/constraints.txt"; then \
	  echo "these lines pin no release (listed above); constraints.txt is left as it was" >&2; exit 1; \
	fi; \
	cp "$$folder/constraints.txt" constraints.txt

clean:  ## remove the environment, the demo data and its results
	rm -rf $(VENV) $(CLUSTER_VENV) $(PEERS_VENV) $(FUZZ_VENV) $(TRAIN_VENV) training/run \
	  training/left-out data/demo results logs benchmarks/*/ .snakemake
	rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
