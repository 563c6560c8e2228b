# Two commands: `make train` and `make test`. Both make .venv where it is missing or out of date.

PYTHON ?= python3
bin := .venv/bin
shared := $(wildcard ../shared/tensorflow_datasets)
export TFDS_DATA_DIR ?= $(abspath $(or $(shared),data/tensorflow_datasets))

.PHONY: train test test-slow test-scale coverage mutants audit setup lock clean peers pretrained pictures \
  bench-predict bench-speed bench-accuracy bench-growth bench-away bench-apart bench-scale

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
	SENTIMENT_SLOW=1 $(bin)/pytest --durations=12 $(slow:%=tests/integration/test_%.py) $(ARGS)

setup: .venv/installed node_modules/.package-lock.json

.venv/installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
	  { echo "Python 3.11, 3.12 or 3.13 is needed: make PYTHON=python3.12" >&2; exit 1; }
	@echo 'Installing the pinned packages into .venv: 3 GB, two to three minutes'
	$(PYTHON) -m venv .venv
	$(bin)/pip install --quiet --require-hashes --requirement requirements.lock
	$(bin)/pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

# Biome, which checks the scripts and style sheets of the pages. Without npm its test is skipped.
node_modules/.package-lock.json: package-lock.json .npmrc
	@command -v npm >/dev/null || exit 0; \
	  npm ci --silent && touch $@ || echo "Biome can't be installed, so its test is skipped" >&2

compile := $(bin)/uv pip compile pyproject.toml --universal --python-version 3.11 --upgrade \
  --generate-hashes --no-emit-index-url --no-annotate --no-header

lock:  ## pin anew what pyproject.toml asks for, and with the engines; but for pandas the pins are the same
	$(bin)/pip install --quiet uv
	$(compile) --extra dev --output-file requirements.lock
	sed -n 's/^\([a-z0-9._-]*==[^\\]*[^ \\]\).*/\1/p' requirements.lock | grep -v '^pandas==' > .venv/pins.txt
	$(compile) --extra dev --extra spark --extra sweep --constraint .venv/pins.txt \
	  --output-file requirements-scale.lock

# An environment above the other one: pandas is older there, and Spark and Optuna are in no other.
scale := .venv/scale

.venv/scale/installed: requirements-scale.lock .venv/installed
	@command -v java >/dev/null || \
	  { echo "Java 17 is needed: apt-get install openjdk-17-jre-headless" >&2; exit 1; }
	$(bin)/python -m venv --clear $(scale)
	echo 'import site; site.addsitedir("$(abspath $(wildcard .venv/lib/python3*/site-packages))")' \
	  > "$$(echo $(scale)/lib/python3*/site-packages)/below.pth"
	$(scale)/bin/python -m pip install --quiet --require-hashes --no-deps --requirement requirements-scale.lock
	touch $@

test-scale: .venv/scale/installed  ## Spark, workers and sweeps, with real executors and processes; quarter of an hour
	$(scale)/bin/python -m pytest --durations=10 tests/scale $(ARGS)

# Counting has locks of its own, on which an interrupt may leave a process hanging: a test fails.
coverage: .venv/scale/installed  ## both suites with lines and branches counted, in every process; 95 % are asked of each
	$(bin)/coverage erase
	-$(bin)/coverage run -m pytest $(ARGS)
	-$(scale)/bin/python -m coverage run -m pytest tests/scale $(ARGS)
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
	$(bin)/pytest tests/test_requirements.py
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

bench-scale: .venv/scale/installed  ## files of a thousand to a million texts, here and on Spark; quarter of an hour
	$(scale)/bin/python benchmarks/scale.py

bench-apart: setup  ## RECIPES="default mine.toml" on validation reviews that training knows little of
	$(bin)/python benchmarks/apart.py $(or $(RECIPES),default)

bench-away: setup  ## what a tracking server that is away, ill or dies costs a training; ten minutes
	$(bin)/python benchmarks/away.py

bench-growth: setup
	$(bin)/python benchmarks/growth.py

pictures: setup  ## the README's pictures of MLflow: three real runs, a real browser; ten minutes
	rm -rf data/pictures
	SENTIMENT_PICTURES=docs SENTIMENT_REQUIRE_CHROMIUM=1 $(bin)/pytest tests/integration/test_ui.py

pretrained: setup  ## train the model in the box anew
	$(bin)/python benchmarks/pretrained.py

clean:
	rm -rf .venv node_modules build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
