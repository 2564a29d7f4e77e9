# The commands of the README. `make` alone lists them.
CARGO ?= cargo

.PHONY: help dev test servers check stage package bench functions deny edge sbom infra contract smoke-azure prove nightly sabotage mutants fuzz

help: ## List the commands
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

dev: ## Run the whole service on this machine
	$(CARGO) run --locked -p handler -- dev

test: servers ## Run every test, on both backends, and every check of the deployment
	$(CARGO) test --workspace --locked --no-run
	tests/loopback $(CARGO) test --workspace --locked --offline --no-fail-fast
	TESTS_BACKEND=azure tests/loopback $(CARGO) test --workspace --locked --offline --test it
	$(MAKE) infra edge contract

servers: ## Install the servers that tests start: Azurite, an OpenID provider, Microsoft's SDKs
	$(CARGO) test --workspace --locked --test install

check: ## Formatting and lints
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings

stage: ## Lay out the application for Azure Functions in target/app
	$(CARGO) build --release --locked -p handler
	target/release/handler stage target/app

package: stage ## Pack it, the same bytes every time, into target/app.zip, and have doctor look at it
	target/release/handler stage target/app --zip target/app.zip
	target/release/handler doctor --package target/app.zip

bench: servers ## Measure, as ratios against a floor in the same run
	$(CARGO) build --release --locked -p handler
	$(CARGO) bench --locked -p handler --bench service
	$(CARGO) bench --locked -p local --bench local -- 1000 1000 5
	tests/loopback $(CARGO) bench --locked --offline -p azure --bench storage

smoke-azure: ## Hold the law of each port against a real subscription, told by its settings
	$(CARGO) run --locked -p handler --example smoke

functions: ## Write functions/*/function.json and infra/openapi.json from the table
	$(CARGO) run --locked -p handler -- functions functions
	$(CARGO) run --locked -p handler -- openapi >infra/openapi.json

# A snapshot of the RustSec database, where there is one, as cargo-deny would have cloned it.
TESTDATA ?= ../shared/testdata
SNAPSHOT := $(firstword $(wildcard $(TESTDATA)/rustsec-advisory-db-*.tar.gz))
ADVISORIES := target/advisory-dbs/advisory-db-3157b0e258782691

deny: $(if $(SNAPSHOT),$(ADVISORIES)/.git/FETCH_HEAD) ## Licences, bans and advisories (installs cargo-deny if it is missing)
	@command -v target/tools/bin/cargo-deny cargo-deny >/dev/null || $(CARGO) install --locked --root target/tools cargo-deny@0.20.2
	$(CARGO) fetch --locked
	PATH=$(CURDIR)/target/tools/bin:$$PATH cargo-deny $(if $(SNAPSHOT),--offline) check

$(ADVISORIES)/.git/FETCH_HEAD: $(SNAPSHOT)
	rm -rf $(ADVISORIES) && mkdir -p $(ADVISORIES)
	tar -xzf $(SNAPSHOT) -C $(ADVISORIES)
	cd $(ADVISORIES) && git init -q && git add -A && \
		git -c user.name=snapshot -c user.email=snapshot@localhost commit -q -m snapshot && touch .git/FETCH_HEAD

INFRA := target/infra

infra: $(INFRA)/ready ## Check what is deployed: Bicep against Azure's schemas, roles, conditions, settings, hooks
	CHECKOV=$(CURDIR)/$(INFRA)/checkov/bin/checkov PATH=$(CURDIR)/$(INFRA)/venv/bin:$$PATH \
		$(INFRA)/venv/bin/python -B -m pytest -q -rs -p no:cacheprovider infra/check --ignore=infra/check/edge

# Checkov wants older packages than the tests do.
$(INFRA)/ready: infra/check/requirements.txt infra/check/checkov.txt
	mkdir -p $(INFRA)
	python3 -m venv --clear $(INFRA)/venv
	$(INFRA)/venv/bin/pip install -q --disable-pip-version-check -r infra/check/requirements.txt
	python3 -m venv --clear $(INFRA)/checkov
	$(INFRA)/checkov/bin/pip install -q --disable-pip-version-check -r infra/check/checkov.txt
	touch $@

EDGE := target/edge

edge: $(EDGE)/ready ## Check the edge: gateway, queries, workflows, container, supply chain, links
	NODE_PATH=$(CURDIR)/$(EDGE)/node_modules PATH=$(CURDIR)/$(EDGE)/venv/bin:$$PATH \
		$(EDGE)/venv/bin/python -B -m pytest -q -rs -p no:cacheprovider infra/check/edge

CONTRACT := target/contract

contract: $(CONTRACT)/ready ## Ask the service what its OpenAPI description allows and forbids, and hold the answers to it
	$(CARGO) build --locked -p handler
	tests/contract/run.sh

$(CONTRACT)/ready: tests/contract/requirements.txt
	python3 -m venv --clear $(CONTRACT)
	$(CONTRACT)/bin/pip install -q --disable-pip-version-check -r $<
	touch $@

sbom: $(EDGE)/ready ## Write the bill of materials of the binary, CycloneDX, to target/handler.cdx.json
	$(EDGE)/venv/bin/python -B infra/check/edge/sbom.py target/handler.cdx.json

$(EDGE)/ready: infra/check/edge/requirements.txt infra/check/edge/package-lock.json
	mkdir -p $(EDGE)
	python3 -m venv --clear $(EDGE)/venv
	$(EDGE)/venv/bin/pip install -q --disable-pip-version-check -r infra/check/edge/requirements.txt
	cp infra/check/edge/package.json infra/check/edge/package-lock.json $(EDGE)
	npm ci --prefix $(EDGE) --ignore-scripts --no-audit --no-fund --loglevel=error
	touch $@

prove: ## Print the figures of the proof of isolation, with counts and seeds
	CARGO="$(CARGO)" tests/prove.sh

nightly: ## The same, at length, and the fuzzers
	PROVE_TIMES=34 $(MAKE) prove
	CONTRACT_EXAMPLES=200 $(MAKE) contract
	$(MAKE) fuzz FUZZ_SECONDS=600

sabotage: ## Take the guards away one by one: a test falls for each
	tests/sabotage.sh

mutants: export TESTDATA := $(abspath $(TESTDATA))
mutants: ## Mutate what decides who gets in (installs cargo-mutants if it is missing)
	@command -v cargo-mutants >/dev/null || $(CARGO) install --locked cargo-mutants
	@mkdir -p target/mutants
	$(CARGO) mutants --package pool --output target/mutants/pool
	$(CARGO) mutants --no-config --minimum-test-timeout 60 --package handler --file handler/src/problem.rs --output target/mutants/problem -- --lib
	$(CARGO) mutants --no-config --minimum-test-timeout 60 --package local --file handler/local/src/render.rs --output target/mutants/sqlite -- --test adapters
	$(CARGO) mutants --no-config --minimum-test-timeout 60 --package azure --file handler/azure/src/records/render.rs --output target/mutants/cosmos -- --test cosmos
	$(CARGO) mutants --no-config --minimum-test-timeout 60 --package azure --file handler/azure/src/index/filter.rs --output target/mutants/odata -- --lib --test search

FUZZ_SECONDS ?= 60
fuzz: ## Fuzz each target for FUZZ_SECONDS (installs cargo-fuzz if it is missing)
	@command -v cargo-fuzz >/dev/null || $(CARGO) install --locked cargo-fuzz
	CARGO="$(CARGO)" FUZZ_SECONDS=$(FUZZ_SECONDS) fuzz/run.sh
