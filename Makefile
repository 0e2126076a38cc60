.PHONY: drill test setup

# Runs the default drill; `make drill ARGS=split-brain` runs another one.
drill: setup
	@scripts/drill $(ARGS)

# Every check, the cheap ones first.
test: setup
	scripts/test

setup:
	@scripts/setup
