# Everything a newcomer or CI runs. `make help` lists the targets.
VENV   ?= .venv
PYTHON ?= python3
BIN    := $(VENV)/bin
SOURCES := $(shell git ls-files pyproject.toml CMakeLists.txt frontend dialects passes targets runtime 2>/dev/null)

.PHONY: help demo test check format lit bench clean

help:  ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# One stamp per set of extras; the wheel is rebuilt when a source changes.
$(VENV)/.%.stamp: $(SOURCES)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check ".[$*]"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --force-reinstall --no-deps .
	touch $@

demo: $(VENV)/.demo.stamp  ## install, train LeNet on real digits, export, build and run a binary
	$(BIN)/python examples/digits.py --directory .demo

test: $(VENV)/.test.stamp  ## install with the test extras and run every test
	$(BIN)/python -m pytest -n 2 --dist loadfile -q test

check: $(VENV)/.check.stamp  ## lint, format check, types, import contracts, C format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	rm -rf build/types && mkdir -p build/types && cp -rs $(CURDIR)/frontend/cellc build/types
	cp -rs $(addprefix $(CURDIR)/,dialects passes runtime targets) build/types/cellc
	$(BIN)/basedpyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports --no-cache
	$(BIN)/clang-format --dry-run --Werror $$(git ls-files '*.c' '*.h')

format: $(VENV)/.check.stamp  ## rewrite the sources in the project's format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/clang-format -i $$(git ls-files '*.c' '*.h')

lit: $(VENV)/.test.stamp  ## only the FileCheck tests of dialects and passes
	$(BIN)/lit -v test/filecheck

bench: $(VENV)/.bench.stamp  ## measure beside the other frameworks (large downloads)
	$(BIN)/python bench/run.py

clean:  ## remove what the targets above made
	rm -rf $(VENV) build dist .demo
