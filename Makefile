# Quittance. `make help` lists what there is to do. Everything happens in .venv; nothing is installed elsewhere.

SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8000
# Where the labeled receipts are (the layout of SROIE, see docs/training.md), and where synthetic ones go.
DATA ?= ../shared/sroie
SYNTHETIC ?= runs/synthetic
SYNTHETIC_COUNT ?= 2000
SPLIT ?= validation
COUNT ?= 100
SAMPLE ?= tests/samples/malaysia.jpg
SOURCES := clients gateway quittance services shared synthesis tests docs deploy $(wildcard benchmarks)

.PHONY: help bench run test test-unit test-end-to-end coverage check check-generators format evaluate train \
	train-detector train-recognizer train-extractor synthesize figures screenshots openapi lock docs clean

help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

run: $(VENV)/.run ## Set up, then start the gateway with the three services inside on port 8000 (PORT=...)
	@$(BIN)/quittance serve all --port $(PORT)

test: $(VENV)/.test ## Set up, then run all tests
	@$(BIN)/python -m pytest

test-unit: $(VENV)/.test ## Run the fast tests only
	@$(BIN)/python -m pytest tests/unit

test-end-to-end: $(VENV)/.test ## Run the tests over HTTP only
	@$(BIN)/python -m pytest tests/end_to_end

coverage: $(VENV)/.dev ## Run the fast tests and report which lines of serving code they cover
	@$(BIN)/coverage erase
	@$(BIN)/coverage run -m pytest tests/unit
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report

check: $(VENV)/.dev ## Check lint, format, types and spelling
	@$(BIN)/ruff check $(SOURCES)
	@$(BIN)/ruff format --check $(SOURCES)
	@$(BIN)/codespell
	@$(BIN)/mypy

format: $(VENV)/.dev ## Format the code and repair what can be repaired
	@$(BIN)/ruff check --fix $(SOURCES)
	@$(BIN)/ruff format $(SOURCES)

bench: $(VENV)/.bench $(VENV)-peers/.installed ## Measure the speed beside RapidOCR and Tesseract (DATA=..., COUNT=...)
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

figures: $(VENV)/.run ## Write the answers, pictures and measures of README and docs again (after make evaluate)
	@$(BIN)/python -m benchmarks.readme --sample $(SAMPLE) --measures runs/evaluation.json
	@$(BIN)/python -m benchmarks.answers

screenshots: $(VENV)/.test ## Take the pictures of the page for the README again (needs Chromium, and the font Inter)
	@$(BIN)/python -m benchmarks.screenshots --output docs/images

openapi: $(VENV)/.run ## Write the OpenAPI schemas of docs/openapi again
	@$(BIN)/python -m quittance.schemas docs/openapi

check-generators: ## Generate clients from docs/openapi with two public generators; fails on a warning (needs npm)
	@clients/check-generators

lock: $(VENV)/.dev ## Lock the packages of the container images (after a change of pyproject.toml)
	@$(BIN)/python deploy/lock.py

docs: $(VENV)/.docs ## Write the documentation as a site into site/
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

clean: ## Remove .venv, caches and build results; runs/ is kept
	rm -rf $(VENV) build dist site *.egg-info .pytest_cache .mypy_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp for each set of packages: .run serves, .test tests, .train trains, .docs writes the site; .dev does all of it and sets them all.
$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Quittance needs Python 3.11 or newer, and $(PYTHON) is $$($(PYTHON) --version 2>&1)."; \
		echo "Name another one, for example: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv $(VENV)

# The peers of `make bench`, apart from what Quittance needs; Tesseract comes from the system's packages.
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
