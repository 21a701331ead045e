# debugbox: `make` prints this help.
PYTHON ?= python3
BIN := .venv/bin
.DEFAULT_GOAL := help

.PHONY: help demo test check format accept guards bench bench-recipes pictures clean

help:  ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: .venv/ready  ## set up what is missing, then find out why the example drifts
	@$(BIN)/python -P -m debugbox --repo examples/weather-station --run "python run.py" \
		"why does the mean temperature drift"; code=$$?; test $$code -lt 20

test: .venv/ready  ## every tier that this machine can run; prints what ran per tier and engine
	$(BIN)/pytest

guards: .venv/ready  ## takes each guard of SECURITY.md out, one at a time, and sees that a test fails (an hour; names choose)
	$(BIN)/python -m tests.guards $(NAMES)

check: .venv/ready  ## format, lint, types (host and box)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy debugbox
	$(BIN)/mypy kernels/debugbox_kernel recipes/debugbox_recipes $(wildcard recipes/*/scripts) sandbox

format: .venv/ready  ## put the code into its form
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: .venv/ready  ## the numbers to reach, as ratios of one run (docs/benchmarks.md); takes about ten minutes
	$(BIN)/python -m tests.bench
	$(BIN)/python -m tests.bench.cells bubblewrap
	$(BIN)/python -m tests.bench.cells docker

bench-recipes: .venv/ready  ## the recipes on real bugs (docs/recipe-benchmark.md); about an hour; ENGINE=docker|bubblewrap
	$(BIN)/python -m tests.bugs run --engine $(or $(ENGINE),bubblewrap)

pictures: .venv/ready  ## the README's pictures again, from the real program (needs chromium); ENGINE=docker|bubblewrap
	@$(BIN)/uv pip install --quiet --python $(BIN)/python pyte
	$(if $(ENGINE),DEBUGBOX_ENGINE=$(ENGINE)) $(BIN)/python docs/images/make.py

accept: .venv/ready  ## take the notebooks and the help as they are now for the gold files; review the diff like code
	DEBUGBOX_ACCEPT=1 $(BIN)/pytest tests/unit/test_notebook.py tests/unit/test_help.py

clean:  ## remove what was built here
	rm -rf .venv dist build

.venv/ready: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "debugbox needs Python 3.11 or later; name one: make PYTHON=python3.12 demo"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv \
		|| { echo "$(PYTHON) cannot make a venv; on Debian: apt-get install python3-venv"; rm -rf .venv; exit 1; }
	@echo "setting up .venv (once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --editable '.[dev]'
	@touch $@
