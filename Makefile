# The doors of the project; `make run` and `make test` do all the set-up themselves.
.PHONY: run stop test soak guest-test lint format lock bench install clean

run: ## from nothing to an HTTP answer out of a container
	@packaging/setup.sh run
	@packaging/demo.sh

stop: ## end what `make run` left running
	@packaging/stop.sh

test: ## linters and all tests; as root, in namespaces of their own
	@packaging/setup.sh test
	@.venv/bin/python -m pytest --verbose $(TESTS)

soak: ## the tests that look for rare faults, SOAK times longer than in `make test`
	@packaging/setup.sh test
	@BOXSHIP_SOAK=$(or $(SOAK),20) .venv/bin/python -m pytest --verbose $(or $(TESTS),tests/fuzz tests/engine/test_races.py)

guest-test: ## the engine on control groups version 2 and under systemd, in an emulated machine
	@tests/guest/run.sh $(KINDS)

lint: ## ruff and mypy
	@packaging/setup.sh test
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy

format: ## let ruff rewrite the code
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

lock: ## pin the dependencies anew (needs uv)
	uv pip compile pyproject.toml --quiet --upgrade --generate-hashes --no-emit-index-url --no-header --no-annotate --python-version 3.11 --python-platform linux --output-file requirements.lock
	uv pip compile pyproject.toml --extra test --quiet --upgrade --generate-hashes --no-emit-index-url --no-header --no-annotate --python-version 3.11 --python-platform linux --constraint requirements.lock --output-file requirements-dev.lock
	uv pip compile packaging/docker-py.in --quiet --upgrade --generate-hashes --no-emit-index-url --no-header --no-annotate --python-version 3.11 --python-platform linux --output-file requirements-docker-py.lock

bench: ## measure against the peers that are installed
	@packaging/setup.sh test
	@bench/run.sh $(SUITES)

install: ## for the whole machine, below PREFIX (default /usr/local)
	@packaging/install.sh

clean: ## remove what the other targets made in this directory
	rm -rf .venv .tools .run build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
