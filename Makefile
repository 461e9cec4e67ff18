# Everything a developer does. Root on Linux is needed for the lab only.
SHELL := /bin/bash -o pipefail
export CGO_ENABLED ?= 0
export GOFLAGS := $(shell go env GOFLAGS) -trimpath # for all, or what programs and tests share is compiled twice
LAB_PACKAGES := curl iproute2 iptables iputils-ping mmdebstrap nftables openssh-client openssh-server squashfs-tools systemd-container xorriso
VAGRANT_PACKAGES := e2fsprogs libvirt-clients libvirt-daemon-system qemu-system-x86 qemu-utils vagrant vagrant-libvirt
JUDGE_PACKAGES := lynis ssh-audit
BENCH_PACKAGES := ansible-core lynis
BUILD := go build -trimpath -buildvcs=auto
AGENT := $(BUILD) -ldflags '-s -w'
FOLDERS := addons cmd hardening inventory k3s provision testinfra

.PHONY: vagrant-deps vagrant-up test-vagrant test-libvirt vagrant-down bundle deps build agents test lint unit e2e lab demo judges bench golden fuzz clean

deps: ## Debian packages of the lab; asks for nothing that is already there
	@.ci/deps $(LAB_PACKAGES)

agents: ## the node agents, which the binary embeds
	@.ci/agents hardening/agent/bin $(AGENT)

build: agents
	$(BUILD) -o bin/ ./cmd/k3sedge ./cmd/k3sedge-lab

test: deps lint unit e2e ## all of it; what cannot run here says so in one sentence

lint: agents bin/staticcheck
	@test -z "$$(gofmt -l $(FOLDERS))" || { gofmt -l $(FOLDERS); echo "error: not gofmt-clean; run: gofmt -w ."; exit 1; }
	go vet ./... && go vet -tags vagrant ./testinfra/...
	bin/staticcheck ./...
	cd testinfra/labk3s && go vet ./...
	cd testinfra/certmanager/vcert && go vet ./...
	go test -count=1 ./testinfra/style

unit: agents
	go test -short -coverprofile=bin/cover.out ./...
	cd testinfra/labk3s && go test -short ./...
	@.ci/coverage bin/cover.out 90 inventory provision/converge hardening

bundle: ## the lab's K3s and the real Traefik, built once for each content
	@.ci/bundle bin/bundle

e2e: deps build bundle
	@.ci/deps $(JUDGE_PACKAGES) || echo "the judges are left out: their packages could not be installed"
	@.ci/kubectl bin/kubectl
	@.ci/e2e go test -p 1 -count=1 -timeout 60m -v ./testinfra/lab ./testinfra/e2e

lab: deps build bundle
	bin/k3sedge-lab up --bundle bin/bundle

demo: deps build bundle ## out of nothing: two machines, hardened, K3s, Traefik and a service
	@.ci/demo

judges: deps build ## ssh-audit, lynis and a prober look at a hardened machine
	@.ci/deps $(JUDGE_PACKAGES) || echo "the judges are left out: their packages could not be installed"
	@.ci/e2e go test -count=1 -timeout 20m -v -run '^TestJudges$$' ./testinfra/e2e

vagrant-up: deps vagrant-deps build ## two whole Debian machines with k3sedge on them; SUITE=trixie, BOX=name, K3S=real
	@.ci/vagrant up

vagrant-deps: # Debian packages for whole machines
	@.ci/vagrant deps $(VAGRANT_PACKAGES)

test-vagrant: vagrant-up ## the promises, one test each, on whole machines; leaves nothing behind
	@.ci/vagrant test

test-libvirt: deps vagrant-deps build ## one whole machine that the stand-in for Proxmox makes, and restarts
	@.ci/e2e go test -tags vagrant -count=1 -timeout 30m -v -run '^TestWholeMachine$$' ./testinfra/e2e

vagrant-down: build ## removes the machines and what a killed run left
	@.ci/vagrant down

bench: deps build bundle
	@.ci/deps $(BENCH_PACKAGES) || echo "the peers are left out of the benchmarks: their packages could not be installed"
	@.ci/kubectl bin/kubectl
	@.ci/e2e go test -run '^$$' -bench . -benchtime 20x -timeout 50m ./testinfra/e2e

golden: ## write the golden files anew; git diff shows what changed
	go test ./inventory ./provision ./hardening ./hardening/firewall ./hardening/report ./k3s ./k3s/kubeconfig ./addons ./addons/object ./addons/gitops ./addons/traefik ./addons/certmanager ./addons/cloudflare ./addons/cloudflared ./cmd/internal/cli -update
	go test -short ./testinfra/lab -update

fuzz: ## every parser's fuzz target for 20 s each
	@.ci/fuzz 20s

bin/staticcheck: tools/go.mod
	cd tools && go build -o ../bin/staticcheck honnef.co/go/tools/cmd/staticcheck

clean:
	! test -x bin/k3sedge-lab || bin/k3sedge-lab down
	rm -rf bin hardening/agent/bin/k3sedge-node-*
