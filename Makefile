# Two commands are enough: `make train` and `make test`. Both make .venv if it is missing or outdated.

PYTHON ?= python3
bin := .venv/bin
shared := $(wildcard ../shared/tensorflow_datasets)
export TFDS_DATA_DIR ?= $(abspath $(or $(shared),data/tensorflow_datasets))

.DEFAULT_GOAL := train
.PHONY: help train test docs wheel test-slow test-scale coverage mutants audit setup lock clean peers \
  pretrained pictures bench-predict bench-speed bench-accuracy bench-growth bench-away bench-apart \
  bench-scale bench-short bench-sure bench-serve bench-since

help:  ## show this list
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-16s%s\n", $$1, $$2 }' $(MAKEFILE_LIST)

train: setup  ## prepare IMDB, train the default recipe, evaluate; options in ARGS="--epochs 1"
	$(bin)/sentiment train $(ARGS)
	@echo 'To use the command sentiment in this shell, type: . .venv/bin/activate'

test: setup  ## run the linters, the type checker and all tests; a part with ARGS=tests/data
	$(bin)/ruff check .
	$(bin)/ruff format --check .
	$(bin)/mypy
	$(bin)/pytest --numprocesses=auto --maxprocesses=4 --dist=loadfile $(ARGS)

docs: setup  ## build the documentation, its links checked and its notebook run: docs/_build/html
	$(bin)/sphinx-build --builder html --fail-on-warning --keep-going docs docs/_build/html

# `make test` runs these with fewer examples, or in part.
slow := disk endings fuzz load pairs resume sync

test-slow: setup  ## run the long tests in full: kills, hostile inputs, gigabytes; up to half an hour
	$(bin)/pytest --slow --durations=12 $(slow:%=tests/integration/test_%.py) tests/data/test_delimited.py \
	  tests/data/test_plain_tokens.py tests/training/test_self_training.py \
	  tests/inference/test_scoring.py $(ARGS)

setup: .venv/installed node_modules/.package-lock.json  ## install the pinned packages into .venv

.venv/installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
	  { echo "Python 3.11, 3.12 or 3.13 is needed: make PYTHON=python3.12" >&2; exit 1; }
	@echo 'Installing the pinned packages into .venv: 3 GB, two to three minutes'
	$(PYTHON) -m venv .venv
	$(bin)/pip install --quiet --require-hashes --requirement requirements.lock
	$(bin)/pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

# Biome and axe, which check the scripts and pages. Without npm their tests are skipped.
node_modules/.package-lock.json: package-lock.json .npmrc
	@command -v npm >/dev/null || exit 0; \
	  npm ci --silent && touch $@ || echo "Biome and axe can't be installed, so their tests are skipped" >&2

compile := $(bin)/uv pip compile --universal --python-version 3.11 --upgrade \
  --generate-hashes --no-emit-index-url --no-annotate --no-header

# The other locks have the versions of the first, but for the older pandas that Spark supports.
lock:  ## resolve the pinned versions in requirements*.lock again
	$(bin)/pip install --quiet uv
	$(compile) pyproject.toml --extra dev --output-file requirements.lock
	sed -n 's/^\([a-z0-9._-]*==[^\\]*[^ \\]\).*/\1/p' requirements.lock | grep -v '^pandas==' > .venv/pins.txt
	$(compile) pyproject.toml --extra dev --extra spark --extra sweep --constraint .venv/pins.txt \
	  --output-file requirements-scale.lock
	$(compile) --group predict --constraint .venv/pins.txt --output-file requirements-predict.lock
	$(compile) --group serve --constraint .venv/pins.txt --output-file requirements-serve.lock

# An environment on top of .venv: its pandas is older, and only here are Spark and Optuna.
scale := .venv/scale

.venv/scale/installed: requirements-scale.lock .venv/installed
	@command -v java >/dev/null || \
	  { echo "Java 17 is needed: apt-get install openjdk-17-jre-headless" >&2; exit 1; }
	$(bin)/python -m venv --clear $(scale)
	echo 'import site; site.addsitedir("$(abspath $(wildcard .venv/lib/python3*/site-packages))")' \
	  > "$$(echo $(scale)/lib/python3*/site-packages)/below.pth"
	$(scale)/bin/python -m pip install --quiet --require-hashes --no-deps --requirement requirements-scale.lock
	touch $@

