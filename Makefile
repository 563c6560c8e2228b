# Two commands: `make train` and `make test`. Both make .venv where it is missing or out of date.

PYTHON ?= python3
bin := .venv/bin
shared := $(wildcard ../shared/tensorflow_datasets)
export TFDS_DATA_DIR ?= $(abspath $(or $(shared),data/tensorflow_datasets))

.PHONY: train test test-slow coverage mutants audit setup lock clean peers pretrained pictures bench-predict bench-speed bench-accuracy bench-growth bench-away

train: setup  ## prepare IMDB, train the default recipe, evaluate; pass options in ARGS="--epochs 1"
	$(bin)/sentiment train $(ARGS)
	@echo 'Type ". .venv/bin/activate" once in this shell, and it finds the command sentiment.'

test: setup  ## lint, format, types and the whole test suite
	$(bin)/ruff check .
	$(bin)/ruff format --check .
	$(bin)/mypy
	$(bin)/pytest $(ARGS)

# Those of which `make test` runs a part, or takes fewer examples.
slow := disk endings fuzz load pairs resume sync

test-slow: setup  ## the long tests: every moment of a kill, 100,000 hostile inputs, gigabytes; up to half an hour
	SENTIMENT_SLOW=1 $(bin)/pytest --durations=12 $(slow:%=tests/test_%.py) $(ARGS)

setup: .venv/installed

.venv/installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
	  { echo "Python 3.11, 3.12 or 3.13 is needed: make PYTHON=python3.12" >&2; exit 1; }
	@echo 'Installing the pinned packages into .venv: 3 GB, two to three minutes'
	$(PYTHON) -m venv .venv
	$(bin)/pip install --quiet --require-hashes --requirement requirements.lock
	$(bin)/pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

lock:  ## pin anew what pyproject.toml asks for
	$(bin)/pip install --quiet uv
	$(bin)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --upgrade \
	  --generate-hashes --no-emit-index-url --no-annotate --no-header --output-file requirements.lock

coverage: setup  ## the whole suite with lines and branches counted, those of every process; 95 % are asked of each
	$(bin)/coverage erase
	$(bin)/coverage run -m pytest $(ARGS)
	$(bin)/coverage combine --quiet
	$(bin)/coverage report
	@$(bin)/coverage json --quiet -o - | $(bin)/python -c 'import json, sys; \
	  total = json.load(sys.stdin)["totals"]; \
	  lines, branches = (total[f"percent_{of}_covered"] for of in ("statements", "branches")); \
	  print(f"lines {lines:.2f} %, branches {branches:.2f} %"); \
	  sys.exit(min(lines, branches) < 95)'

mutants: setup  ## small faults in seven modules, of which the tests must notice 85 %; ARGS=--show shows the rest
	$(bin)/pip install --quiet mutmut==3.8.1
	$(bin)/python benchmarks/mutants.py $(ARGS)

audit: setup  ## the lock, the licences of all that is pinned, known weaknesses
	$(bin)/pytest tests/test_lock.py
	$(bin)/pip install --quiet uv
	-$(bin)/pip install --quiet pip-audit==2.10.1
	$(bin)/python benchmarks/audit.py

peers: setup  ## what benchmarks compare with; where one can't be had its row is skipped
	-$(bin)/pip install --quiet torch==2.13.0
	-$(bin)/pip install --quiet fasttext==0.9.3

bench-speed: peers
	$(bin)/python benchmarks/speed.py

bench-accuracy: peers
	$(bin)/python benchmarks/accuracy.py

bench-predict: peers
	$(bin)/python benchmarks/predict.py

bench-away: setup  ## what a tracking server that is away, ill or dies costs a training; ten minutes
	$(bin)/python benchmarks/away.py

bench-growth: setup
	$(bin)/python benchmarks/growth.py

pictures: setup  ## the README's pictures of MLflow: three real runs, a real browser; ten minutes
	rm -rf data/pictures
	SENTIMENT_PICTURES=docs SENTIMENT_REQUIRE_CHROMIUM=1 $(bin)/pytest tests/test_ui.py

pretrained: setup  ## train the model in the box anew
	$(bin)/python benchmarks/pretrained.py

clean:
	rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
