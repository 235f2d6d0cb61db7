# Every target sets up what it needs by itself, and is quick when nothing changed.
# Needs Python 3.11 or later and make; everything else goes into .venv, pinned by requirements.lock.

VENV     ?= .venv
PIP_ARGS ?=
NB       ?=
# The release of PyTorch that `make lock` pins; all other packages move within their ranges.
TORCH    ?= 2.13.0
# The first interpreter on the PATH that is new enough; `make PYTHON=/path/to/python3` overrides it.
PYTHON   ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)

PY      := $(VENV)/bin/python
PIP     := $(PY) -m pip --disable-pip-version-check
INSTALL := $(PIP) install --quiet --constraint requirements.lock $(PIP_ARGS)
FILES   := requirements.lock pyproject.toml
# Two test processes share the processor, so each computes on one thread.
ONE     := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1

.DEFAULT_GOAL := help
.PHONY: help lab lecture test slow portable site slides notebooks lint format bench lock clean

help:  ## Show this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20
	@echo
	@echo '  make notebooks NB=01_sparse_connectivity   runs one notebook only'
	@echo '  make lab PIP_ARGS="..."                    adds arguments to pip: on Linux, PyTorch without'
	@echo '                                             CUDA is a much smaller download; the index'
	@echo '                                             to name is on pytorch.org/get-started'

lab: $(VENV)/.lab-ready  ## Open the course in JupyterLab
	@$(PY) tools/lab.py

lecture: $(VENV)/.lab-ready  ## The same to present: no earlier answer shows, and none is kept
	@$(PY) tools/lab.py --lecture

test: $(VENV)/.test-ready  ## Lint, unit tests, every notebook, repository rules, browser tests
	@$(VENV)/bin/ruff check --quiet .
	@$(ONE) $(PY) -m pytest -n 2 --dist loadfile --no-loadscope-reorder --quiet

slow: $(VENV)/.test-ready  ## The tests that `make test` leaves out because they take long
	@$(ONE) $(PY) -m pytest -m slow --quiet

portable: $(VENV)/.test-ready  ## The lessons as other processors would run them, and the slow tests
	@$(PY) tools/portable.py $(SETS)

site: $(VENV)/.test-ready  ## Make the website in build/site: the course to read, nothing to install
	@$(ONE) $(PY) tools/build_site.py

slides: $(VENV)/.test-ready  ## Export the decks to build/slides: HTML that works offline, and PDF
	@$(ONE) $(PY) tools/export_slides.py

notebooks: $(VENV)/.test-ready  ## Run the notebooks and store their outputs in place
	@$(ONE) $(PY) tools/run_notebooks.py $(NB)

lint: $(VENV)/.test-ready  ## Check the style of the code, notebooks included
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .

format: $(VENV)/.test-ready  ## Put the code into that style
	@$(VENV)/bin/ruff check --fix .
	@$(VENV)/bin/ruff format .

bench: $(VENV)/.test-ready  ## Measure what has a performance goal
	@$(ONE) $(PY) tools/bench

lock:  ## Choose new versions within pyproject.toml's ranges and write requirements.lock
	@$(if $(PYTHON),,$(error Python 3.11 or later was not found: install it, or name it with PYTHON=...))
	rm -rf build/lock-venv
	$(PYTHON) -m venv build/lock-venv
	build/lock-venv/bin/python -m pip install --quiet $(PIP_ARGS) uv
	printf 'torch==$(TORCH)\nflit_core\n' | build/lock-venv/bin/uv pip compile --quiet --upgrade \
		--universal --python-version 3.11 --no-annotate --custom-compile-command 'make lock' \
		--extra dev --output-file requirements.lock pyproject.toml -
	rm -rf build/lock-venv

clean:  ## Remove what the targets above made, the environment included
	rm -rf $(VENV) build tools/node_modules .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(PY):
	@$(if $(PYTHON),,$(error Python 3.11 or later was not found: install it, or name it with PYTHON=...))
	@echo 'Making the virtual environment $(VENV) with $(PYTHON)'
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.lab-ready: $(FILES) | $(PY)
	@echo 'Installing what the course needs (a few minutes the first time: PyTorch is large)'
	@$(INSTALL) flit_core
	@$(INSTALL) --no-build-isolation --editable .
	@touch $@

$(VENV)/.test-ready: $(FILES) $(VENV)/.lab-ready
	@echo 'Installing what the tests need'
	@$(INSTALL) --no-build-isolation --editable '.[dev]'
	@touch $@
