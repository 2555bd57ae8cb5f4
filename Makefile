# MinhOS ML. `make` lists the targets; `make run` and `make test` do their own set-up.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup run serve airflow lint test unit test-system bench doctor lock clean

BIN := .venv/bin
export PYTHONPATH :=
export DO_NOT_TRACK := true
export GX_ANALYTICS_ENABLED := false

# a `~` that the shell left alone (only bash expands it here)
path = '$(patsubst ~/%,$(HOME)/%,$(1))'
force = $(if $(filter 1 true yes,$(FORCE)),--force,$(if $(filter-out 0 false no,$(FORCE)),$(error FORCE=$(FORCE): 1, true or yes force; 0, false or no do not)))
NIGHT_OPTIONS = $(if $(DATA),--data $(call path,$(DATA))) $(if $(MAP),--map $(call path,$(MAP))) $(if $(TIMEFRAME),--timeframe '$(TIMEFRAME)') \
	$(if $(SESSION),--session '$(SESSION)') $(if $(UNIVERSE),--universe '$(UNIVERSE)') $(if $(PROFILE),--profile '$(PROFILE)') \
	$(if $(INSTRUMENTS),--instruments $(call path,$(INSTRUMENTS))) $(force)

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "  make run DATA=<folder> [MAP=<file.toml>] [TIMEFRAME=30m] [SESSION=2025-11-20] [UNIVERSE=NQ,ES]"
	@echo "           [PROFILE=quick|full] [INSTRUMENTS=<file.toml>] [FORCE=1]      without DATA: a synthetic exchange"

setup: ## make both environments (a prerequisite of every target that needs them)
	@PYTHON='$(PYTHON)' scripts/setup

run: setup ## one night: data in, models trained, release published, one decision
	@$(BIN)/minhos night $(NIGHT_OPTIONS)

serve: setup ## start Triton on loopback with the last release
	@$(BIN)/minhos serve

airflow: setup ## start Airflow's web interface and scheduler on loopback
	@$(BIN)/minhos airflow

lint: setup ## ruff, mypy, import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	MYPYPATH=.:clients:scripts $(BIN)/mypy scripts
	PYTHONPATH=clients:. $(BIN)/lint-imports --config .importlinter

test: lint ## lint, unit tests, then the essential system tests
	$(BIN)/pytest -n 2 --dist loadfile -m "not system and not thorough"
	$(BIN)/pytest -m "system and not thorough"

unit: setup ## unit tests only
	$(BIN)/pytest -n 2 --dist loadfile -m "not system and not thorough"

test-system: setup ## every system test, the thorough ones too
	$(BIN)/pytest -m "system or thorough"

bench: setup ## the figures: files to bars, the synthetic exchange, the bar store, validation, features, a planted edge, stages of a night, latency of a decision
	$(BIN)/python -m benchmarks.scid
	$(BIN)/python -m benchmarks.synthetic
	$(BIN)/python -m benchmarks.store --bars 1000000 10000000 100000000
	$(BIN)/python -m benchmarks.validation
	$(BIN)/python -m benchmarks.features
	$(BIN)/python -m benchmarks.planted
	$(BIN)/python benchmarks/night.py
	MINHOS_HOME=var/bench $(BIN)/python -m benchmarks.latency

doctor: ## check this machine and print a table, whether or not the set-up works
	@[ -x $(BIN)/minhos ] || { echo 'doctor: the set-up has not been done; doing it now'; PYTHON='$(PYTHON)' scripts/setup; } || [ -x $(BIN)/minhos ]
	@$(BIN)/minhos doctor

lock: setup ## resolve requirements/*.in again and write the locks
	scripts/lock

clean: ## remove environments and caches; never var/
	rm -rf .venv .venv-serving .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -path ./var -prune -o -path ./.git -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +
