"""Contrast pairs of the texts of a file, as one more training file."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from contextlib import closing
from typing import Any, Literal, NamedTuple

from textsim.data.formats.files import open_writer
from textsim.data.rejects import one_log
from textsim.data.row_kinds import TEXTS, UNLABELED
from textsim.data.rows import read_rows
from textsim.data.settings import Reading
from textsim.errors import ConfigError
from textsim.io.paths import check_target
from textsim.matching.files.report import FileReport
from textsim.training.augmentation.contrast import RULES, ContrastPair, contrast_pairs


class Augmented(NamedTuple):
    """What became of a file's texts.

    Attributes:
        texts: distinct texts that were read.
        pairs: the pairs that were written.
        report: how the files were read.
    """

    texts: int
    pairs: list[ContrastPair]
    report: FileReport

    def by_rule(self) -> dict[str, list[ContrastPair]]:
        """The pairs of each rule that made any, in the order of the rules' names."""
        return {
            name: made
            for name in sorted(RULES)
            if (made := [pair for pair in self.pairs if pair.rule == name])
        }


def augment_files(
    sources: Sequence[str | os.PathLike[str]] | str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    kind: Literal["pairs", "texts"] = "pairs",
    rules: Sequence[str] | None = None,
    per_text: int = 1,
    per_rule: int | None = None,
    label_max: float = 1.0,
    seed: int = 0,
    **reading: Any,
) -> Augmented:
    """Makes contrast pairs of the texts of files and writes them as one more training file.

    The output has the columns text_a, text_b, label, rule: the label is 0 or `label_max`. Give training files
    alone: pairs made of validation texts are nearly validation pairs.

    Args:
        sources: files of pairs, labelled or not; or of texts, one a row.
        target: the file to write, which appears when it is complete; "-" is standard output.
        kind: what a row of the sources holds.
        rules, per_text, per_rule, seed: see `contrast_pairs`.
        label_max: the highest label of the file that the output shall stand beside, such as 5 for grades from 0 to 5.
        reading: how else to read the sources, see `textsim.data.rows.read_rows`.

    Raises:
        ArtifactError: no file can be made at `target`.
        ConfigError: see `contrast_pairs`; an unknown kind, or a `label_max` that is not above 0.
        DataFormatError: a source cannot be read, or a row is bad and not to be skipped; names the line.
        InputError: the target is a source, or where rejected rows go.
        MissingDependencyError: a rule needs a package that is not installed.
    """
    sources = [sources] if isinstance(sources, str | os.PathLike) else list(sources)
    written = Reading(**reading).reject_files
    check_target(target, [*sources, *written])
    for path in written:
        check_target(path, sources)
    if kind not in ("pairs", "texts"):
        raise ConfigError(f"kind: expected 'pairs' or 'texts'. Received {kind!r}.")
    if not 0 < label_max < math.inf:
        raise ConfigError(f"label_max: expected a number above 0. Received {label_max}.")
    with open_writer(target, ["text_a", "text_b", "label", "rule"]) as file, one_log(reading) as how:
        texts: dict[str, None] = {}
        infos = []
        for source in sources:
            with closing(read_rows(source, UNLABELED if kind == "pairs" else TEXTS, **how)) as reader:
                for chunk in reader:
                    texts.update(dict.fromkeys(text for side in chunk.texts for text in side))
                infos.append(reader.info)
        pairs = contrast_pairs(texts, rules=rules, per_text=per_text, per_rule=per_rule, seed=seed)
        file.write(
            {
                "text_a": [pair.text for pair in pairs],
                "text_b": [pair.variant for pair in pairs],
                "label": [f"{pair.label * label_max:g}" for pair in pairs],
                "rule": [pair.rule for pair in pairs],
            }
        )
    return Augmented(len(texts), pairs, FileReport.of_sources(infos))
