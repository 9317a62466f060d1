"""`textsim report`."""

from __future__ import annotations

from pathlib import Path

from tests.cli.command_line import ok, run


def test_a_page(road: Path, tmp_path: Path) -> None:
    page = tmp_path / "看 page.html"
    said = ok("report", road / "model", road / "dev.tsv", "--out", page, "--trained-on", road / "train.tsv")
    assert said == f"page: {page}\n"
    text = page.read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>") and '"leaked": 0' in text and '"val_loss"' in text
    ok("report", road / "model", road / "dev.tsv", "--out", page)
    assert '"leaked": null' in page.read_text(encoding="utf-8")


def test_what_is_read_is_not_overwritten(road: Path) -> None:
    before = (road / "train.tsv").read_bytes()
    result = run(
        *("report", road / "model", road / "dev.tsv", "--out", road / "train.tsv"),
        *("--trained-on", road / "train.tsv"),
    )
    assert result.exit_code == 2 and (road / "train.tsv").read_bytes() == before
