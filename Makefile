# Everything a user needs: `make demo`, `make test`, `make check`.
PYTHON ?= python3
BIN := .venv/bin

# Programs that tests use and pip does not bring; tests of one that is not there are skipped and say so.
SYSTEM_PACKAGES := chromium

.DEFAULT_GOAL := help
.PHONY: help install system demo test check lint clean

help: ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

install: .venv/installed ## virtual environment with pinned dependencies in .venv

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[demo,dev]'
	@touch $@

demo: install ## the whole job on 5,000 real digits, about five minutes on two cores
	$(BIN)/dcgan demo; status=$$?; [ $$status -eq 3 ] || exit $$status

system: # where one can: as root, on Debian and its kin
	@dpkg --status $(SYSTEM_PACKAGES) >/dev/null 2>&1 || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
		apt-get update --quiet=2 && apt-get install --quiet=2 --yes --no-install-recommends $(SYSTEM_PACKAGES); } || \
		echo "Not installed here, so that their tests are skipped: $(SYSTEM_PACKAGES)"

test: install system ## the whole test suite, warnings as errors
	$(BIN)/pytest

lint: install ## ruff, and mypy strict on dcgan/ and flows/
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

check: lint test ## lint and test

clean: ## remove the virtual environment and caches; outputs/ stays
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis
