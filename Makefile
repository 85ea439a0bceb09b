# Everything that a person or CI does with this repository. `make help` lists the targets.
#
# A target sets up what it needs: a virtual environment in .venv, packages from the lock files (checked by hash),
# compiled kernels. A stamp file stands for each of these steps, so a second run costs nothing; a changed lock file
# or kernel runs just its own step again. An interrupted step leaves no stamp and is run again.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
RUN := $(VENV)/bin/python
PIP := $(RUN) -m pip --disable-pip-version-check
# Byte code is written at first import, for what is really imported: compiling all of it takes longer than all tests.
# An environment that forbids to write it would have every command compile its imports anew, a second each time.
unexport PYTHONDONTWRITEBYTECODE
# A lock file names all that is needed, so pip need not find that out; make check has it looked at (pip check).
SYNC := $(PIP) install --quiet --no-compile --no-deps --require-hashes --requirement
LOCKS := base dev docs benchmarks demo ray
# Ray is large, and few need it: it has a lock file of its own.
EXTRAS := serve client postgres object-store nats redis
KERNELS := $(shell grep -rlE '^ *(import|from) numba' src/homeroom --include='*.py' 2>/dev/null)
# Three for two processors: a third of the time a test waits for a disk or a socket.
TESTERS ?= 3
ARGS ?=

# The lock files are made for Python 3.11 and hold the hashes of every file of a release, so later ones work too.
PYTHONS := $(PYTHON) python3.11 python3.12 python3.13 python3.14 python3

.PHONY: help
help: ## List the targets.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'
	@echo "  Options: PYTHON=… (interpreter of the environment), ARGS='…' (more arguments for pytest, demo or bench),"
	@echo "           TESTERS=$(TESTERS) (test processes)"

# --- set-up ------------------------------------------------------------------------------------------------------

$(VENV)/bin/python:
	@for python in $(PYTHONS); do \
	    if "$$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then \
	        echo "install: environment in $(VENV) with $$("$$python" --version)"; \
	        "$$python" -m venv --clear $(VENV); exit 0; \
	    fi; \
	done; \
	echo "install: found no Python 3.11 or newer with venv and ensurepip (tried: $(strip $(PYTHONS)))." >&2; \
	echo "install: install one (Debian and Ubuntu: python3.11 and python3.11-venv), or name it:" >&2; \
	echo "install:     make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)" >&2; \
	exit 1

$(VENV)/.base: requirements/base.txt pyproject.toml | $(VENV)/bin/python
	@echo "install: what homeroom needs to run"
	@$(SYNC) requirements/base.txt
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.warm: $(VENV)/.base $(KERNELS)
	@echo "install: compiling the kernels (kept on disk)"
	@# Numba looks only at the date of a kernel's own file, not of those that it calls.
	@find src -name '*.nb[ci]' -delete
	@$(VENV)/bin/homeroom warm
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.base
	@echo "install: tests and style checks"
	@$(SYNC) requirements/dev.txt
	@touch $@

$(VENV)/.docs: requirements/docs.txt $(VENV)/.base
	@echo "install: documentation builder"
	@$(SYNC) requirements/docs.txt
	@touch $@

$(VENV)/.demo: requirements/demo.txt $(VENV)/.base
	@echo "install: the client library of the demo"
	@$(SYNC) requirements/demo.txt
	@touch $@

$(VENV)/.benchmarks: requirements/benchmarks.txt $(VENV)/.base
	@echo "install: peers of the benchmarks"
	@$(SYNC) requirements/benchmarks.txt
	@touch $@

$(VENV)/.ray: requirements/ray.txt $(VENV)/.base
	@echo "install: Ray, for regions of more than one machine"
	@$(SYNC) requirements/ray.txt
	@touch $@

.PHONY: install
install: $(VENV)/.warm ## Set homeroom up in .venv, kernels compiled.

.PHONY: tools
tools: $(VENV)/.ray ## Install what some tests need: Ray, and by apt Chromium, HAProxy, Redis, Prometheus, namespaces.
	@wanted=""; \
	command -v chromium >/dev/null && command -v chromedriver >/dev/null || wanted="chromium chromium-driver"; \
	command -v ip >/dev/null && command -v unshare >/dev/null || wanted="$$wanted iproute2 util-linux"; \
	command -v haproxy >/dev/null || wanted="$$wanted haproxy"; \
	command -v redis-server >/dev/null || wanted="$$wanted redis-server"; \
	command -v promtool >/dev/null || wanted="$$wanted prometheus"; \
	command -v amtool >/dev/null || wanted="$$wanted prometheus-alertmanager"; \
	if [ -z "$$wanted" ]; then \
	    echo "tools: chromium, chromedriver, ip, unshare, haproxy, redis-server, promtool and amtool are here"; \
	elif ! command -v apt-get >/dev/null; then \
	    echo "tools: SKIPPED, there is no apt-get: install $$wanted by hand; tests that need them skip without"; \
	elif [ "$$(id -u)" != 0 ] && ! sudo -n true 2>/dev/null; then \
	    echo "tools: SKIPPED, needs root or sudo without a password: apt-get install $$wanted"; \
	else \
	    echo "tools: installing $$wanted: pages are looked at as a person would, links between regions are cut,"; \
	    echo "tools: a real front door is driven by our configuration, a real cache is shared by nodes, and rules of"; \
	    echo "tools: alerts are tried by the programs that they are for"; \
	    as_root=""; [ "$$(id -u)" = 0 ] || as_root="sudo -n"; \
	    export DEBIAN_FRONTEND=noninteractive; \
	    $$as_root apt-get update -qq; \
	    $$as_root apt-get install -qq --yes --no-install-recommends $$wanted >/dev/null; \
	fi

