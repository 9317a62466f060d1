"""Plots of a training run, drawn without a display."""

from __future__ import annotations

import contextlib
import importlib.metadata
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from textsim.extras import needed_for

# Blue and orange are told apart also by those who confuse red and green.
COLORS = {"train": "#7f8fa6", "validation": "#1b6ca8", "same": "#1b6ca8", "different": "#d9822b"}
CHINESE_FONT = "Noto Sans SC"


def _figure(path: Path, title: str, columns: int, draw: Callable[[Any], None]) -> None:
    with needed_for("drawing"):
        import matplotlib
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

    with matplotlib.rc_context({"font.family": font_families(), "axes.unicode_minus": False, "font.size": 9}):
        figure = Figure(figsize=(4.6 * columns, 3.6), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots(1, columns, squeeze=False)[0]
        draw(axes)
        # A name may hold dollar signs.
        figure.suptitle(title, x=0.01, horizontalalignment="left", fontsize=11, parse_math=False)
        for axis in axes:
            axis.spines[["top", "right"]].set_visible(False)
            axis.grid(alpha=0.25)
        figure.savefig(path, dpi=130)


def font_families() -> list[str]:
    """Font families to draw with: matplotlib's own, then one that has Chinese characters."""
    from matplotlib.font_manager import fontManager

    if CHINESE_FONT not in {font.name for font in fontManager.ttflist}:
        # The package is there for its font; its code is not used.
        package = importlib.metadata.distribution("zhplot")
        fontManager.addfont(str(package.locate_file("zhplot/fonts/NotoSansSC-Regular.ttf")))
    return ["DejaVu Sans", CHINESE_FONT]


def loss_limit(history: Sequence[Mapping[str, Any]]) -> float | None:
    """Up to where the losses of a run's epochs are drawn: None for all of them.

    A first epoch far above the others would make their curves flat.
    """
    largest = [
        max([row[name] for name in ("loss", "val_loss") if name in row], default=0.0) for row in history
    ]
    others = max(largest[1:], default=0.0)
    return 1.1 * others if 0 < 3 * others < largest[0] else None


def plot_history(path: Path, title: str, history: list[dict[str, Any]]) -> None:
    """Draws loss, accuracy and, for pairs, ranking figures against the epoch, as a PNG.

    Args:
        path: the file.
        title: over all panels.
        history: one dict an epoch.
    """
    epochs = [row["epoch"] for row in history]
    ranked = any("val_auc" in row for row in history)

    def lines(axis: Any, named: dict[str, tuple[str, str, str]]) -> None:
        for label, (key, color, style) in named.items():
            values = [row.get(key, np.nan) for row in history]
            axis.plot(epochs, values, style, color=color, label=label, marker="o", markersize=3)
        axis.set_xlabel("epoch")
        axis.set_xlim(0.5, len(epochs) + 0.5)
        axis.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
        axis.legend(frameon=False)

    def draw(axes: Any) -> None:
        lines(
            axes[0],
            {
                "training": ("loss", COLORS["train"], "-"),
                "validation": ("val_loss", COLORS["validation"], "-"),
            },
        )
        limit = loss_limit(history)
        axes[0].set_ylim(top=limit)
        axes[0].set_title("loss" if limit is None else "loss (the first epoch's lies above)", loc="left")
        accuracy = {
            "training, in training mode": ("accuracy", COLORS["train"], "-"),
            "validation at 0.5": ("val_accuracy", COLORS["validation"], "-"),
        }
        if ranked:
            accuracy["validation at the threshold"] = (
                "val_accuracy_at_threshold",
                COLORS["validation"],
                "--",
            )
        lines(axes[1], accuracy)
        axes[1].set_title("accuracy", loc="left")
        if ranked:
            ranking = {"ROC AUC": ("val_auc", COLORS["validation"], "-")}
            if any("val_spearman" in row for row in history):
                ranking["Spearman"] = ("val_spearman", COLORS["different"], "-")
            lines(axes[2], ranking)
            axes[2].set_title("ranking of the validation pairs", loc="left")

    _figure(path, title, 3 if ranked else 2, draw)


def plot_scores(path: Path, title: str, labels: np.ndarray, scores: np.ndarray, threshold: float) -> None:
    """Draws how the scores of the two classes lie around the threshold, and accuracy against the threshold, as a PNG.

    Args:
        path: the file.
        title: over all panels.
        labels: float (pairs,), positive at 0.5 and more.
        scores: float (pairs,) in [0, 1].
        threshold: the chosen threshold.
    """
    positive = labels >= 0.5
    cuts = np.linspace(0, 1, 201)
    same, different = np.sort(scores[positive]), np.sort(scores[~positive])
    right = len(same) - np.searchsorted(same, cuts) + np.searchsorted(different, cuts)

    def draw(axes: Any) -> None:
        bins = np.linspace(0, 1, 41)
        for name, part in (("different", different), ("same", same)):
            axes[0].hist(part, bins=bins, alpha=0.6, color=COLORS[name], label=f"{name} ({len(part):,})")
        axes[1].plot(cuts, right / len(scores), color=COLORS["validation"])
        axes[0].set_title("scores by label", loc="left")
        axes[0].set_ylabel("pairs")
        axes[1].set_title("accuracy by threshold", loc="left")
        for axis in axes:
            axis.axvline(
                threshold, color="black", linewidth=1, linestyle="--", label=f"threshold {threshold:.3f}"
            )
            axis.set_xlabel("score")
            axis.legend(frameon=False)

    _figure(path, title, 2, draw)


def write_scores_plot(
    folder: Path, title: str, labels: np.ndarray, scores: np.ndarray, threshold: float
) -> None:
    """Writes scores.png alone, with the distributions of both classes' scores."""
    with picture("scores.png"):
        plot_scores(folder / "scores.png", title, labels, scores, threshold)


@contextlib.contextmanager
def picture(name: str) -> Iterator[None]:
    """A picture that cannot be drawn, for whatever reason, must not cost the trained model."""
    try:
        yield
    except Exception as error:
        warnings.warn(f"{name} was not drawn: {error}", RuntimeWarning, stacklevel=2)
