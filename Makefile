# From a fresh clone: `make demo` shows the main job, `make test` checks the tree, `make lab` opens the notebooks.
# `make demo TORCH_INDEX=https://download.pytorch.org/whl/cpu` takes torch from an index of its own: the build for the
# processor alone is a tenth of the size. It holds for a new .venv; later calls find torch there.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SETTINGS := settings.ini setup.py pyproject.toml
OUT ?= runs/demo
TORCH_INDEX ?=
TORCH_PACKAGES ?= torch torchvision
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: help demo test test-slow types coverage docs lab install install-dev install-predict clean
help:
	@echo "make demo | test | test-slow | types | coverage | docs | lab | install-predict | clean"
	@echo "PYTHON=$(PYTHON), environment in $(VENV); TORCH_INDEX=URL takes torch from there"

# The stamps make a second call reuse what the first installed; a newer settings.ini or setup.py installs again.
$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "mtpkd needs Python 3.11 or newer, found " + sys.version.split()[0] + "; try: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
ifneq ($(TORCH_INDEX),)
TORCH := $(VENV)/.torch
endif
$(VENV)/.torch: | $(BIN)/python
	$(PIP) --index-url $(TORCH_INDEX) $(TORCH_PACKAGES)
	@touch $@
$(VENV)/.installed: $(SETTINGS) | $(BIN)/python $(TORCH)
	@echo "installing mtpkd into $(VENV); the first time takes minutes and several GB, most of it torch"
	$(PIP) -e .
	@touch $@
$(VENV)/.installed-dev: $(SETTINGS) | $(BIN)/python $(TORCH)
	@echo "installing mtpkd and its development extras into $(VENV); the first time takes minutes and several GB"
	$(PIP) -e ".[dev]"
	@touch $@ $(VENV)/.installed
install: $(VENV)/.installed
install-dev: $(VENV)/.installed-dev
# for a device in the field: mtpkd predict, without torch and JupyterLab
install-predict: | $(BIN)/python
	$(PIP) -r requirements/predict.txt
	$(PIP) --no-deps -e .

demo: install
	$(BIN)/mtpkd demo --out $(OUT)
	@echo "the report: $(abspath $(OUT)/report.html)"

# Models here are small: one thread per process, several processes, is faster than the reverse, and gives the same bits.
test test-slow coverage: export OMP_NUM_THREADS := 1
test test-slow coverage: export PATH := $(abspath $(BIN)):$(PATH)
test: install-dev
	$(BIN)/python tools/check_clean.py
	$(BIN)/mypy
	$(BIN)/nbdev_test
	$(BIN)/python -m pytest -m "not slow" -n auto --maxprocesses 4 --dist loadfile
	$(BIN)/python tools/build_readme.py --check

test-slow: install-dev
	$(PIP) -e ".[docs]"
	$(BIN)/nbdev_test --flags slow
	$(BIN)/python -m pytest -m slow -n auto --maxprocesses 2 --dist loadfile

types: install-dev
	$(BIN)/mypy

# Notebooks and tests together; every process that they start is measured too. It takes about twice the time of `make test`.
# Notebooks that replace a name of their module stop early here and are named; `make test` says whether all pass.
coverage: install-dev
	$(BIN)/coverage erase
	-$(BIN)/coverage run tools/notebook_coverage.py
	$(BIN)/coverage run -m pytest -m "not slow" -q -n auto --maxprocesses 4 --dist loadfile
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

docs: install
	$(PIP) -e ".[docs]"
	$(BIN)/python tools/build_docs.py
	@echo "the documentation: $(abspath _docs/index.html)"

lab: install
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/jupyter lab --ServerApp.ip=127.0.0.1 --ServerApp.root_dir="$(CURDIR)" \
	  --LabApp.default_url=/lab/tree/nbs/explore $(if $(filter 0,$(shell id -u)),--allow-root) $(LAB_OPTIONS)

clean:
	rm -rf build dist _docs screenshots .pytest_cache .hypothesis *.egg-info
	find nbs mtpkd tests tools data_manifests benchmarks \( -name __pycache__ -o -name .ipynb_checkpoints \) -prune -exec rm -rf {} + 2>/dev/null || true
