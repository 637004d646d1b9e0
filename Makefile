.PHONY: help run build check format static test fuzz example interop bench bench-peers

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' Makefile

run: ## start with demo data: http://localhost:8080
	go run ./cmd/portvakt serve --dev

build: ## build the static binary bin/portvakt
	CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o bin/portvakt ./cmd/portvakt

check: format ## what is quick, in less than a minute: format, vet, generated files, rules of the house, tests on SQLite (small sizes)
	go build ./...
	@# Vet and tests share the processors. staticcheck, and what only the end-to-end tests' tag shows, are in static.
	@set -e; go vet ./... & vet=$$!; \
		env -u TEST_POSTGRES_URL -u REQUIRE_POSTGRES go test -short -vet=off ./... || failed=1; \
		wait $$vet && [ -z "$$failed" ]
	scripts/check-generated

format:
	@unformatted=$$(go list -tags e2e -f '{{.Dir}}' ./... | xargs gofmt -l | sort -u); \
		if [ -n "$$unformatted" ]; then echo "gofmt -w would change:"; echo "$$unformatted"; exit 1; fi

static: format ## what needs no test to run: format, vet, staticcheck, generated files
	go vet -tags e2e ./...
	go tool -modfile=tools/go.mod staticcheck -tags e2e ./...
	scripts/check-generated

test: ## everything: both engines, race detector, fuzzing, end to end, browser (sets itself up)
	scripts/test

fuzz: ## look for inputs that break a parser, a minute each (what make test runs is the same in every run)
	scripts/fuzz

example: ## run the example application of docs/integration against the real service
	cd docs/integration/example-app && go vet ./... && go test -count=1 ./...

interop: ## judges from PyPI against a development instance (needs Python; CI does not run it)
	scripts/interop

bench: ## measure the hot paths, as ratios to a floor of the same run
	go test -run '^$$' -bench . -benchmem ./...

bench-peers: ## decisions beside cedar-go and openfga; SCIM beside scimmy-routers (needs npm)
	cd bench/peers && go run .
	scripts/bench-scim
