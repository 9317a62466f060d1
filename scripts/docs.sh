#!/usr/bin/env bash
# Builds the documentation, in Chinese and English. Needs Python 3.10 or newer and nothing else: makes .venv and installs
# the `docs` extra. A warning is an error.
#
#   bash scripts/docs.sh            writes to runs/docs: open runs/docs/index.html
#   bash scripts/docs.sh FOLDER     writes to FOLDER
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

install_textsim "[docs]"
exec python "$root/docs/build.py" "${1:-$root/runs/docs}"
