"""What a person looks at after a run: history, curves, the model's structure, and warnings in plain words."""

from __future__ import annotations

import csv
import itertools
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from textsim.evaluation import plots
from textsim.evaluation.plots import picture, write_scores_plot

if TYPE_CHECKING:
    from textsim.modeling.siamese import SiameseModel


def write_reports(
    folder: Path,
    title: str,
    model: SiameseModel,
    history: list[dict[str, Any]],
    labels: np.ndarray,
    scores: np.ndarray,
    threshold: float,
) -> None:
    """Writes history.csv, curves.png, scores.png, structure.txt and, where graphviz is installed, structure.png.

    Args:
        folder: where to.
        title: of the plots.
        model: the trained model.
        history: one dict an epoch; may be empty, then there are no history and no curves.
        labels: float (pairs,) of the validation split; scores: float (pairs,) of the same pairs.
        threshold: the chosen threshold.
    """
    if history:
        with open(folder / "history.csv", "w", newline="", encoding="utf-8") as file:
            # A figure that an epoch does not have, such as the Spearman of constant scores, leaves its cell empty.
            names = dict.fromkeys(name for row in history for name in row)
            writer = csv.DictWriter(file, fieldnames=list(names), lineterminator="\n")
            writer.writeheader()
            writer.writerows(history)
        with picture("curves.png"):
            plots.plot_history(folder / "curves.png", title, history)
    write_scores_plot(folder, title, labels, scores, threshold)
    (folder / "structure.txt").write_text(structure_text(model), encoding="utf-8")
    dot = shutil.which("dot")
    if dot:
        graph = structure_graph(model)
        # As above: dot says why on standard error.
        subprocess.run([dot, "-Tpng", "-o", str(folder / "structure.png")], input=graph.encode(), check=False)


def structure(model: SiameseModel) -> list[tuple[str, str, int, int]]:
    """The parts in the order in which data passes: (part, what it is, weights that train, weights that do not)."""
    parts = [
        ("embedding", model.embedding),
        ("encoder", model.encoder),
        ("pooling", model.pooling),
        ("projection", model.projection),
        ("head", model.head),
    ]
    rows = []
    for name, layer in parts:
        if layer is None:
            continue
        settings = getattr(model.recipe, name)
        options = (
            settings.options if hasattr(settings, "options") else settings.to_dict() | {"dim": model.dim}
        )
        label = getattr(layer, "registered_name", "table")
        text = ", ".join(f"{key}={value}" for key, value in options.items())
        trained = sum(int(np.prod(w.shape)) for w in layer.trainable_variables)
        frozen = sum(
            int(np.prod(w.shape)) for w in layer.non_trainable_variables if "seed_generator" not in w.path
        )
        rows.append((name, f"{label}({text})", trained, frozen))
    return rows


def structure_text(model: SiameseModel) -> str:
    """The model's parts, their options and their numbers of weights, as a table; then each weight's shape."""
    rows = structure(model)
    width = max(len(what) for _, what, _, _ in rows)
    lines = [f"{'part':<11}{'what':<{width}}  {'trained':>11}  {'frozen':>11}"]
    lines += [
        f"{part:<11}{what:<{width}}  {trained:>11,}  {frozen:>11,}" for part, what, trained, frozen in rows
    ]
    total = (sum(row[2] for row in rows), sum(row[3] for row in rows))
    lines.append(f"{'':<11}{'total':<{width}}  {total[0]:>11,}  {total[1]:>11,}")
    lines.append(
        f"\nEvery side passes through the same weights. A sentence vector has {model.output_dim} values.\n"
    )
    lines += [
        f"{path:<44}{' x '.join(map(str, array.shape))}" for path, array in model.weight_arrays().items()
    ]
    return "\n".join(lines) + "\n"


def structure_graph(model: SiameseModel) -> str:
    """The structure as a graphviz graph: the sides, the shared parts, the head, the score."""
    sides = ["anchor", "positive", "negative"] if model.sides == 3 else ["left", "right"]
    rows = structure(model)
    lines = [
        "digraph model {",
        '  node [shape=box, style="rounded", fontname="Helvetica"]; edge [fontname="Helvetica"];',
    ]
    lines += [f'  {side} [label="{side}", shape=plaintext];' for side in sides]
    shared = [(name, what, trained + frozen) for name, what, trained, frozen in rows if name != "head"]
    lines.append(
        '  subgraph cluster_shared { label="shared by all sides"; style=dashed; fontname="Helvetica";'
    )
    lines += [
        f'    {name} [label="{name}\\n{what}\\n{weights:,} weights"];' for name, what, weights in shared
    ]
    lines.append("  }")
    lines += [f"  {side} -> {shared[0][0]};" for side in sides]
    lines += [f"  {a[0]} -> {b[0]};" for a, b in itertools.pairwise(shared)]
    _, what, trained, frozen = rows[-1]
    lines.append(f'  head [label="head\\n{what}\\n{trained + frozen:,} weights"];')
    lines.append(f'  {shared[-1][0]} -> head [label="{model.output_dim} values a side"];')
    lines += ['  score [label="score in [0, 1]", shape=plaintext];', "  head -> score;", "}"]
    return "\n".join(lines)


def diagnose(
    history: list[dict[str, Any]],
    labels: np.ndarray,
    scores: np.ndarray,
    threshold: float,
    trained: np.ndarray | None = None,
) -> list[str]:
    """What looks wrong about a run, in plain words; empty when nothing does.

    Args:
        history: one dict an epoch with loss, accuracy, val_loss, val_accuracy.
        labels: float (pairs,), of the validation split.
        scores: float (pairs,), of the kept weights.
        threshold: the chosen threshold.
        trained: float (rows,), labels of the rows that were trained on; None of triplets.
    """
    found = []
    one_class = bool(history) and trained is not None and len(np.unique(trained >= 0.5)) < 2
    if one_class:
        assert trained is not None
        found.append(
            f"all {len(trained):,} training rows {'match' if trained[0] >= 0.5 else 'do not match'}. From one class "
            "nothing is learned but by in-batch negatives: add rows of the other."
        )
    losses = np.array([row["val_loss"] for row in history])
    if len(losses) >= 3 and np.ptp(losses) < 0.01 * abs(losses[0]):
        found.append(
            f"the validation loss is flat: it went from {losses[0]:.4f} to at best {losses.min():.4f} in "
            f"{len(losses)} epochs. Check that labels and texts belong together, or try another learning rate."
        )
    advice = {
        # A threshold of 0.5 has the same fault, which is told of it.
        0.5: ("0.5", "Decide by the model's threshold, not at 0.5."),
        threshold: (
            f"the threshold {threshold:.3f}",
            "No threshold does better than this one answer for all.",
        ),
    }
    for cut, (name, what_to_do) in advice.items():
        judged = scores >= cut
        if judged.all() or not judged.any():
            word = "the same" if judged.all() else "different"
            found.append(f"at {name}, every validation pair is judged {word}. {what_to_do}")
    if len(history) >= 2 and not one_class:
        last, best = history[-1], int(np.argmin(losses)) + 1
        gap = last["accuracy"] - last["val_accuracy"]
        # Not by the training loss, which may hold more than the validation loss does.
        if losses[-1] > 1.1 * losses.min() and gap > 0.03:
            found.append(
                f"training has left validation behind: since epoch {best} the validation loss rose from "
                f"{losses.min():.4f} to {losses[-1]:.4f}; training accuracy is {last['accuracy']:.4f}, validation's "
                f"{last['val_accuracy']:.4f}. "
                "More data, more dropout or fewer epochs would help; the best epoch by the monitored figure was kept."
            )
    return found
