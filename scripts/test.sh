#!/usr/bin/env bash
# Runs all tests. Needs Python 3.10 or newer and nothing else: makes .venv and installs the `test` extra.
#
#   bash scripts/test.sh                     everything
#   bash scripts/test.sh tests/text -k pairs what pytest's arguments say
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

install_textsim "[test]"
cd "$root"
# Three at a time, for two cores: many tests wait for a process. Tests that share what is slow to make stay together, see
# tests/conftest.py.
[ $# -gt 0 ] || set -- -n 3 --durations 30 --durations-min 5
exec python -m pytest "$@"
