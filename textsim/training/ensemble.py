"""Several trained models joined into one that scores by the mean of theirs."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

import textsim
from textsim.artifacts.pretrained import find_model
from textsim.artifacts.provenance import data_origin, origin
from textsim.artifacts.saved_model import SavedModel, check_output, save_model
from textsim.artifacts.weights import stored_precision
from textsim.errors import ConfigError, InputError
from textsim.evaluation.calibration import fit_calibration
from textsim.evaluation.evaluate import (
    Evaluation,
    TripletEvaluation,
    as_pairs,
    evaluate_scores,
    evaluate_triplets,
    labelled_scores,
)
from textsim.evaluation.plots import write_scores_plot
from textsim.evaluation.thresholds import check_both_kinds, choose_threshold
from textsim.io.paths import as_text, check_target, is_stream
from textsim.matching.files.report import FileReport
from textsim.matching.load import load_matcher
from textsim.training.augmentation.distillation import check_listed

Result = Evaluation | TripletEvaluation


@dataclasses.dataclass(frozen=True)
class EnsembleResult:
    """What joining models gave.

    Attributes:
        path: the model folder.
        threshold: chosen on the validation rows.
        alone: figures of each model there, each at the threshold that is best for it.
        together: figures of all, at `threshold`.
        report: how the file of validation rows was read.
    """

    path: Path
    threshold: float
    alone: list[Result]
    together: Result
    report: FileReport

    def summary(self) -> str:
        """The result as lines of text."""

        def line(name: str, result: Result) -> str:
            if isinstance(result, TripletEvaluation):
                return f"{name:<10} triplet accuracy {result.triplet_accuracy:.4f} of {result.triplets:,} triplets"
            auc = "" if result.auc is None else f", AUC {result.auc:.4f}"
            return f"{name:<10} accuracy {result.accuracy_at_threshold:.4f}{auc}"

        lines = [line(f"member {k}", result) for k, result in enumerate(self.alone, 1)]
        lines.append(f"{line('together', self.together)}, threshold {self.threshold:.3f}")
        return "\n".join([*lines, f"model      {as_text(self.path)}"])


def ensemble(
    models: Sequence[str | os.PathLike[str]],
    dev: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    split: str | None = None,
    kind: Literal["pairs", "triplets"] | None = None,
    overwrite: bool = False,
    **reading: Any,
) -> EnsembleResult:
    """Joins trained models into one, which scores a pair by the mean of their scores.

    It is more accurate than each where they were trained alike but for their seeds, for their errors differ, and takes
    the time of all of them. A text is still encoded alone: its vector is those of the members side by side.

    Args:
        models: two or more model folders of one recipe, tokenizer and vocabulary, as trained on one dataset with
            several seeds.
        dev: labelled rows on which the threshold is chosen and the probability of a score fitted: a data
            file, or a dataset folder.
        out: the model folder to write.
        split, kind, reading: see `evaluate_file`.
        overwrite: whether an existing model folder may be replaced.

    Raises:
        ConfigError: fewer than two different models, or such as do not fit each other; says in what.
        InputError: `models` is one name, not a list; `out` is one of them; or the labels are all alike.
        ArtifactError: no such model, or `out` exists.
        DataFormatError: the rows cannot be read.

    Reference:
        Hansen & Salamon (1990), Neural Network Ensembles.

    Example:
        >>> from textsim import ensemble
        >>> result = ensemble(["first", "second"], "dev.tsv", "joined")  # doctest: +SKIP
    """
    check_listed("models", models)
    models = list(models)
    folders = [find_model(model) for model in models]
    if len({folder.resolve() for folder in folders}) < max(2, len(models)):
        received = ", ".join(map(str, models)) or "none"
        raise ConfigError(f"an ensemble joins two different models or more. Received {received}.")
    if is_stream(dev):
        raise InputError(
            f"{dev}: each model reads the labelled rows, and a stream is gone after the first. Pass a file."
        )
    check_target(out, [*folders, dev])
    check_output(out, overwrite=overwrite)
    matchers = [load_matcher(model) for model in models]
    parts = [matcher.saved for matcher in matchers]
    for name, part in zip(models, parts, strict=True):
        _check_alike(str(models[0]), parts[0], str(name), part)
    given = [labelled_scores(matcher, dev, split=split, kind=kind, **reading) for matcher in matchers]
    labels = given[0].labels
    if labels is not None:
        check_both_kinds(labels, dev)
    # What the ensemble will say of these rows. A model that is an ensemble itself counts for its members.
    members = [part.members for part in parts]
    columns = [
        np.average(column, axis=0, weights=members).astype(np.float32)
        for column in zip(*(found.columns for found in given), strict=True)
    ]
    alone = [_figures(labels, found.columns)[1] for found in given]
    threshold, together = _figures(labels, columns)
    joined = dataclasses.replace(
        parts[0],
        weights=_numbered([member for part in parts for member in part.split()]),
        output_dim=sum(part.output_dim for part in parts),
        members=sum(members),
        threshold=threshold,
        calibration=fit_calibration(*as_pairs(labels, columns)),
        # They read each text as the same tokens.
        profile=given[0]._replace(columns=columns).profile(),
        metrics={**together.to_dict(), "threshold": threshold},
        provenance={
            "ensemble_of": [origin(*pair) for pair in zip(models, parts, strict=True)],
            "threshold_chosen_on": data_origin(dev),
            "versions": {"textsim": textsim.__version__},
        },
        notes=_notes([folder.name for folder in folders], parts),
    )

    def plot(folder: Path) -> None:
        title = as_text(f"{joined.members} models on {Path(dev).name}")
        write_scores_plot(folder, title, *as_pairs(labels, columns), threshold)

    precisions = {stored_precision(part.weights) for part in parts}
    save_model(
        joined,
        out,
        extra=plot,
        overwrite=overwrite,
        precision="float16" if precisions == {"float16"} else "float32",
    )
    return EnsembleResult(Path(out), threshold, alone, together, given[0].report)


def _figures(labels: np.ndarray | None, columns: list[np.ndarray]) -> tuple[float, Result]:
    """The best threshold, and the figures at it."""
    threshold = choose_threshold(*as_pairs(labels, columns))
    if labels is None:
        return threshold, evaluate_triplets(columns[0], columns[1])
    return threshold, evaluate_scores(labels, columns[0], threshold)


def _numbered(members: Sequence[SavedModel]) -> dict[str, np.ndarray]:
    return {f"{k}/{path}": w for k, member in enumerate(members) for path, w in member.weights.items()}


def _notes(names: Sequence[str], parts: Sequence[SavedModel]) -> str:
    """The notes of members under their names: terms of data hold for the ensemble too, figures do not."""
    return "\n\n".join(
        f"## Notes of member {number}, {as_text(name)}\n\n{part.notes.strip()}"
        for number, (name, part) in enumerate(zip(names, parts, strict=True), 1)
        if part.notes.strip()
    )


def _check_alike(first: str, one: SavedModel, name: str, other: SavedModel) -> None:
    """Raises ConfigError unless two models read the same and are built alike."""

    def scaler(saved: SavedModel) -> list[list[float]]:
        return [part.tolist() for part in saved.scaler or ()]

    def parts(saved: SavedModel) -> list[Any]:
        recipe = saved.recipe
        return [recipe.encoder, recipe.pooling, recipe.projection, recipe.head, saved.dim]

    for what, read in (
        ("kind", lambda saved: saved.kind),
        ("tokenizer", lambda saved: saved.tokenizer and saved.tokenizer.to_config()),
        ("vocabulary", lambda saved: saved.vocabulary and saved.vocabulary.tokens),
        ("max_length", lambda saved: saved.max_length),
        ("scaler", scaler),
        ("recipe", parts),
    ):
        if read(one) != read(other):
            raise ConfigError(
                f"an ensemble joins models of one recipe, trained on one dataset. {first!r} and {name!r} differ in "
                f"{what}: train them anew on one dataset, but for the seed alike."
            )
