#!/usr/bin/env bash
# The whole road on the bundled demo data, with the `textsim` on PATH: preprocess, train, evaluate, score.
#
#   bash scripts/demo.sh FOLDER
set -euo pipefail

out="${1:?expected the folder to write to}"
demo="$(python -c 'from importlib.resources import files; print(files("textsim.resources") / "demo")')"
run() {
    printf '\n\033[1m$ '
    printf '%q ' "$@"
    printf '\033[0m\n'
    "$@"
}

mkdir -p "$out"
run textsim preprocess "$demo/pairs_train.tsv" --dev "$demo/pairs_dev.tsv" --out "$out/dataset" --overwrite
run textsim train "$out/dataset" --out "$out/model" --overwrite
run textsim evaluate "$out/model" "$demo/pairs_dev.tsv"
run textsim score "$out/model" 花呗怎么还款 怎样还花呗
