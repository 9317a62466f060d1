#!/usr/bin/env bash
# The whole road on the bundled demo data, with the `textsim` on PATH: preprocess, train, evaluate, score.
#
#   bash scripts/demo.sh FOLDER [OPTION...]     OPTION: of `textsim train`
set -euo pipefail

out="${1:?expected the folder to write to}"
shift
demo="$(python -c 'from importlib.resources import files; print(files("textsim.resources") / "demo")')"

# Shows a command, then runs it.
run() {
    {
        printf '\n\033[1m$'
        printf ' %q' "$@"
        printf '\033[0m\n'
    } >&2
    "$@"
}

mkdir -p "$out"
# With as few pairs, a model that goes on from the bundled one is well ahead of one from nothing.
run textsim preprocess "$demo/pairs_train.tsv" --dev "$demo/pairs_dev.tsv" --vocabulary-from zh-general \
    --out "$out/dataset" --overwrite
run textsim train "$out/dataset" --init zh-general --out "$out/model" --overwrite "$@"
run textsim evaluate "$out/model" "$demo/pairs_dev.tsv" | tee "$out/evaluation.txt"
run textsim score "$out/model" 登录密码怎么修改 怎样把登录密码换掉
run textsim score "$out/model" 登录密码怎么修改 登录名怎么修改
run textsim score "$out/model" --input "$demo/pairs_dev.tsv" --output "$out/scores.tsv"

cat <<END

curves      $out/model/curves.png
            $out/model/scores.png
report      $out/evaluation.txt
model card  $out/model/README.md
scores      $out/scores.tsv
END
