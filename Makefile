# make demo: set up everything and run the main job on the embedded data.
# make check: set up everything and run what CI runs. Both work on a fresh Debian with Python 3.11 and pip, root or not.
SHELL := /bin/bash
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
MLFLOW_VENV ?= .venv-mlflow
RIVALS_VENV ?= .venv-rivals
# Without a GPU: make demo TORCH_INDEX=https://download.pytorch.org/whl/cpu spares 5 GB of CUDA packages.
TORCH_INDEX ?=
INDEX := $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX),)
# Compiled modules are kept, whatever the shell says: each process would compile the package anew.
unexport PYTHONDONTWRITEBYTECODE
DEMO_OUT ?= out/demo

.PHONY: demo check setup system test-tools lint types floors docs docs-figures test thorough test-slow coverage mlflow conformance wheel-smoke container-smoke dist golden-bundle samples check-samples selftest coverage-study study tissue-audit scale-study bench publish-bench bench-streaming clean help

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-14s %s\n", $$1, $$2}'

setup: system $(STAMP) ## virtual environment and system libraries

system:
	@bash tools/install-system-libraries.sh run

test-tools: | system
	@bash tools/install-system-libraries.sh test

# torch first and from the constraints, so that torchvision, which medmnist asks for, takes the one that fits it. Not
# compiled on installing: most of it is never imported, and what is imported is compiled then.
$(STAMP): pyproject.toml constraints.txt | system
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -c constraints.txt $(INDEX) torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -c constraints.txt $(INDEX) -e '.[dev]'
	@touch $@

demo: setup ## audit the embedded breast-cytology data and open-ready report in out/demo
	@$(BIN)/unlearn-audit run --policy policies/breast-cytology.yaml --out $(DEMO_OUT) --force; code=$$?; \
	case $$code in \
	  0) echo "demo: the verdict was PASS (exit code 0)";; \
	  1) echo "demo: the verdict was FAIL (exit code 1): that is a result, not an error";; \
	  3) echo "demo: the verdict was INCONCLUSIVE (exit code 3): that is a result, not an error";; \
	  *) echo "demo: the audit could not be completed (exit code $$code)"; exit $$code;; \
	esac

# First set-up and what uses one core, two at a time; then the tests, on all cores, in one session that shares what is
# costly to make.
check: ## all that CI runs
	@$(MAKE) --no-print-directory --jobs=2 setup test-tools
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target lint mlflow types floors docs wheel-smoke
	@$(MAKE) --no-print-directory coverage

lint: setup ## ruff
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup ## mypy --strict
	$(BIN)/mypy

floors: setup ## import-linter: modules import only from lower floors
	$(BIN)/lint-imports

# strict: a lost link, figure or page stops it. The variable silences advertising of the theme, not warnings.
docs: setup ## the documentation as a site, in build/site
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

docs-figures: setup ## figures, tables and passages of docs/ that follow from code and published studies
	$(BIN)/python -m tools.docs_figures

# worksteal: neighbours stay in one process and share what is costly to make; an idle process takes over the rest.
PYTEST := $(BIN)/python -m pytest -n auto --dist worksteal

test: setup test-tools ## the fast tests
	$(PYTEST)

thorough: setup test-tools ## what the fast tests leave out and CI runs: whole audits, flipped bits, PDF/A, cluster
	$(PYTEST) -m thorough

test-slow: setup ## everything, the longer studies as well
	$(PYTEST) -m ""

coverage: setup test-tools ## the fast and the thorough tests, with branch coverage of the fast ones
	$(PYTEST) -m "not slow" --cov --cov-report=term:skip-covered

