# The commands of the README. `make` alone lists them.
CARGO ?= cargo

.PHONY: help dev test servers check stage bench functions deny

help: ## List the commands
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

dev: ## Run the whole service on this machine
	$(CARGO) run --locked -p handler -- dev

test: ## Run every test
	$(CARGO) test --workspace --locked --no-fail-fast

servers: ## Install the servers that tests start (they do it by themselves, too)
	$(CARGO) test --locked -p doubles --test install

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
	$(CARGO) bench --locked -p azure --bench storage

functions: ## Write functions/*/function.json from the table
	$(CARGO) run --locked -p handler -- functions functions

deny: ## Licences, bans and advisories (installs cargo-deny if it is missing)
	@command -v cargo-deny >/dev/null || $(CARGO) install --locked cargo-deny
	$(CARGO) deny check
