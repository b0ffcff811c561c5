# `make repro`: from params.yaml to the report.  `make test`: every check.  `make bench`: what training costs here.
# `make quick`: what tells most mistakes in a minute or two, while one works; it does not take the place of `make test`.
# `make long`: the tests that take minutes, those of faults (`make faults`) in their long form among them.  `make docs`: the site.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# Every file is one whose hash is in requirements.lock; of torch alone (torch.lock) the index says which build it is.
LOCKED := --no-deps --require-hashes --requirement requirements.lock
# uv is to see what this build of torch asks for, not what pyproject.toml says of torch for `make lock`.
OF_TORCH := --no-config --requirement torch.lock
# uv does in one minute what takes pip three; where it or an index of pip's own configuration cannot be had, pip installs the same pins.
FROM_PIP := UV_FIND_LINKS="$${UV_FIND_LINKS-$$PIP_FIND_LINKS}" UV_INDEX_URL="$${UV_INDEX_URL-$$PIP_INDEX_URL}" \
  UV_EXTRA_INDEX_URL="$${UV_EXTRA_INDEX_URL-$$PIP_EXTRA_INDEX_URL}"

export PATH := $(CURDIR)/$(BIN):$(PATH)
export PYTHONNOUSERSITE := 1

# `make test` has its two parts side by side: the checks take what the tests leave of the cores, as many of them wait for something.
.PHONY: setup lock repro test quick checks checks-meanwhile suite fast long faults bench docs clean

# Tests of what neither trains nor draws nor starts other programs.
FAST := $(addprefix tests/,analysis cli metrics studies tasks training/test_adamw.py $(addsuffix .py,$(addprefix test_, \
  config fingerprints folds golden_records import_circles plan randomness records tables tensor_roles)))

setup: $(INSTALLED)

# Made again only where the pins or the package's own description changed. The first lines of uv in the lock are its pin.
$(INSTALLED): requirements.lock torch.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "stabbench needs Python 3.11 or newer, found $$($(PYTHON) -V): run make PYTHON=python3.11" >&2; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing what requirements.lock pins"
	@sed -n '/^uv==/,/[^\\]$$/p' requirements.lock > $(VENV)/uv.lock
	@$(PIP) --no-deps --require-hashes --requirement $(VENV)/uv.lock 2>/dev/null && \
	  $(FROM_PIP) $(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python $(LOCKED) && \
	  $(FROM_PIP) $(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python $(OF_TORCH) || \
	  { $(PIP) $(LOCKED) && $(PIP) --requirement torch.lock; }
	$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

# The pins once more from pyproject.toml, for every system and Python from 3.11 on; what is pinned stays, where it can
# (`make lock UPGRADE=--upgrade` takes the newest). Hashes are those of all files that the public index has.
lock: $(VENV)/uv.lock
	env -u UV_FIND_LINKS -u UV_INDEX_URL -u UV_EXTRA_INDEX_URL $(BIN)/uv pip compile pyproject.toml --quiet --universal \
	  --python-version 3.11 --extra all --extra sentencepiece --group dev --group docs --constraint torch.lock --no-emit-package torch \
	  --generate-hashes --no-annotate --no-header $(UPGRADE) --output-file requirements.lock

# uv alone, where there is no lock yet that all could be installed from.
$(VENV)/uv.lock:
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@mkdir -p $(VENV) && $(PIP) 'uv>=0.11' && touch $@

# A cell with an error must not keep the others from the reader: the report is then made of what there is.
repro: setup
	@dvc repro --keep-going; status=$$?; \
	if [ $$status -ne 0 ] && [ -d runs ]; then stabbench report --incomplete; fi; \
	exit $$status

test: setup
	@$(MAKE) --no-print-directory --jobs 2 checks-meanwhile suite

quick: setup
	@$(MAKE) --no-print-directory --jobs 2 checks fast

checks-meanwhile: setup
	@nice -n 10 $(MAKE) --no-print-directory checks

checks: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The package is compiled, as the programs that tests start would do each time where PYTHONDONTWRITEBYTECODE is set.
suite: setup
	$(BIN)/python -m compileall -q stabbench
	$(BIN)/pytest -n 2 --dist loadgroup --no-loadscope-reorder --durations=15

fast: setup
	$(BIN)/pytest -n 2 --dist loadgroup -m "not slow" -q $(FAST)

# What takes minutes each: the parts of the benchmark in small, and the faults below.
long: faults
	STABBENCH_LONG=1 $(BIN)/pytest tests/benchmarks

# 30 kills in a row, where `make test` has 3.
faults: setup
	STABBENCH_FAULT_ROUNDS=30 $(BIN)/pytest -n 2 --dist loadgroup tests/faults

# Asks no host; every link is checked.
docs: setup
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict
	@echo "open site/index.html"

# A quarter of an hour on two cores; close what else runs.
bench: setup
	$(BIN)/python -m benchmarks.cpu

clean:
	rm -rf $(VENV) build dist site .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
