# The commands that people need. PYTHON=python3.12 make test takes another Python.
PYTHON ?= $(if $(wildcard .venv/bin/python),.venv/bin/python,python3)

.PHONY: test all long lint bench docs sizes

test:
	$(PYTHON) -m pytest

all:
	$(PYTHON) -m pytest -n auto -m "not long"

long:
	$(PYTHON) -m pytest -m long

lint:
	$(PYTHON) -m flake8 autograd_lite nets examples benchmarks tests docs
	$(PYTHON) -m mypy
	$(PYTHON) -m pyright tests/typed_program.py

bench:
	$(PYTHON) -m benchmarks

docs:
	NO_MKDOCS_2_WARNING=1 $(PYTHON) -m mkdocs build

sizes:
	$(PYTHON) docs/house.py
