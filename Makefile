# The verbs of this repository. `make help` lists them; each works on a fresh clone with Python and make alone.

# The first of these that is 3.11 to 3.13 makes the environment: the system's own may be too old or too new.
PYTHON3 ?= python3 python3.13 python3.12 python3.11
VENV    := .venv
PYTHON  := $(VENV)/bin/python
READY   := $(VENV)/.ready
GENERATOR := .venv-proto
FLYTEKIT  := .venv-flytekit

TESTS   ?= tests
JOBS    ?= 2
SEED    ?= 1
RUNS    ?= 500
JOB_RUNS ?= 1000
TYPE_RUNS ?= 50
REFERENCE := elevon '!elevon[.]' elevon.plugin elevon.testing elevon.errors elevon.idl.literals

.DEFAULT_GOAL := help
.PHONY: help demo test lint types layers fmt docs lock bench storm sim proto clean

help: ## list the verbs
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' Makefile

demo: $(READY) ## run the main job
	$(PYTHON) examples/demo.py

test: $(READY) $(FLYTEKIT)/.ready ## run the tests (TESTS=tests/unit for a part, JOBS=2 processes)
	ELEVON_FLYTEKIT_PYTHON="$(CURDIR)/$(FLYTEKIT)/bin/python" $(PYTHON) -m pytest -n $(JOBS) $(TESTS)

lint: $(READY) ## check style, formatting and declared dependencies
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/deptry src

types: $(READY) ## check types, strictly in src
	$(VENV)/bin/pyright --warnings

layers: $(READY) ## check who imports whom
	$(VENV)/bin/lint-imports

fmt: $(READY) ## mend style and formatting in place
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

docs: $(READY) ## generate the reference of what authors of task types import, in build/reference
	$(PYTHON) -W ignore:Cannot -m pdoc --docformat google --no-show-source --output-directory build/reference $(REFERENCE)

bench: $(READY) $(FLYTEKIT)/.ready ## measure, as ratios against others in the same run (BENCH="--check --long")
	ELEVON_FLYTEKIT_PYTHON="$(CURDIR)/$(FLYTEKIT)/bin/python" $(PYTHON) -m bench $(BENCH)

storm: $(READY) ## kill runs at random moments and at every failpoint, and resume them (SEED=1 JOB_RUNS=1000 TYPE_RUNS=50)
	$(PYTHON) -m tests.storm --seed $(SEED) --runs 200 --failpoints
	PYTHONPATH=examples/http-job $(PYTHON) -m tests.storm.jobs --seed $(SEED) --runs $(JOB_RUNS)
	$(PYTHON) -m tests.storm.tasktypes --seed $(SEED) --runs $(TYPE_RUNS)
	$(PYTHON) -m tests.storm.waits --seed $(SEED) --runs $(TYPE_RUNS)
	$(PYTHON) -m tests.storm.servers --seed $(SEED) --runs $(TYPE_RUNS)

sim: $(READY) ## simulate random graphs and faults on virtual time (SEED=1 RUNS=500)
	$(PYTHON) -m tests.simulation --seed $(SEED) --runs $(RUNS)

# The lock holds versions and markers only: no host, no path, no hash of one machine's files (docs/adr/0001).
COMPILE := $(VENV)/bin/uv pip compile --quiet --no-config --universal --python-version 3.11 --upgrade \
	--no-header --no-annotate --no-emit-index-url

lock: $(READY) ## pin the newest versions that fit pyproject.toml
	$(COMPILE) pyproject.toml --extra cloudpickle --group dev --output-file requirements/dev.lock
	$(COMPILE) --group pyproject.toml:proto --output-file requirements/proto.lock
	$(COMPILE) requirements/flytekit.in --output-file requirements/flytekit.lock

proto: $(GENERATOR)/.ready ## generate the Python of every .proto file, beside it
	for root in src examples/http-job; do \
		find $$root -name '*.proto' -exec env PATH="$(CURDIR)/$(GENERATOR)/bin:$$PATH" $(GENERATOR)/bin/python \
			-m grpc_tools.protoc -I $$root --python_out=$$root --mypy_out=quiet:$$root {} + || exit 1; \
	done

clean: ## remove the environments and what the tools left
	rm -rf $(VENV) $(GENERATOR) $(FLYTEKIT) build dist .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find src tests bench -name __pycache__ -type d -prune -exec rm -rf {} +

define create_venv
	@for python in $(PYTHON3); do \
		if $$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then \
			$$python -m venv $(1) || { rm -rf $(1); exit 1; }; \
			exit 0; \
		fi; \
	done; \
	echo "elevon needs Python 3.11, 3.12 or 3.13, and none of '$(PYTHON3)' is one: install it, or name it as in make test PYTHON3=/path/to/python." >&2; \
	exit 1
endef

$(PYTHON):
	$(call create_venv,$(VENV))

# On a terminal pip tells how far it is: what it fetches first is more than a gigabyte.
PIP_SAYS := $(shell [ -t 2 ] || echo --quiet)

$(READY): requirements/dev.lock pyproject.toml | $(PYTHON)
	@echo "installing what the verbs need into $(VENV): the first time this takes some minutes"
	$(PYTHON) -m pip install $(PIP_SAYS) --disable-pip-version-check -r requirements/dev.lock
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

$(GENERATOR)/.ready: requirements/proto.lock
	$(call create_venv,$(GENERATOR))
	$(GENERATOR)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements/proto.lock
	@touch $@

# flytekit has no release for 3.13: uv finds an older Python, or fetches one. It installs in seconds what takes pip most
# of a minute; pip is for a machine where it alone has been told where packages are.
$(FLYTEKIT)/.ready: requirements/flytekit.lock | $(READY)
	$(VENV)/bin/uv venv --quiet --clear --python '>=3.11,<3.13' $(FLYTEKIT)
	$(VENV)/bin/uv pip install --quiet --python $(FLYTEKIT)/bin/python -r $< \
		|| $(PYTHON) -m pip --python $(FLYTEKIT)/bin/python install --quiet --disable-pip-version-check -r $<
	@touch $@
