# `make help` lists the targets. Everything is installed into .venv.

SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8000
# Folders of the labeled receipts (SROIE layout, see docs/training.md) and of the synthetic ones.
DATA ?= ../shared/sroie
SYNTHETIC ?= runs/synthetic
SYNTHETIC_COUNT ?= 2000
SPLIT ?= validation
COUNT ?= 100
SAMPLE ?= tests/samples/malaysia.jpg
# Processes that run tests side by side; see tests/support/schedule.py. Many end-to-end tests wait rather than compute.
# They come first, so that short tests fill the gaps at the end.
WORKERS ?= 3
PYTEST := $(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadgroup --no-loadscope-reorder
SOURCES := benchmarks bulk clients deploy docs gateway quittance services shared synthesis tests

.PHONY: help bench run test test-unit test-end-to-end coverage check check-generators format evaluate train \
	train-detector train-recognizer train-extractor synthesize figures screenshots openapi lock docs clean

help: ## Show this help
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

run: $(VENV)/.run ## Start the gateway with the three services on port 8000 (PORT=...)
	@$(BIN)/quittance serve all --port $(PORT)

test: $(VENV)/.test ## Run all tests (WORKERS=...)
	@$(PYTEST)

test-unit: $(VENV)/.test ## Run the unit tests
	@$(PYTEST) tests/unit

test-end-to-end: $(VENV)/.test ## Run the end-to-end tests
	@$(PYTEST) tests/end_to_end

coverage: $(VENV)/.dev ## Run the unit tests and report the coverage of serving code
	@$(BIN)/coverage erase
	@$(BIN)/coverage run -m pytest tests/unit
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report

check: $(VENV)/.dev ## Check lint, format, types and spelling
	@$(BIN)/ruff check $(SOURCES)
	@$(BIN)/ruff format --check $(SOURCES)
	@$(BIN)/codespell
	@$(BIN)/python .ci/check_phrases.py
	@$(BIN)/mypy

format: $(VENV)/.dev ## Format the code and fix lint errors
	@$(BIN)/ruff check --fix $(SOURCES)
	@$(BIN)/ruff format $(SOURCES)

bench: $(VENV)/.bench $(VENV)-peers/.installed ## Compare the speed with RapidOCR and Tesseract (DATA=..., COUNT=...)
	@$(BIN)/python -m benchmarks.peers --data $(DATA) --split $(SPLIT) --count $(COUNT) \
		--peers-python $(VENV)-peers/bin/python --output docs/speed

evaluate: $(VENV)/.run ## Measure the whole chain on labeled receipts (DATA=..., SPLIT=...)
	@mkdir -p runs
	@$(BIN)/quittance evaluate --data $(DATA) --split $(SPLIT) --output runs/evaluation.json \
		--predictions runs/predictions.jsonl

synthesize: $(VENV)/.run ## Render synthetic receipts (SYNTHETIC_COUNT=..., SYNTHETIC=...)
	@$(BIN)/quittance synthesize --count $(SYNTHETIC_COUNT) --out $(SYNTHETIC) --seed 1

train: train-detector train-recognizer train-extractor ## Train the three models (DATA=..., SYNTHETIC=...)

train-%: $(VENV)/.train
	@$(BIN)/quittance train $* --data $(DATA) $(if $(wildcard $(SYNTHETIC)/split.json),--synthetic $(SYNTHETIC)) \
		--export runs/$*/weights $(TRAIN_ARGS)

figures: $(VENV)/.run ## Update the responses, pictures and measures in README and docs (after make evaluate)
	@$(BIN)/python -m benchmarks.readme --sample $(SAMPLE) --measures runs/evaluation.json
	@$(BIN)/python -m benchmarks.answers

screenshots: $(VENV)/.test ## Update the screenshots of the page (needs Chromium and the font Inter)
	@$(BIN)/python -m benchmarks.screenshots --output docs/images

openapi: $(VENV)/.run ## Update the OpenAPI schemas in docs/openapi
	@$(BIN)/python -m quittance.schemas docs/openapi

check-generators: ## Generate clients from docs/openapi with two public generators; warnings are errors (needs npm)
	@clients/check-generators

check-kubernetes: $(VENV)/.test ## Check what Kubernetes needs operators for against their schemas (needs npm)
	@KUBECTL=$(CURDIR)/$(BIN)/kubectl deploy/kubernetes/check-schemas

lock: $(VENV)/.dev ## Lock the packages of the container images (after changing pyproject.toml)
	@$(BIN)/python deploy/lock.py

docs: $(VENV)/.docs ## Build the documentation into site/
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

clean: ## Remove .venv, caches and build results, but not runs/
	rm -rf $(VENV) build dist site *.egg-info .pytest_cache .mypy_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# One stamp per set of packages: .run, .test, .train, .bench and .docs; .dev includes all but .bench.
$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Quittance needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1)."; \
		echo "Choose another interpreter, for example: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv $(VENV)

# A separate environment for the peers of `make bench`. Tesseract is a system package.
$(VENV)-peers/.installed: Makefile
	@command -v tesseract >/dev/null || { echo "Tesseract is missing: apt-get install tesseract-ocr"; exit 1; }
	@$(PYTHON) -m venv $(VENV)-peers
	@$(VENV)-peers/bin/python -m pip install --quiet --disable-pip-version-check rapidocr==3.10.0 onnxruntime==1.31.1 \
		openvino==2026.4.1
	@touch $@

$(VENV)/.run $(VENV)/.test $(VENV)/.train $(VENV)/.bench $(VENV)/.docs $(VENV)/.dev: pyproject.toml | $(VENV)/bin/python
	@echo "Installing into $(VENV); the first time takes a few minutes."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--editable '.$(if $(filter-out run,$(subst .,,$(@F))),[$(subst .,,$(@F))])'
	@touch $@ $(if $(filter .dev,$(@F)),$(addprefix $(VENV)/,.run .test .train .docs))
