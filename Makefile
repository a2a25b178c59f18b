# Two commands matter: `make run` and `make test`.

TARGET := $(or $(CARGO_TARGET_DIR),target)
# More arguments for the programs that `run`, `test` and `bench` start: make run ARGS="--listen 127.0.0.1:9000"
ARGS ?=
# The file that `demo-retail` imports: UCI Online Retail (doi 10.24432/C5BW33) as CSV with ISO dates, or a similar file.
CSV ?=

.DEFAULT_GOAL := help
.PHONY: help run demo-retail build release test lint fmt bench prepare

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: build ## Run the shop on http://127.0.0.1:8080, with a PostgreSQL of its own unless DATABASE_URL is set
	@exec $(TARGET)/quick/daybook serve $(ARGS)

demo-retail: ## Import the year of a real shop: make demo-retail CSV=online-retail.csv
	@[ -f "$(CSV)" ] || { echo "demo-retail: name the file: make demo-retail CSV=online-retail.csv" >&2; exit 2; }
	@$(MAKE) --no-print-directory build
	@$(TARGET)/quick/daybook import orders "$(CSV)" --source online-retail --currency GBP $(ARGS)
	@echo
	@echo "Now start the shop with \`make run\`, sign in as its admin, and look at"
	@echo "  GET /api/v1/analytics/sales?interval=month&timeZone=Europe/London"
	@echo "  GET /api/v1/analytics/top-products?by=revenue    and  /analytics/customers, /analytics/cohorts"
	@echo "  GET /api/v1/orders?status=imported"
	@echo "or see how far the read models are: $(TARGET)/quick/daybook projections status"

build: ## Build the binary for `run`: in a few minutes, little optimised
	@scripts/prepare run
	cargo build --profile quick --bin daybook

release: ## Build the binary as it is released: optimised, which takes three times as long
	@scripts/prepare run
	cargo build --release --bin daybook

test: ## Check format and lints, and run all tests against PostgreSQL
	@scripts/prepare test
	@scripts/test $(ARGS)

lint: ## Check format and lints only
	@scripts/prepare lint
	@scripts/lint

fmt: ## Format the code
	cargo fmt --all

bench: ## Compare with stock cqrs-es and with pgbench; figures in target/bench
	@scripts/prepare bench
	cargo run --release -p daybook-benches -- $(ARGS)
