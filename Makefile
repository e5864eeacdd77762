# Everything a user needs: `make demo`, `make up`, `make test`, `make check`.
PYTHON ?= python3
PORT ?= 4200
BIN := .venv/bin

# Programs that some tests need, as Debian package:program. Where there is no Debian, or nobody may install, those tests
# are skipped.
SYSTEM_PACKAGES := chromium:chromium libimage-exiftool-perl:exiftool postgresql:pg_ctlcluster

.DEFAULT_GOAL := help
.PHONY: help install system demo up down test coverage mutants faults check lint docs lock build sbom clean

help: ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

install: .venv/installed ## virtual environment with pinned dependencies in .venv

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --no-deps --requirement constraints.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: install ## the whole job on 5,000 real digits, about five minutes on two cores
	$(BIN)/dcgan demo; status=$$?; [ $$status -eq 3 ] || exit $$status

up: install ## a Prefect server on 127.0.0.1, a worker and the demo's schedule, in the background; PORT=4200
	@$(BIN)/python -m dcgan.flows.local up --port $(PORT)

down: install ## end what `make up` started
	@$(BIN)/python -m dcgan.flows.local down --port $(PORT)

system: ## programs that some tests need, where this is Debian and you are root
	@for pair in $(SYSTEM_PACKAGES); do \
	  command -v $${pair#*:} >/dev/null && continue; \
	  command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ] || { echo "without $${pair#*:}, some tests are skipped"; continue; }; \
	  { apt-get install -y -qq --no-install-recommends $${pair%:*} || \
	    { apt-get update -qq && apt-get install -y -qq --no-install-recommends $${pair%:*}; }; } >/dev/null 2>&1 \
	    || echo "$${pair%:*} cannot be installed: some tests are skipped"; \
	done

# Four at a time, since servers that start and clocks that run out are waited for. A file's tests share what they set up,
# so that they stay together; in the order of tests/conftest.py, which begins with the files that take long.
test: install system ## the whole test suite, warnings as errors
	$(BIN)/pytest -n 4 --dist loadfile --no-loadscope-reorder

# Half as long again: with Python 3.11, coverage looks at every call in every process, the server's too.
coverage: install system ## the whole test suite, and which lines of dcgan/ and flows/ it runs, in all processes
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -n 4 --dist loadfile --no-loadscope-reorder
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --skip-covered

mutants: install ## breaks the code that decides in 1,300 ways, one at a time: which of them does no test notice?
	$(BIN)/mutmut run
	$(BIN)/mutmut results

# The whole length of what `test` takes a sample of. One test at a time: what they do takes all cores.
faults: install system ## the long part of tests/faults: kills, full disks, malformed files; hours, see benchmarks/RESULTS.md
	$(BIN)/pytest -m long -s tests

lint: install ## ruff, mypy strict, and the layers of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: install ## the documentation as a site, in build/site/index.html; a warning is an error
	$(BIN)/sphinx-build --fail-on-warning --keep-going --quiet --fresh-env -c docs . build/site

check: lint test ## lint and test

LOCK = $(BIN)/uv pip compile --quiet --universal --generate-hashes --custom-compile-command 'make lock'
lock: install ## pinned versions again from pyproject.toml; keeps those that fit, UPGRADE=--upgrade takes the newest
	$(LOCK) $(UPGRADE) --all-extras --group dev --output-file constraints.txt pyproject.toml
	$(LOCK) --constraint constraints.txt --extra job --extra s3 --group build \
	  --output-file deploy/requirements.txt pyproject.toml
	$(LOCK) --group sbom --output-file deploy/sbom.txt

sbom: install ## what a machine that runs jobs has installed, as CycloneDX, in dist/sbom.cdx.json
	@mkdir -p dist
	$(BIN)/uv venv --quiet --clear .venv/sbom
	$(BIN)/uv pip sync --quiet --python .venv/sbom --require-hashes deploy/sbom.txt
	.venv/sbom/bin/cyclonedx-py requirements --pyproject pyproject.toml --output-reproducible \
	  --output-format JSON --output-file dist/sbom.cdx.json deploy/requirements.txt

build: install ## wheel and sdist in dist/, checked
	$(BIN)/python -m build --no-isolation
	$(BIN)/twine check --strict dist/*.tar.gz dist/*.whl

clean: ## remove the virtual environment and caches; outputs/ stays
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis mutants
