# Two commands matter: `make run` and `make test`.

TARGET := $(or $(CARGO_TARGET_DIR),target)
# Further arguments for what `run`, `test` and `bench` start: make run ARGS="--listen 127.0.0.1:9000"
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help run build test lint fmt bench prepare

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: build ## Run the shop on http://127.0.0.1:8080, with a PostgreSQL of its own unless DATABASE_URL is set
	@exec $(TARGET)/release/daybook serve $(ARGS)

build: ## Build the binary daybook in release mode
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
