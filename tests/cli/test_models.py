"""`textsim models` and `textsim info`."""

from __future__ import annotations

from pathlib import Path

from tests.cli.command_line import ok, run


def test_models_lists_the_bundled_ones() -> None:
    from textsim.artifacts.pretrained import bundled_models

    assert ok("models", "--names").split() == list(bundled_models())
    assert len(ok("models").splitlines()) == len(bundled_models())


def test_info_checks_and_prints_the_card(road: Path, tmp_path: Path) -> None:
    text = ok("info", road / "model")
    assert text.startswith("# model\n")
    assert text.endswith("every file is there and unaltered.\n")
    result = run("info", tmp_path / "nowhere")
    assert result.exit_code == 2
    assert result.stderr.startswith("ArtifactError: there is no folder")
