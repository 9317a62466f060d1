#!/usr/bin/env bash
# From a bare Python 3.10 or newer to a matcher trained, judged and put to use on the bundled demo data.
# Makes .venv and downloads packages, nothing else. Run again, it finds the packages there.
#
#   bash scripts/quickstart.sh            writes to runs/quickstart
#   bash scripts/quickstart.sh FOLDER     writes to FOLDER
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

install_textsim "[train]"
bash "$root/scripts/demo.sh" "${1:-$root/runs/quickstart}"
say "From now on: source '$venv/bin/activate', then textsim --help"
