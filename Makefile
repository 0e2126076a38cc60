.PHONY: drill test setup bench-proxy

# Runs the default drill; `make drill ARGS=split-brain` runs another one.
drill: setup
	@scripts/drill $(ARGS)

# Every check, the cheap ones first.
test: setup
	scripts/test

setup:
	@scripts/setup

# The proxy against Shopify's and HAProxy, where they are installed; wants a quiet machine.
bench-proxy: setup
	cargo build --release -p redrill-toxiproxy --example serve
	toxiproxy/bench/compare
