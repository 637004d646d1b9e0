.PHONY: help run build check static test interop bench

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' Makefile

run: ## start with demo data: http://localhost:8080
	go run ./cmd/portvakt serve --dev

build: ## build the static binary bin/portvakt
	CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o bin/portvakt ./cmd/portvakt

check: static ## everything quick: format, vet, staticcheck, generated files, rules of the house, tests on SQLite
	env -u TEST_POSTGRES_URL -u REQUIRE_POSTGRES go test ./...

static: ## what needs no test to run: format, vet, staticcheck, generated files
	@unformatted=$$(go list -tags e2e -f '{{.Dir}}' ./... | xargs gofmt -l | sort -u); \
		if [ -n "$$unformatted" ]; then echo "gofmt -w would change:"; echo "$$unformatted"; exit 1; fi
	go vet -tags e2e ./...
	go tool -modfile=tools/go.mod staticcheck -tags e2e ./...
	scripts/check-generated

test: ## everything: both engines, race detector, fuzzing, end to end, browser (sets itself up)
	scripts/test

interop: ## judges from PyPI against a development instance (needs Python; CI does not run it)
	scripts/interop

bench: ## measure the hot paths, as ratios to a floor of the same run
	go test -run '^$$' -bench . -benchmem ./...
