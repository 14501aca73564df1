# Every target at most three lines; what is longer lives in a crate. `make help` lists them.
SHELL := /bin/bash
CARGO ?= cargo
PROFILE ?= dist
SEEDS ?= 2000
FROM ?= 1
# A binary chosen by its name alone shares the dependencies of every test; what ships is built with no feature but its own.
SHIPPED = $(if $(filter dev,$(PROFILE)),--bin kubemend,-p kubemend-operator)
IMAGE ?= kubemend.io/kubemend:0.1.0 # as in manifests/deployment.yaml

help: ## What there is
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: ## Break two apps on a real cluster and watch them heal; leaves the cluster up (DEMO=--fake needs no root)
	@$(CARGO) build --bin kubemend --bin kubemend-lab --bin demo
	@$(CARGO) run --quiet --bin demo -- $(DEMO)

demo-down: ## End the demo's cluster
	@$(CARGO) run --quiet --bin kubemend-lab -- down

check: ## Format, lints, docs
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --quiet -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --quiet

unit: ## Unit, property, scenario and simulation tests
	$(CARGO) test --workspace --lib --bins --quiet
	$(CARGO) test --workspace --exclude kubemend-tests --exclude kubemend-faults --test '*' --quiet
	$(CARGO) test --workspace --doc --quiet

sim: ## Seeded histories of a failing cluster under the production code (SEEDS=n FROM=seed)
	@$(CARGO) run --quiet --bin kubemend-campaign -- seeds --seeds $(SEEDS) --from $(FROM)

crashes: ## Seven stories with a crash before and after every write, and with every reply lost
	@$(CARGO) run --quiet --bin kubemend-campaign -- stories

cluster: ## The proofs on a real cluster
	@$(CARGO) run --quiet --bin kubemend-lab -- build
	@$(MAKE) --silent image PROFILE=dev
	$(CARGO) test --workspace --test crds --test stories --test sample

faults: ## Every planned fault between the operator and a real API server; goes on where it stopped (PLANS="one plan")
	@$(CARGO) run --quiet --bin kubemend-lab -- build && $(CARGO) build --quiet --bin kubemend
	@$(CARGO) run --quiet --bin faults -- $(PLANS)

image: ## Write target/image/kubemend.tar, the container image, without a daemon (PROFILE=dev is quicker)
	$(CARGO) build --quiet $(SHIPPED) --profile $(PROFILE) && mkdir -p target/image
	@$(CARGO) run --quiet --bin kubemend-lab -- pack target/$(PROFILE:dev=debug)/kubemend --tag $(IMAGE) --output target/image/kubemend.tar

test: check unit sim crashes cluster ## Every test

bench: ## Speed, memory, latency and API cost against baselines, as ratios (BENCH="--only memory --quick")
	$(CARGO) bench -p kubemend-engine && $(CARGO) build --release -p kubemend-operator
	@$(CARGO) run --release -p kubemend-bench -- $(BENCH)

fuzz: ## Hostile inputs for every parser of outside data, ten minutes (FUZZ="--seconds 60 --target pods")
	$(CARGO) run --quiet --bin kubemend-fuzz -- $(FUZZ)

mutants: ## Plant deliberate bugs in a copy, one at a time; the proofs must catch each (MUTANTS="part of a name")
	$(CARGO) run --quiet --bin kubemend-mutants -- "$(MUTANTS)"

crds: ## Write crds/ from the types
	UPDATE=1 $(CARGO) test --quiet -p kubemend-api --test crds

.PHONY: help demo demo-down check unit sim crashes cluster test bench crds image fuzz mutants faults
