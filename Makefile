.PHONY: drill test setup bench-proxy bench-failover

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

# What a failover costs the reference server, by mode: fifty of them, a quarter of an hour on a quiet
# machine. ARGS="--kill 5 --pause 0 ..." runs some; results are added up over runs, so that
# fifty can be run in pieces.
bench-failover: setup
	cargo build --locked -p redrill --bin redrill --example bench-failover
	target/debug/examples/bench-failover $(ARGS)
