# Each target sets up everything it needs in .venv: Python 3.11, git, g++ and make are enough.

PYTHON ?= python3
VENV := .venv
export PIP_CONSTRAINT := $(CURDIR)/constraints.txt
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo test lint bench schema api clean

demo: $(VENV)/.run
	$(VENV)/bin/hwgen demo

test: $(VENV)/.dev lint
	$(VENV)/bin/python -m pytest -n 2

lint: $(VENV)/.dev
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

bench: $(VENV)/.dev
	$(VENV)/bin/python -m benchmarks.speed

schema: $(VENV)/.run
	$(VENV)/bin/python -c "from hwgen.spec.network import json_schema; print(json_schema(), end='')" > docs/network.schema.json

api: $(VENV)/.dev
	$(VENV)/bin/python -W error -m pdoc -d numpy -o build/api hwgen

clean:
	rm -rf $(VENV) build

$(VENV)/.run: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --editable ".[all]"
	touch $@

$(VENV)/.dev: $(VENV)/.run
	$(VENV)/bin/pip install --quiet --editable ".[dev]"
	touch $@