test-scale: .venv/scale/installed  ## run the tests of Spark, workers and sweeps; quarter of an hour
	$(scale)/bin/python -m pytest --durations=10 tests/scale $(ARGS)

# Counting takes locks of its own, on which an interrupt may leave a process hanging: a test fails.
coverage: .venv/scale/installed  ## count lines and branches in both suites; fails below 95 % of either
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

mutants: setup  ## put small faults into seven modules; the tests must notice 90 %; ARGS=--show shows the rest
	$(bin)/pip install --quiet mutmut==3.8.1
	$(bin)/python benchmarks/mutants.py $(ARGS)

audit: setup  ## check the lock files, the licences of all pinned packages, known vulnerabilities
	$(bin)/pytest tests/test_requirements.py
	$(bin)/pip install --quiet uv
	-$(bin)/pip install --quiet pip-audit==2.10.1
	$(bin)/python benchmarks/audit.py

# The wheel is built from the sdist. Where it is tried, there are no packages but those of the lock.
wheel: setup  ## build the sdist and the wheel in dist/, check them, install the wheel alone and predict
	$(bin)/pip install --quiet build==1.6.1 twine==7.0.0
	rm -rf build dist
	$(bin)/python -m build --quiet --no-isolation
	$(bin)/twine check --strict dist/*
	$(PYTHON) -m venv build/predict
	build/predict/bin/pip install --quiet --require-hashes --requirement requirements-predict.lock
	build/predict/bin/pip install --quiet --no-deps --no-index dist/*.whl
	cd build && predict/bin/sentiment predict --model pretrained "An unforgettable film."
	@ls -l dist

peers: setup  ## install what the benchmarks compare with; a peer that can't be installed is skipped
	-$(bin)/pip install --quiet torch==2.13.0
	-$(bin)/pip install --quiet fasttext==0.9.3

bench-speed: peers  ## time a training step and an epoch beside stock Keras and PyTorch
	$(bin)/python benchmarks/speed.py

bench-accuracy: peers  ## test accuracy of the recipes and their peers; half an hour
	$(bin)/python benchmarks/accuracy.py

bench-short: setup  ## accuracy on short sentences by kind, beside VADER and TF-IDF; ARGS="--model NAME"
	-$(bin)/pip install --quiet vaderSentiment==3.3.2
	$(bin)/python benchmarks/short.py $(ARGS)

bench-sure: setup  ## accuracy on short sentences by evidence and outside of the neutral band; ARGS likewise
	$(bin)/python benchmarks/sure.py $(ARGS)

bench-predict: peers  ## time predict, from start to exit and in reviews a second
	$(bin)/python benchmarks/predict.py

bench-serve: setup  ## time serve beside MLflow's server and Keras; needs wrk; half an hour
	$(bin)/python benchmarks/serve.py $(ARGS)

bench-scale: .venv/scale/installed  ## time files of a thousand to a million texts, here and on Spark
	$(scale)/bin/python benchmarks/scale.py

bench-apart: setup  ## try RECIPES="default mine.toml" on validation films that training does not know
	$(bin)/python benchmarks/apart.py $(or $(RECIPES),default)

bench-away: setup  ## time training beside a tracking server that is away, ill or dies; ten minutes
	$(bin)/python benchmarks/away.py

bench-since: setup  ## compare this tree's speed with an earlier COMMIT; half an hour
	$(bin)/python benchmarks/since.py $(COMMIT) $(ARGS)

bench-growth: setup  ## time, memory and accuracy against reviews and units; ten to twenty minutes
	$(bin)/python benchmarks/growth.py

pictures: setup  ## take the pictures of the docs, those of MLflow from three real runs; ten minutes
	rm -rf data/pictures
	SENTIMENT_PICTURES=docs SENTIMENT_REQUIRE_CHROMIUM=1 $(bin)/pytest tests/integration/test_ui.py \
	  tests/reports/test_model_page.py

pretrained: setup  ## train the bundled model again
	$(bin)/python benchmarks/pretrained.py

clean:  ## remove .venv and what tools have cached
	rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache node_modules
