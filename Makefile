# The commands of this project. On a fresh Debian machine, as root, each of them installs what it needs.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:

export PATH := $(CURDIR)/.venv/bin:$(PATH)
export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/.cache
# What the tests need of the distribution: program, or program:package.
PROGRAMS := shellcheck git execlineb:execline nft:nftables s6-svscan:s6 xinetd stunnel4 runsv:runit tcpserver:ucspi-tcp-ipv6
LINK := .cache/ansible_collections/ondemand/superserver

.PHONY: help venv collection lab test test-all checks lint sanity unit molecule demo bench docs clean

help:  ## show this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 18

venv:  ## the Python packages of requirements.txt in .venv
	@tests/quality/setup

collection: venv  ## the checkout on a collections path (.cache), by a symbolic link
	@mkdir -p $(dir $(LINK))
	@ln -sfn $(CURDIR) $(LINK)

lab: venv  ## podman and what else the container hosts need, and their images
	@tests/lab/lab deps
	@tests/lab/lab image --all >/dev/null

test: collection  ## every check and test; the last line is "N passed, N failed"
	@tests/quality/setup $(PROGRAMS)
	@tests/quality/all

test-all: collection  ## the whole matrix of tests/matrix.yml, for before a release; continues after an interruption
	@tests/quality/setup $(PROGRAMS)
	@tests/quality/matrix

checks: collection  ## write the list of all checks, tests/checks.txt, anew from the last run of make test
	@tests/quality/checks --write

lint: collection  ## one stage of the tests
	@tests/quality/setup $(PROGRAMS)
	@tests/quality/lint

sanity unit molecule: collection  ## one stage of the tests
	@tests/quality/$@

demo: collection lab  ## one container host per backend, example services on each, and a table of what answers
	@tests/demo/run

bench: collection lab  ## what a run costs, compared with the usual way in the same run
	@tests/benchmark/run

docs: collection  ## the documentation as HTML
	@tests/quality/docs

clean:  ## remove containers, images, caches and .venv
	@tests/lab/lab clean --images
	@find . -name __pycache__ -prune -exec rm -rf {} +
	@rm -rf .cache .venv tests/output
