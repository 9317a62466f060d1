from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from textsim.evaluation.plots import font_families, loss_limit, plot_history, plot_scores

pytestmark = pytest.mark.usefixtures("drawn")

HEADER = b"\x89PNG\r\n\x1a\n"


def history(*figures: str, epochs: int = 3) -> list[dict[str, Any]]:
    names = ("loss", "accuracy", "val_loss", "val_accuracy", *figures)
    return [{"epoch": k + 1, **{name: 0.5 + 0.1 * k for name in names}} for k in range(epochs)]


def size(path: Path) -> tuple[int, int]:
    """Width and height of a PNG."""
    data = path.read_bytes()
    assert data.startswith(HEADER)
    return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")


@pytest.mark.parametrize(
    ("rows", "panels"),
    [
        (history(), 2),
        (history(epochs=1), 2),
        (history("val_accuracy_at_threshold", "val_auc", "val_spearman"), 3),
        ([history()[0], *history("val_auc")[1:]], 3),
    ],
)
def test_curves(tmp_path: Path, rows: list[dict[str, Any]], panels: int) -> None:
    plot_history(tmp_path / "curves.png", "run", rows)
    width, height = size(tmp_path / "curves.png")
    assert width == pytest.approx(598 * panels, abs=2) and height == pytest.approx(468, abs=2)


def test_a_first_epoch_far_above_the_others_is_cut_off() -> None:
    losses = [{"loss": 9.0, "val_loss": 0.6}, {"loss": 0.7, "val_loss": 0.5}, {"loss": 0.6}]
    assert loss_limit(losses) == pytest.approx(0.77)
    assert loss_limit(losses[1:]) is None and loss_limit(losses[:1]) is None and loss_limit([]) is None


@pytest.mark.parametrize(
    ("labels", "scores"),
    [
        (np.array([0, 1, 0, 1]), np.array([0.1, 0.9, 0.4, 0.6])),
        (np.array([1, 1]), np.array([0.0, 1.0])),
        (np.array([0]), np.array([0.5])),
    ],
)
def test_scores(tmp_path: Path, labels: np.ndarray, scores: np.ndarray) -> None:
    plot_scores(tmp_path / "scores.png", "run", labels, scores, 0.55)
    assert size(tmp_path / "scores.png")[0] == pytest.approx(2 * 598, abs=2)


def test_chinese_text_has_its_characters(tmp_path: Path) -> None:
    assert font_families() == font_families() == ["DejaVu Sans", "Noto Sans SC"]
    with warnings.catch_warnings():
        # matplotlib warns of a character that no font has.
        warnings.simplefilter("error")
        plot_history(tmp_path / "plain.png", "口口口口", history())
        plot_history(tmp_path / "curves.png", "银行问句 − 匹配", history())
    assert (tmp_path / "plain.png").read_bytes() != (tmp_path / "curves.png").read_bytes()


def test_drawing_leaves_matplotlib_s_settings_alone(tmp_path: Path) -> None:
    import matplotlib

    before = dict(matplotlib.rcParams)
    plot_scores(tmp_path / "scores.png", "run", np.array([0, 1]), np.array([0.2, 0.7]), 0.5)
    assert dict(matplotlib.rcParams) == before
