# The commands of the README. `make` alone lists them.
CARGO ?= cargo

.PHONY: help dev test check stage package bench functions deny edge sbom

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

package: stage ## Pack it, the same bytes every time, into target/app.zip, and have doctor look at it
	target/release/handler stage target/app --zip target/app.zip
	target/release/handler doctor --package target/app.zip

bench: ## Measure, as ratios against a floor in the same run
	$(CARGO) build --release --locked -p handler
	$(CARGO) bench --locked -p handler --bench service
	$(CARGO) bench --locked -p local --bench local -- 1000 1000 5

functions: ## Write functions/*/function.json from the table
	$(CARGO) run --locked -p handler -- functions functions

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

EDGE := target/edge

edge: $(EDGE)/ready ## Check the edge: gateway, queries, workflows, container, supply chain, links
	NODE_PATH=$(CURDIR)/$(EDGE)/node_modules PATH=$(CURDIR)/$(EDGE)/venv/bin:$$PATH \
		$(EDGE)/venv/bin/python -B -m pytest -q -p no:cacheprovider infra/check/edge

sbom: $(EDGE)/ready ## Write the bill of materials of the binary, CycloneDX, to target/handler.cdx.json
	$(EDGE)/venv/bin/python -B infra/check/edge/sbom.py target/handler.cdx.json

$(EDGE)/ready: infra/check/edge/requirements.txt infra/check/edge/package-lock.json
	mkdir -p $(EDGE)
	python3 -m venv --clear $(EDGE)/venv
	$(EDGE)/venv/bin/pip install -q --disable-pip-version-check -r infra/check/edge/requirements.txt
	cp infra/check/edge/package.json infra/check/edge/package-lock.json $(EDGE)
	npm ci --prefix $(EDGE) --ignore-scripts --no-audit --no-fund --loglevel=error
	touch $@
