.PHONY: drill test gate setup bench-proxy soak-proxy bench-failover bench-server soak-server fuzz-server

# Runs the default drill; `make drill ARGS=split-brain` runs another one.
drill: setup
	@scripts/drill $(ARGS)

# Every check, the cheap ones first.
test: setup
	scripts/test

# The program as it is at a commit against the program as it is here, by turns under one load.
gate: setup
	scripts/gate $(or $(BASE),origin/main) $(ARGS)

setup:
	@scripts/setup

# The proxy against Shopify's and HAProxy, where they are installed; wants a quiet machine.
# `make bench-proxy ARGS="5 3 plain"` makes one of the comparisons; see the script.
bench-proxy: setup
	cargo build --release -p redrill-toxiproxy --example serve
	toxiproxy/bench/compare $(ARGS)

# Ten minutes of echoes through the proxy while its toxics change: nothing may stay behind.
soak-proxy: setup
	cargo build --release -p redrill-toxiproxy --example serve
	toxiproxy/bench/leak $(ARGS)

# What a failover costs the reference server, by mode: fifty of them, a quarter of an hour on a quiet
# machine. ARGS="--kill 5 --pause 0 ..." runs some; results are added up over runs, so that
# fifty can be run in pieces.
bench-failover: setup
	cargo build --locked -p redrill --bin redrill --example bench-failover
	target/debug/examples/bench-failover $(ARGS)

# Every route of the server beside bare axum and bare redis-rs; wants a quiet machine with two cores.
# `make bench-server ARGS=limited` measures the routes with that in their name.
bench-server: setup
	cargo build --release -p redrill-server --example bench
	ulimit -n 20000 && taskset -c 1 target/release/examples/bench $(ARGS)

# Ten minutes at 80 % of the capacity: memory, connections, tasks and keys must be what they were.
soak-server: setup
	cargo build --release -p redrill-server --example bench
	taskset -c 1 target/release/examples/bench --soak 600 $(ARGS)

# Ten minutes of schemathesis (pip install schemathesis) against /openapi.json, Redis up and away.
fuzz-server: setup
	cargo build -p redrill
	scripts/fuzz-server target/debug/redrill $(ARGS)
