# From a fresh clone: `make demo` shows the main job, `make test` checks the tree, `make lab` opens the notebooks.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SETTINGS := settings.ini setup.py pyproject.toml
OUT ?= runs/demo

.PHONY: help demo test test-slow docs lab install install-dev clean
help:
	@echo "make demo | test | test-slow | docs | lab | clean   (PYTHON=$(PYTHON), environment in $(VENV))"

# The stamps make a second call reuse what the first installed; a newer settings.ini or setup.py installs again.
$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "mtpkd needs Python 3.11 or newer, found " + sys.version.split()[0] + "; try: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
$(VENV)/.installed: $(SETTINGS) | $(BIN)/python
	@echo "installing mtpkd into $(VENV); the first time takes minutes and several GB, most of it torch"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@
$(VENV)/.installed-dev: $(SETTINGS) | $(BIN)/python
	@echo "installing mtpkd and its development extras into $(VENV); the first time takes minutes and several GB"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[dev]"
	@touch $@ $(VENV)/.installed
install: $(VENV)/.installed
install-dev: $(VENV)/.installed-dev

demo: install
	$(BIN)/mtpkd demo --out $(OUT)
	@echo "the report: $(abspath $(OUT)/report.html)"

# Models here are small: one thread per process, several processes, is faster than the reverse, and gives the same bits.
test test-slow: export OMP_NUM_THREADS := 1
test test-slow: export PATH := $(abspath $(BIN)):$(PATH)
test: install-dev
	$(BIN)/python tools/check_clean.py
	$(BIN)/nbdev_test
	$(BIN)/python -m pytest -m "not slow" -n auto --maxprocesses 4 --dist loadfile
	$(BIN)/python tools/build_readme.py --check

test-slow: install-dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[docs]"
	$(BIN)/nbdev_test --flags slow
	$(BIN)/python -m pytest -m slow -n auto --maxprocesses 2 --dist loadfile

docs: install
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[docs]"
	$(BIN)/python tools/build_docs.py
	@echo "the documentation: $(abspath _docs/index.html)"

lab: install
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/jupyter lab --ServerApp.ip=127.0.0.1 --ServerApp.root_dir="$(CURDIR)" \
	  --LabApp.default_url=/lab/tree/nbs/explore $(if $(filter 0,$(shell id -u)),--allow-root) $(LAB_OPTIONS)

clean:
	rm -rf build dist _docs screenshots .pytest_cache .hypothesis *.egg-info
	find nbs mtpkd tests tools data_manifests benchmarks \( -name __pycache__ -o -name .ipynb_checkpoints \) -prune -exec rm -rf {} + 2>/dev/null || true
