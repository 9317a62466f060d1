"""`textsim evaluate`."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.command_line import ok, run


def test_evaluate(road: Path) -> None:
    figures = json.loads(ok("evaluate", road / "model", road / "dev.tsv", "--json"))
    assert set(figures) >= {
        *("pairs", "accuracy", "threshold", "accuracy_at_threshold", "precision", "recall", "f1", "auc"),
        *("average_precision", "spearman", "majority_accuracy", "seconds"),
    }
    assert figures["pairs"] == 30
    again = json.loads(ok("evaluate", road / "model", road / "dataset", "--split", "dev", "--json"))
    assert {**again, "seconds": 0} == {**figures, "seconds": 0}
    assert "ROC AUC" in ok("evaluate", road / "model", road / "dev.tsv")
    assert run("evaluate", road / "model", road / "dev.tsv").stderr == ""
    (road / "bad.txt").write_bytes("花呗\t怎么还款\t1\n好\t吗\t七\n好\t好\t0\n".encode("gb18030"))
    result = run("evaluate", road / "model", road / "bad.txt", "--on-bad-row", "skip")
    note = "read as gb18030; 1 bad rows left out (line 2)\n"
    assert result.stderr == note and result.stdout.startswith("pairs  ")
    (road / "quoted.tsv").write_text('"花呗""怎么""还款"\t怎样还花呗\t是\n好\t不好\t否\n', encoding="utf-8")
    result = run("evaluate", road / "model", road / "quoted.tsv")
    assert result.stderr.startswith("1 cell in double quotes, kept as text: ")
    as_csv = ("--format", "csv", "--delimiter", r"\t")
    assert run("evaluate", road / "model", road / "quoted.tsv", *as_csv).stderr == ""


def test_without_labels(road: Path) -> None:
    model = road / "model"
    lines = (road / "dev.tsv").read_text(encoding="utf-8").splitlines()
    bare = road / "bare.tsv"
    bare.write_text("".join(line.rsplit("\t", 1)[0] + "\n" for line in lines), encoding="utf-8")
    # The very rows that the model was validated on.
    assert ok("evaluate", model, bare).startswith("30 pairs without labels, beside 30 on which")
    found = json.loads(ok("evaluate", model, bare, "--json"))
    assert found["scores"]["psi"] < 1e-6 and not found["choose_anew"] and found["kept_pairs"] == 30
    assert json.loads(ok("evaluate", model, road / "dev.tsv", "--columns", "1,2", "--json")) == found
    rows = "".join('{"text_a": "你好", "text_b": "好"}\n' for _ in range(3))
    (road / "bare.jsonl").write_text(rows, encoding="utf-8")
    assert ok("evaluate", model, road / "bare.jsonl").startswith("3 pairs without labels")
    refused = run("evaluate", model, bare, "--errors", road / "errors.tsv")
    assert refused.exit_code == 2 and "expected labels" in refused.stderr
    # Who says that there are labels is believed.
    assert run("evaluate", model, bare, "--kind", "pairs").exit_code == 2


def test_errors_do_not_go_where_the_metrics_go(road: Path) -> None:
    result = run("evaluate", road / "model", road / "dev.tsv", "--errors", "-", "--json")
    assert result.exit_code == 2 and "--errors: for a file." in result.stderr and not result.stdout


def test_errors_need_a_file_that_can_be_read_twice(road: Path, tmp_path: Path) -> None:
    result = run("evaluate", road / "model", "-", "--errors", tmp_path / "errors.tsv")
    assert result.exit_code == 2 and "--errors: for a file, which is read twice." in result.stderr
