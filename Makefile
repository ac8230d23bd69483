# Two commands do all the set-up on a machine with Python 3.11, make and a package index:
#   make demo    installs, then runs `creditscore demo`
#   make test    installs, then runs every test that takes no longer than a minute
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
# uv reads no pip.conf: hand it pip's own index, if one is configured.
PIP_INDEX := $(or $(PIP_INDEX_URL),$(shell $(PYTHON) -m pip config get global.index-url 2>/dev/null))
export UV_DEFAULT_INDEX ?= $(PIP_INDEX)
export UV_COMPILE_BYTECODE = 1
export UV_PYTHON_DOWNLOADS = never
ifeq ($(strip $(UV_DEFAULT_INDEX)),)
unexport UV_DEFAULT_INDEX
endif
INSTALL := $(BIN)/uv pip install --quiet --python $(BIN)/python -c constraints.txt
# Without SCIPY_ARRAY_API scikit-learn skips its check of array-API input.
CLEAN_ENV := env MLFLOW_DISABLE_TELEMETRY=true DO_NOT_TRACK=true SCIPY_ARRAY_API=1

.PHONY: demo test slow lint check format catalogue constraints bench clean

demo: $(VENV)/.core
	$(BIN)/creditscore demo --out demo

test: $(VENV)/.dev
	$(CLEAN_ENV) $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4

slow: $(VENV)/.dev
	$(CLEAN_ENV) $(BIN)/python -m pytest -m slow

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Errors carry sentences too: their classes mark them as _() does.
ERRORS := CreditScoreError ConfigError DataError DrawError LockedError NotFittedError NotFittedEstimator

# After a change of sentences: new ones join the catalogues without a translation, old ones leave them.
catalogue: $(VENV)/.dev
	$(BIN)/pybabel --quiet extract -F pyproject.toml --no-location --sort-output --omit-header $(ERRORS:%=-k %) -o creditscore.pot creditscore
	$(BIN)/pybabel --quiet update -i creditscore.pot -d creditscore/language -D creditscore \
	  --no-fuzzy-matching --ignore-obsolete --no-wrap --ignore-pot-creation-date
	rm creditscore.pot

# What the benchmarks and experiments need beyond the tests (rivals, plots of SHAP values).
bench: $(VENV)/.bench

# Exact versions with hashes and without any registry address, for every extra.
constraints: $(VENV)/.uv
	$(BIN)/uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-header --no-annotate --quiet -o constraints.txt

# uv itself comes from the same hashed file.
$(VENV)/.uv: constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	awk '/^[a-z]/ { on = /^uv==/ } on' constraints.txt > $(VENV)/uv.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(VENV)/uv.txt
	touch $@

$(VENV)/.core: $(VENV)/.uv pyproject.toml
	$(INSTALL) -e .
	touch $@

$(VENV)/.dev: $(VENV)/.uv pyproject.toml
	$(INSTALL) -e '.[dev]'
	touch $@ $(VENV)/.core

$(VENV)/.bench: $(VENV)/.uv pyproject.toml
	$(INSTALL) -e '.[bench,ui]'
	touch $@ $(VENV)/.dev $(VENV)/.core

clean:
	rm -rf $(VENV) demo .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
