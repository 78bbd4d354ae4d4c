# A thin front to the npm scripts. Each target does its own set-up on a fresh machine.
.PHONY: demo test check cluster-down setup

setup:
	@sh scripts/setup.sh

demo: setup
	@npm run -s demo

test: setup
	@npm run -s test

check: setup
	@npm run -s check

cluster-down: setup
	@npm run -s cluster -- down
