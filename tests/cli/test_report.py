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


def test_what_is_left_out_is_said(road: Path, tmp_path: Path) -> None:
    path = tmp_path / "bad.tsv"
    path.write_text((road / "dev.tsv").read_text(encoding="utf-8") + "只有一句\t\t1\n", encoding="utf-8")
    said = run("report", road / "model", path, "--out", tmp_path / "page.html", "--on-bad-row", "skip")
    assert said.exit_code == 0 and "1 bad rows left out (line 32)" in said.stderr


def test_what_is_read_is_not_overwritten(road: Path) -> None:
    before = (road / "train.tsv").read_bytes()
    result = run(
        *("report", road / "model", road / "dev.tsv", "--out", road / "train.tsv"),
        *("--trained-on", road / "train.tsv"),
    )
    assert result.exit_code == 2 and (road / "train.tsv").read_bytes() == before
