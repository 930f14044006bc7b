# Every target sets up what it needs: a CPython 3.10 or 3.11, make and a package registry are enough (and a C++ compiler for
# the reference engine). TORCH_INDEX=https://download.pytorch.org/whl/cpu takes PyTorch's much smaller CPU wheels.

BIN := .venv/bin
export TORCH_INDEX

.DEFAULT_GOAL := help
.PHONY: help setup demo demo-serve image-test test test-slow torture check lint types format clean accessories pictures

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## make .venv with m2fp, its tools and, on CPython 3.10, the reference engine
	@python=$$(bash setup/find_python.sh) && "$$python" setup/install.py

demo: setup ## parse the example photos with the bundled model, into m2fp-out
	$(BIN)/m2fp parse examples --model starter -o m2fp-out

demo-serve: setup ## start the web page with the bundled model, on http://127.0.0.1:5000
	$(BIN)/m2fp serve --model starter

image-test: ## build the image and try it, without a registry or a daemon (root, buildah, debootstrap)
	bash setup/image_test.sh

test: setup ## run the tests, but for the slow ones; about two minutes
	$(BIN)/python -m pytest

test-slow: setup ## run the slow tests: pages in Chromium, the whole service, training, killed runs
	$(BIN)/python -m pytest -m "slow and not long"

torture: setup ## hostile files, killed processes, full disks, fuzzed readers; some minutes, complete as root
	$(BIN)/python -m tests.torture

check: lint types test ## lint, check the types, run the tests

lint: setup ## judge style and layout of the code
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup ## check the types
	$(BIN)/mypy

format: setup ## lay the code out as lint wants it
	$(BIN)/ruff check --fix --select I .
	$(BIN)/ruff format .

pictures: setup ## draw the README's picture again
	$(BIN)/python docs/pictures.py docs/overview.png

accessories: setup ## draw the accessories again from their sources
	$(BIN)/python accessories/sources/build.py

clean: ## remove the environment and all caches in the checkout
	rm -rf .venv .venv-tools .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
