# The commands of the README. `make` alone lists them.
CARGO ?= cargo

.PHONY: help dev test check stage bench functions deny prove nightly sabotage mutants fuzz

help: ## List the commands
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

dev: ## Run the whole service on this machine
	$(CARGO) run --locked -p handler -- dev

test: ## Run every test
	$(CARGO) test --workspace --locked --no-fail-fast

check: ## Formatting and lints
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings

stage: ## Lay out the application for Azure Functions in target/app
	$(CARGO) build --release --locked -p handler
	target/release/handler stage target/app

bench: ## Measure, as ratios against a floor in the same run
	$(CARGO) build --release --locked -p handler
	$(CARGO) bench --locked -p handler --bench service
	$(CARGO) bench --locked -p local --bench local -- 1000 1000 5

functions: ## Write functions/*/function.json from the table
	$(CARGO) run --locked -p handler -- functions functions

deny: ## Licences, bans and advisories (installs cargo-deny if it is missing)
	@command -v cargo-deny >/dev/null || $(CARGO) install --locked cargo-deny
	$(CARGO) deny check

prove: ## Print the figures of the proof of isolation, with counts and seeds
	CARGO="$(CARGO)" tests/prove.sh

nightly: ## The same, at length, and the fuzzers
	PROVE_TIMES=34 $(MAKE) prove
	$(MAKE) fuzz FUZZ_SECONDS=600

sabotage: ## Take the guards away one by one: a test falls for each
	tests/sabotage.sh

mutants: ## Mutate what decides who gets in (installs cargo-mutants if it is missing)
	@command -v cargo-mutants >/dev/null || $(CARGO) install --locked cargo-mutants
	$(CARGO) mutants --package pool --output target

FUZZ_SECONDS ?= 60
fuzz: ## Fuzz each target for FUZZ_SECONDS (installs cargo-fuzz if it is missing)
	@command -v cargo-fuzz >/dev/null || $(CARGO) install --locked cargo-fuzz
	CARGO="$(CARGO)" FUZZ_SECONDS=$(FUZZ_SECONDS) fuzz/run.sh