# An environment of its own: MLflow's upper limits (pyarrow, importlib_metadata, python-dateutil) lie below our pins.
$(MLFLOW_VENV)/.installed: pyproject.toml constraints-mlflow.txt
	@test -x $(MLFLOW_VENV)/bin/python || $(PYTHON) -m venv $(MLFLOW_VENV)
	$(MLFLOW_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-compile -c constraints-mlflow.txt -e '.[mlflow]' mlflow pytest
	@touch $@

mlflow: setup $(MLFLOW_VENV)/.installed ## publishing, against a real MLflow server on the loopback
	UNLEARN_AUDIT=$(abspath $(BIN))/unlearn-audit $(MLFLOW_VENV)/bin/python -m pytest -q -m "" tests/publishing

conformance: setup ## of the thorough tests, PDF/A-3a and PDF/UA-1 by veraPDF's engine (skips without a JDK)
	$(BIN)/python -m pytest -m "" tests/formats/test_formats_conformance.py

wheel-smoke: setup ## build sdist and wheel, check both, install the wheel alone into a fresh environment, judge and render from it
	bash tools/smoke-test-wheel.sh $(BIN)/python

container-smoke: ## build the image of the gate; judge, sign and verify in it (skips where neither docker nor podman nor buildah answers)
	bash tools/smoke-test-container.sh

dist: setup ## what a release uploads, in dist/: sdist, wheel, and the SBOM of what it is tested with
	rm -rf dist
	$(BIN)/python -m build --outdir dist .
	$(BIN)/python -m twine check --strict dist/*
	$(BIN)/check-wheel-contents dist/*.whl
	$(BIN)/python tools/make_sbom.py dist/*.whl dist/unlearn-audit.cdx.json

samples: setup ## make sample_reports/ anew from the embedded data
	bash tools/make-samples.sh $(BIN) sample_reports

golden-bundle: setup ## once for each release: the bundle that must verify for ever
	$(BIN)/python tools/make_golden_bundle.py

check-samples: setup ## the committed samples say what their evidence says, byte for byte
	$(BIN)/python -m pytest -q -m "not slow" tests/samples

selftest: setup test-tools ## how often does the gate decide wrongly? docs/appendix/selftest.*, 30 minutes of processor time
	$(BIN)/python tools/publish_selftest.py
	$(BIN)/python -m tools.docs_figures

coverage-study: setup ## do the deciding bounds cover? docs/appendix/coverage.*, 20 minutes of processor time
	$(BIN)/python -m benchmarks.coverage
	$(BIN)/python -m tools.docs_figures

study: setup ## a study of methods, published: make study STUDY=skin DATA=dermamnist.npz
	$(BIN)/unlearn-audit study studies/$(STUDY).yaml --data $(DATA) --out out/study-$(STUDY)
	$(BIN)/python tools/publish_study.py out/study-$(STUDY)/study.json
	$(BIN)/python -m tools.docs_figures

tissue-audit: setup ## the audit of a thousand tiles, published: make tissue-audit DATA=pathmnist_sample_28.npz
	$(BIN)/python -m tools.docs_tissue $(DATA)
	ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 MKL_ENABLE_INSTRUCTIONS=AVX2 $(BIN)/python -m tools.docs_tissue $(DATA)
	$(BIN)/python -m tools.docs_figures

scale-study: setup ## what an audit costs as data grow: docs/appendix/scale.json, on a quiet machine
	$(BIN)/python -m benchmarks.scale
	$(BIN)/python -m tools.docs_figures

# An environment of its own: what is compared with is no dependency of this project. sacroml needs matplotlib, unsaid.
$(RIVALS_VENV)/.installed: pyproject.toml constraints.txt
	@test -x $(RIVALS_VENV)/bin/python || $(PYTHON) -m venv $(RIVALS_VENV)
	$(RIVALS_VENV)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt $(INDEX) torch
	$(RIVALS_VENV)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt $(INDEX) \
	  -e '.[train,plot]' sacroml==2.0.1 adversarial-robustness-toolbox==1.20.1
	@touch $@

bench: system $(RIVALS_VENV)/.installed ## ratios against the libraries one would otherwise use
	$(RIVALS_VENV)/bin/python -m benchmarks

publish-bench: system $(RIVALS_VENV)/.installed ## the same, and docs/appendix/bench.json for the README: on a quiet machine
	$(RIVALS_VENV)/bin/python -m benchmarks --publish

bench-streaming: setup ## memory of a case on 100,000 images; about half an hour, 16 GB of disk
	$(BIN)/python -m benchmarks.streaming

clean: ## remove what was built
	rm -rf build dist out .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
