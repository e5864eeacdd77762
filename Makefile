# Everything a user needs: `make demo`, `make test`, `make check`.
PYTHON ?= python3
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help install demo test check lint clean

help: ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

install: .venv/installed ## virtual environment with pinned dependencies in .venv

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[demo,dev]'
	@touch $@

demo: install ## the whole job on 5,000 real digits, about five minutes on two cores
	$(BIN)/dcgan demo; status=$$?; [ $$status -eq 3 ] || exit $$status

test: install ## the whole test suite, warnings as errors
	$(BIN)/pytest

lint: install ## ruff, and mypy strict on dcgan/ and flows/
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

check: lint test ## lint and test

clean: ## remove the virtual environment and caches; outputs/ stays
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis
