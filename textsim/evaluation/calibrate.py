"""Calibrates a saved model on labelled pairs, or on searches, of the domain that it will be used in."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any, Literal

from textsim.artifacts.pretrained import find_model
from textsim.artifacts.profile import Profile
from textsim.artifacts.saved_model import SavedModel, check_output, copy_model
from textsim.data.sources import Source, name_of, paths_of
from textsim.evaluation.data_origin import data_origin
from textsim.evaluation.decisions import DecisionFit, Targets, fit_decisions
from textsim.evaluation.evaluate import labelled_scores
from textsim.evaluation.plots import write_scores_plot
from textsim.evaluation.thresholds import check_both_kinds
from textsim.io.manifest import write_json
from textsim.io.paths import as_text, check_target
from textsim.matching.files.report import FileReport
from textsim.matching.load import load_matcher

DECISIONS = "decisions.json"
"""In a model folder: on what its decisions were chosen, with which metrics."""


@dataclasses.dataclass(frozen=True)
class CalibratedModel:
    """What `calibrate` found.

    Attributes:
        fit: probabilities and decisions.
        path: the model folder that was written; None where none was.
        report: how the pairs were read.
    """

    fit: DecisionFit
    path: Path | None
    report: FileReport


def calibrate(
    model: str | os.PathLike[str],
    path: Source,
    out: str | os.PathLike[str] | None = None,
    targets: Targets | None = None,
    *,
    simplify: bool = False,
    split: str | None = None,
    kind: Literal["pairs", "triplets"] | None = None,
    overwrite: bool = False,
    **reading: Any,
) -> CalibratedModel:
    """Fits probabilities and chooses decisions of a saved model anew, on labelled pairs of its domain.

    Nothing is trained: a model whose scores rank the pairs of a new domain well may need no more than this. The pairs
    must not be those that it was trained on.

    Args:
        model: a model folder or the name of a bundled model.
        path: a data file, a dataset folder, a data frame, or rows or arrays in memory (see
            `textsim.data.sources.Source`).
        out: a folder for a copy of the model with these probabilities and decisions, the metrics in ``decisions.json``;
            None to write nothing. Where `targets` are not reachable, nothing is written.
        targets: what the decisions shall reach; by default, as many right ones as possible.
        simplify: see `TextMatcher`. The copy of the model simplifies by itself.
        split, kind, reading: see `evaluate_file`.
        overwrite: whether an existing model folder may be replaced, `model` itself excepted.

    Raises:
        InputError: the labels are all alike, or `out` is `model`.
        ArtifactError: the model or the dataset is not whole, or `out` exists.
        DataFormatError, ConfigError: see `evaluate_file`.

    Example:
        >>> from textsim import Targets, calibrate
        >>> result = calibrate("zh-general", "mine.tsv", "calibrated", Targets(match_precision=0.7))
        >>> result.fit.reachable
        True
    """
    if out is not None:
        check_target(out, [find_model(model), *paths_of([path])])
        check_output(out, overwrite=overwrite)
    matcher = load_matcher(model, simplify=simplify)
    given = labelled_scores(matcher, path, split=split, kind=kind, **reading)
    pairs = given.as_pairs()
    check_both_kinds(pairs.distinct().labels, path)
    fit = fit_decisions(pairs.labels, pairs.scores, targets, pairs.indistinct)
    if out is None or not fit.reachable:
        return CalibratedModel(fit, None, given.report)
    origin = data_origin(path)

    def extra(partial: Path) -> None:
        write_json(partial / DECISIONS, {"chosen_on": origin, **fit.to_dict()})
        (partial / "scores.png").unlink(missing_ok=True)
        title = f"{as_text(Path(out).name)} on {name_of(path)}"
        write_scores_plot(partial, title, pairs.labels, pairs.scores, fit.threshold)

    # The metrics stay those of the validation split, with the decisions of training.
    decided = _with_decisions(matcher.saved, fit, origin, given.profile())
    copy_model(find_model(model), decided, out, extra=extra, overwrite=overwrite)
    return CalibratedModel(fit, Path(out), given.report)


def _with_decisions(
    saved: SavedModel, fit: DecisionFit, origin: dict[str, str | None], profile: Profile | None
) -> SavedModel:
    return dataclasses.replace(
        saved,
        threshold=fit.threshold,
        profile=profile,
        # What was calibrated on searches holds on.
        calibration=fit.calibration.model_copy(update={"search": saved.calibration.search}),
        provenance={**saved.provenance, "threshold_chosen_on": origin},
    )
