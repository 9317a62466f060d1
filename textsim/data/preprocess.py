"""`preprocess`: rows of any source to a dataset folder."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import textsim
from textsim.data.builders.collecting import Collect
from textsim.data.builders.texts import TextBuild, TextSettings
from textsim.data.builders.vectors import build_vectors
from textsim.data.detection import detect_kind
from textsim.data.layout import FORMAT, KINDS, REJECTS, REPORT, SETTINGS, VERSION
from textsim.data.rejects import RejectLog
from textsim.data.row_kinds import PAIRS, TRIPLETS
from textsim.data.settings import AnyPath, Reading, VocabularySettings, WordVectorSettings
from textsim.data.sources import Source, paths_of, source_list
from textsim.data.splits import Sources
from textsim.data.statistics import warnings_of
from textsim.data.vectors import check_vector_reading
from textsim.errors import ConfigError
from textsim.io.folders import atomic_folder, check_replaceable
from textsim.io.manifest import write_json, write_manifest
from textsim.io.paths import check_target
from textsim.registry import unknown_name
from textsim.text.tokenizers import Tokenizer

_ROW_KINDS = {"pairs": PAIRS, "triplets": TRIPLETS}


def preprocess(
    inputs: Source | Sequence[Source],
    out: AnyPath,
    *,
    kind: str = "auto",
    as_triplets: bool = False,
    dev: Source | Sequence[Source] = (),
    dev_fraction: float | None = None,
    seed: int = 0,
    tokenizer: Tokenizer | str | None = None,
    simplify: bool = False,
    vocabulary: VocabularySettings | AnyPath | None = None,
    word_vectors: WordVectorSettings | AnyPath | None = None,
    standardize: bool = False,
    overwrite: bool = False,
    processes: int = 1,
    progress: bool | None = None,
    collect: Collect | None = None,
    **reading: Any,
) -> dict[str, Any]:
    """Makes a dataset folder, which `PairDataset.open` reads.

    The same rows and arguments make the same bytes, whatever the number of processes. Memory holds a few
    bytes a row; everything else is on disk, in a temporary folder beside `out`.

    Args:
        inputs: training rows: a file, where "-" is standard input; a data frame; rows or arrays in memory (see
            `textsim.data.sources.Source`); or a list of files or data frames, read one after the other.
        out: the folder to make. It appears when it is complete.
        kind: "pairs", "triplets", "vectors", or "auto": as the first source's columns tell.
        as_triplets: make triplets of labelled pairs: of each text that has a partner labelled the same and one labelled
            different.
        dev: validation rows, as `inputs`. Without them and `dev_fraction` there is no "dev" split.
        dev_fraction: the fraction of the n input rows that becomes the "dev" split. With the permutation
            numpy.random.default_rng(seed).permutation(n), its first n - round(n * dev_fraction) rows train,
            and the others are "dev".
        seed: of the permutation, of trained word vectors, and of the vectors of words without one.
        tokenizer: normalizes and tokenizes the texts, or the name of a tokenizer with its default options;
            `CharTokenizer()` by default.
        simplify: turn traditional Chinese characters into simplified ones (extra "opencc"): switches on the setting of
            the tokenizer's normalizer, also where the tokenizer is that of the vocabulary to extend.
        vocabulary: which tokens have an id, and how many a text keeps; or the folder or bundled model to extend, as
            `VocabularySettings(base=...)`.
        word_vectors: of the embedding matrix, trained or of a file; or that file, as `WordVectorSettings(file=...)`.
        standardize: bring vector columns to zero mean and unit spread, fitted on the training rows.
        overwrite: whether an existing dataset folder may be replaced.
        processes: for tokenizing. More than one are started afresh, so the calling script needs the usual
            `if __name__ == "__main__":` guard.
        progress: show progress bars on standard error; by default where that is a terminal.
        collect: what reads the rows of texts and cuts them; by default this process and `processes` of its own. See
            `textsim.spark.preprocess`.
        reading: how rows are read, see `textsim.data.settings.Reading`. By default the rejects are "rejects.tsv" in the
            dataset folder.

    Returns:
        The report, also written as report.json; `textsim.data.statistics.format_report` makes it text.

    Raises:
        ConfigError: arguments exclude each other, or have values that they cannot have.
        DataFormatError: a source cannot be read, or a row is bad.
        ArtifactError: `out` exists and may not be replaced, or the vocabulary to extend is not usable.
        InputError: no token of the vocabulary has a word vector, or the labels allow no triplets.
        MissingDependencyError: a library for a format, engine or normalization is not installed.

    Example:
        >>> rows = [("怎么还款", "如何还款", 1), ("怎么还款", "怎么开户", 0)] * 5
        >>> report = preprocess(rows, "dataset", dev=rows)  # doctest: +SKIP
    """
    if kind not in ("auto", *KINDS):
        raise ConfigError(unknown_name("kind of rows", kind, ("auto", *KINDS)))
    how = Reading(**reading)
    sources = Sources(source_list(inputs), source_list(dev), dev_fraction, seed, how, progress)
    new = vocabulary if isinstance(vocabulary, VocabularySettings) else VocabularySettings(base=vocabulary)
    if word_vectors is not None and not isinstance(word_vectors, WordVectorSettings):
        word_vectors = WordVectorSettings(file=word_vectors)
    read = paths_of([*sources.train, *sources.dev])
    if word_vectors is not None:
        read += [*word_vectors.extra_text, *([] if word_vectors.file is None else [word_vectors.file])]
    for target in how.reject_files:
        check_target(target, read)
    check_target(out, [*read, *how.reject_files])
    check_replaceable(out, overwrite=overwrite, format=FORMAT)
    if kind == "auto":
        kind = "pairs" if as_triplets else detect_kind(sources.train[0], **reading)
    if as_triplets and kind != "pairs":
        raise ConfigError(f"as_triplets makes triplets of labelled pairs. Received kind {kind!r}.")
    chosen: dict[str, Any] = {
        "kind": kind,
        "as_triplets": as_triplets,
        "dev_fraction": dev_fraction,
        "seed": seed,
        "simplify": simplify,
        "vocabulary": new.to_dict(),
        "word_vectors": None if word_vectors is None else word_vectors.to_dict(),
        "standardize": standardize,
        "reading": how.to_dict(),
    }
    settings = None
    if kind == "vectors":
        check_vector_reading(how, labeled=True)
        text_options = {"tokenizer": tokenizer, "vocabulary": vocabulary, "word_vectors": word_vectors}
        given = [name for name, value in text_options.items() if value is not None]
        if given or simplify:
            raise ConfigError(f"vector pairs hold no text: leave out {', '.join(given or ['simplify'])}.")
    else:
        if standardize:
            raise ConfigError("standardize is for vector pairs: leave it out for texts.")
        settings = TextSettings.resolve(tokenizer, simplify, new, word_vectors, processes)

    with atomic_folder(out, overwrite=overwrite, format=FORMAT, checked=True) as folder:
        (folder / "work").mkdir()
        if settings is None:
            report = build_vectors(folder, sources, standardize)
        else:
            rejects = next(iter(how.reject_files), folder / REJECTS) if how.skips else None
            with RejectLog(rejects) as log:
                if how.skips:
                    sources = replace(sources, reading=replace(how, rejects=log))
                report = TextBuild(folder, sources, settings, _ROW_KINDS[kind], as_triplets, collect).run()
        shutil.rmtree(folder / "work")
        report["warnings"] = warnings_of(report)
        write_json(folder / REPORT, report)
        write_json(folder / SETTINGS, {"max_length": report.get("max_length"), "chosen": chosen})
        # Last, as a folder without a manifest is no dataset.
        about = {
            "textsim": textsim.__version__,
            "kind": report["kind"],
            "rows": {name: split["rows"] for name, split in report["splits"].items()},
            "sources": report["sources"],
        }
        write_manifest(folder, FORMAT, VERSION, **about)
    return report
