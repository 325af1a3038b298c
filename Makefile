# Two commands do everything on a fresh machine: `make demo` and `make test`.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

TESTBED := tests/testbed/cluster
CARGO ?= cargo
# Cluster tests share two cores with the cluster itself.
THREADS ?= 4

.PHONY: help
help: ## List the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  \1\t\2/' | expand -t 18

# The simulator is the longest suite without a cluster; optimised a little it takes half the time.
SIMULATED = $(CARGO) --config profile.dev.package.andante.opt-level=1

.PHONY: demo
demo: ## A good and a bad release under load, on the bundled cluster (or on the one that KUBECONFIG names)
	@tests/demo/run

.PHONY: cluster
cluster: ## Bring up the bundled cluster (built at first: about 15 minutes; then under a minute)
	@$(TESTBED) up

.PHONY: cluster-down
cluster-down: ## Remove every trace of the bundled cluster but its built binaries
	@$(TESTBED) down

.PHONY: test
test: lint test-unit test-cluster ## Everything that CI runs

.PHONY: test-full
test-full: lint test-unit fuzz-check image image-again ## Everything, with every long case and many more simulated seeds
	@ANDANTE_SIM_SEEDS=20000 $(SIMULATED) test --locked --test simulator
	@CARGO=$(CARGO) THREADS=$(THREADS) tests/with-cluster tests/live
	@$(if $(KUBECONFIG),echo "KUBECONFIG is set: nothing was tried on the oldest Knative",$(MAKE) --no-print-directory test-oldest)

.PHONY: fuzz-check
fuzz-check: ## The fuzz targets compile (four minutes from nothing; needs a C++ compiler)
	@$(CARGO) check --locked --manifest-path fuzz/Cargo.toml --target-dir target/fuzz

.PHONY: test-oldest
test-oldest: image ## The live promises on the oldest Knative; replaces the bundled cluster by one that runs it
	@export ANDANTE_TESTBED_KNATIVE=0.48 CARGO=$(CARGO) THREADS=$(THREADS); \
	env -u KUBECONFIG tests/with-cluster tests/live --skip long_

.PHONY: lint
lint: ## Format, lints and (where it is installed) licences and advisories of dependencies
	@$(CARGO) fmt --check
	@$(CARGO) clippy --all-targets --locked -- -D warnings
	@if command -v cargo-deny >/dev/null; then cargo deny check bans licenses sources; \
	  else echo "cargo-deny is not installed: licences were not checked"; fi

.PHONY: test-unit
test-unit: ## Everything that needs no cluster
	@tests/registry/tools
	@$(CARGO) test --locked -- --skip sim::
	@$(SIMULATED) test --locked --test simulator

.PHONY: test-cluster
test-cluster: image ## One live pass of each promise on the real cluster
	@CARGO=$(CARGO) THREADS=$(THREADS) tests/with-cluster tests/live --skip long_

.PHONY: bench
bench: release-binary ## Figures: size, start-up, memory, requests, time to roll back, who waits for pods, how soon a run starts (50 minutes)
	@$(CARGO) bench --bench decide
	@tests/with-cluster $(CARGO) bench --profile dev --bench live
	@tests/with-cluster $(CARGO) bench --profile dev --bench live -- pods
	@tests/with-cluster $(CARGO) bench --profile dev --bench live -- starting

TARGET := x86_64-unknown-linux-gnu
BINARY := target/$(TARGET)/release/andante
# Static, small (the linker, Rust's own lld, keeps one of functions that have the same code), and the same bytes wherever the
# sources and Cargo's home lie.
RELEASE_FLAGS := -C target-feature=+crt-static -C link-arg=-Wl,-z,pack-relative-relocs \
  -C link-arg=-Wl,--no-eh-frame-hdr -C link-arg=-Wl,--icf=all -C link-arg=images/release.ld \
  --remap-path-prefix=$(CURDIR)=/andante --remap-path-prefix=$(or $(CARGO_HOME),$(HOME)/.cargo)=/cargo

.PHONY: bench-evidence
bench-evidence: ## Error rates, bad requests, durations and CPU of the judgement, simulated with fixed seeds (ANDANTE_RUNS=20000)
	@$(CARGO) $(foreach p,andante libm rand rand_chacha rand_core rand_distr,--config profile.dev.package.$(p).opt-level=3) \
	  bench --profile dev --bench evidence

.PHONY: bench-binding
bench-binding: release-binary ## What following 1, 100 and 1,000 Services asks and holds in an hour of nothing (MINUTES=60)
	@$(CARGO) bench --profile dev --bench live -- binding $(or $(MINUTES),60)

.PHONY: release-binary
release-binary: ## One static binary, as it is shipped
	@RUSTFLAGS="$(RELEASE_FLAGS)" $(CARGO) build --release --locked --target $(TARGET)

IMAGE := target/image/andante.tar
CRATE_VERSION = $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)
REVISION = $(shell git rev-parse HEAD)$(shell git diff --quiet HEAD || echo -dirty)
CREATED = $(shell git log -1 --format=%ct)

.PHONY: image
image: release-binary ## The image as an OCI archive; PUSH=REGISTRY/REPOSITORY:TAG pushes it (PLAIN_HTTP=1 without TLS)
	@images/build $(BINARY) $(IMAGE) --version "$(CRATE_VERSION)" --revision "$(REVISION)" --created "$(CREATED)" $(if $(SOURCE),--source "$(SOURCE)")
	@$(if $(PUSH),images/push $(IMAGE) "$(PUSH)" $(if $(PLAIN_HTTP),--dest-tls-verify=false),:)

.PHONY: release
release: ## VERSION=1.2.3 REPOSITORY=registry.example.com/andante: a release, up to where credentials are needed
	@.ci/release "$(VERSION)" "$(REPOSITORY)"

.PHONY: image-again
image-again: image ## Build the image once more, from a copy of the tree elsewhere: the bytes must be the same
	@copy=$$(mktemp -d); trap 'rm -rf "$$copy"' EXIT; git ls-files -z | xargs -0 cp --parents -t "$$copy"; \
	$(MAKE) --no-print-directory -C "$$copy" image REVISION="$(REVISION)" CREATED="$(CREATED)"; \
	cmp $(IMAGE) "$$copy/$(IMAGE)"; echo "two builds in two places: one digest"