# --- what it is for ----------------------------------------------------------------------------------------------

.PHONY: demo
demo: install $(VENV)/.demo ## Analyse a made-up million of learners; kill a node; cut regions off; kill one under traffic.
	@$(VENV)/bin/homeroom demo $(ARGS)
	@$(RUN) -m demos.node
	@$(RUN) -m demos.world

.PHONY: world
world: install $(VENV)/.demo ## Run eight regions as processes over NATS: cut off, healed, killed under traffic, and left running until Ctrl-C.
	@$(RUN) -m demos.world_processes $(ARGS)

.PHONY: bench
bench: install $(VENV)/.benchmarks ## Measure against the peers: make bench ARGS='NAME --json' (no name: list them).
	@$(RUN) -m benchmarks $(ARGS)

# --- tests and checks --------------------------------------------------------------------------------------------

.PHONY: test
test: ## Run the tests, but for those marked slow and the examples of how-to pages.
	@# Two processors compile kernels, and wait for the network at the same time.
	@$(MAKE) --no-print-directory --jobs=2 install $(VENV)/.dev
	@$(RUN) -m pytest -n $(TESTERS) -m 'not slow and not pages' $(ARGS)

.PHONY: test-all
test-all: install $(VENV)/.dev $(VENV)/.docs $(VENV)/.benchmarks $(VENV)/.ray ## Run all tests, slow and large ones too.
	@TESTS=all $(RUN) -m pytest -n $(TESTERS) $(ARGS)

.PHONY: check
check: style types imports docs ## Check style, types, import contracts, and that the docs build without a warning.

.PHONY: style
style: $(VENV)/.dev
	@echo "check: style"
	@$(RUN) -m ruff format --check . || { echo "style: make format writes them so" >&2; exit 1; }
	@$(RUN) -m ruff check .

.PHONY: types
types: $(VENV)/.dev
	@echo "check: types"
	@$(PIP) check >/dev/null || { $(PIP) check; exit 1; }
	@$(RUN) -m mypy --strict src

.PHONY: imports
imports: $(VENV)/.dev
	@echo "check: import contracts"
	@$(VENV)/bin/lint-imports

.PHONY: docs
docs: install $(VENV)/.dev $(VENV)/.docs ## Build the documentation into docs/_build/html; run the examples of its how-to pages.
	@echo "check: documentation"
	@$(RUN) -m sphinx --quiet --fail-on-warning --keep-going --builder html docs docs/_build/html
	@$(RUN) -m pytest --quiet --no-header -n $(TESTERS) -m 'pages and not slow' tests/test_docs.py
	@echo "docs: docs/_build/html/index.html"

.PHONY: limits
limits: $(VENV)/.base ## Write the page of limits anew, after limits.py has changed.
	@$(RUN) docs/write_limits.py

.PHONY: dashboards
dashboards: $(VENV)/.base ## Write the dashboards of Grafana anew, after docs/write_dashboards.py has changed.
	@$(RUN) docs/write_dashboards.py

.PHONY: settings
settings: $(VENV)/.base ## Write the page of settings anew, after one has changed.
	@$(RUN) docs/write_settings.py

.PHONY: format
format: $(VENV)/.dev ## Write all files in the house's format.
	@$(RUN) -m ruff format .

# --- upkeep ------------------------------------------------------------------------------------------------------

# pip's own configuration is left out, so that no index, link or constraint of one machine gets into the locks.
.PHONY: lock
lock: ## Make the lock files anew (UP=--upgrade for newer versions).
	@python3.11 -m venv build/lock
	@build/lock/bin/python -m pip install --quiet --disable-pip-version-check 'pip-tools==7.6.2'
	@export PIP_CONFIG_FILE=/dev/null PIP_FIND_LINKS= CUSTOM_COMPILE_COMMAND='make lock'; \
	for name in $(LOCKS); do \
	    sources="requirements/$$name.in"; \
	    if [ "$$name" = base ]; then sources="pyproject.toml $$sources $(EXTRAS:%=--extra %)"; fi; \
	    echo "lock: requirements/$$name.txt"; \
	    build/lock/bin/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-emit-options \
	        --no-emit-index-url --no-emit-trusted-host --no-emit-find-links $(UP) \
	        --output-file "requirements/$$name.txt" $$sources; \
	done

.PHONY: clean
clean: ## Remove what make made: environment, caches, built docs.
	rm -rf $(VENV) build docs/_build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find src tests benchmarks demos docs -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
