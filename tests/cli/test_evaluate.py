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
