"""Labelled data files to a dataset folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from textsim.cli.options import (
    FILE,
    complete_model,
    complete_tokenizer,
    folder_options,
    given,
    inputs_argument,
    json_option,
    label_options,
    option,
    quiet_option,
    reading_options,
    seed_option,
    simplify_option,
)
from textsim.cli.terminal import command, format_json, with_options


def dataset_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """How rows of texts become a dataset; `dataset_arguments` takes what is given."""
    decorators = (
        option(
            "--as",
            "as_kind",
            type=click.Choice(["triplets"]),
            help="Make triplets of labelled pairs, where a text has a partner labelled 1 and one labelled 0.",
        ),
        option(
            "--dev-fraction",
            type=click.FloatRange(0, 1, min_open=True, max_open=True),
            metavar="F",
            section="Splits",
            help="Without --dev: the fraction of rows drawn for validation.",
        ),
        seed_option("Splits"),
        option(
            "--tokenizer",
            metavar="NAME",
            shell_complete=complete_tokenizer,
            section="Tokens",
            help="char (characters) or jieba (words).  [default: char]",
        ),
        option(
            "--latin",
            type=click.Choice(["runs", "split"]),
            section="Tokens",
            help="char: keep runs of Latin letters and digits whole, or split them.  [default: runs]",
        ),
        option("--user-dictionary", type=FILE, metavar="FILE", section="Tokens", help="jieba: words to add."),
        option(
            "--hmm/--no-hmm",
            default=None,
            section="Tokens",
            help="jieba: find words beyond the dictionary.  [default: hmm]",
        ),
        option(
            "--stop-words", type=FILE, metavar="FILE", section="Tokens", help="jieba: words to leave out."
        ),
        option(
            "--segmenter",
            "engine",
            type=click.Choice(["jieba", "rjieba"]),
            section="Tokens",
            help="jieba: the program that finds words; rjieba is ten times as fast (extra `fast`).  [default: jieba]",
        ),
        option(
            "--nfkc/--no-nfkc",
            default=None,
            section="Tokens",
            help="Unicode NFKC normalization.  [default: nfkc]",
        ),
        option(
            "--lowercase/--no-lowercase",
            default=None,
            section="Tokens",
            help="Lower-case letters.  [default: lowercase]",
        ),
        simplify_option("Tokens"),
        option(
            "--vocabulary-from",
            "vocabulary",
            metavar="FOLDER",
            shell_complete=complete_model,
            section="Vocabulary",
            help="Take the tokenizer of this dataset or model, and extend its vocabulary: for train --init.",
        ),
        option(
            "--min-count",
            type=click.IntRange(min=1),
            metavar="N",
            default=1,
            section="Vocabulary",
            help="Leave out rarer tokens.",
        ),
        option(
            "--max-vocabulary",
            "max_size",
            type=click.IntRange(min=1),
            metavar="N",
            section="Vocabulary",
            help="Keep the N most frequent.",
        ),
        option(
            "--max-length",
            type=click.IntRange(min=1),
            metavar="TOKENS",
            section="Vocabulary",
            help="Truncate longer texts.  [default: the 99.5th percentile]",
        ),
        option(
            "--word-vectors",
            type=FILE,
            metavar="FILE",
            section="Vocabulary",
            help="Start the embedding from these: word2vec text or binary, GloVe, .gz of them, gensim .kv.",
        ),
        option(
            "--train-vectors",
            "train_dim",
            type=click.IntRange(min=1),
            metavar="DIM",
            section="Vocabulary",
            help="Or train vectors of this width on the training texts.",
        ),
        option(
            "--extra-text",
            type=FILE,
            multiple=True,
            metavar="FILE",
            section="Vocabulary",
            help="More raw text for --train-vectors, a sentence a line; may be repeated.",
        ),
    )
    for decorate in reversed(decorators):
        command = decorate(command)
    return command


def dataset_arguments(
    *,
    tokenizer: str | None,
    latin: str | None,
    user_dictionary: Path | None,
    hmm: bool | None,
    stop_words: Path | None,
    engine: str | None,
    nfkc: bool | None,
    lowercase: bool | None,
    vocabulary: str | None,
    min_count: int,
    max_size: int | None,
    max_length: int | None,
    word_vectors: Path | None,
    train_dim: int | None,
    extra_text: tuple[Path, ...],
    as_kind: str | None,
    **options: Any,
) -> dict[str, Any]:
    """The arguments of `textsim.preprocess` that options stand for; those that are not of texts are handed on."""
    from textsim.data.settings import VocabularySettings, WordVectorSettings
    from textsim.text.tokenizers import make_tokenizer

    cutting = given(
        latin=latin, user_dictionary=user_dictionary, hmm=hmm, stop_words=stop_words, engine=engine
    )
    normalizing = given(nfkc=nfkc, lowercase=lowercase)
    chosen = None
    if tokenizer or cutting or normalizing:
        chosen = make_tokenizer(tokenizer or "char", **cutting, normalizer=normalizing)
    new = VocabularySettings(vocabulary, min_count, max_size, max_length)
    vectors = None
    if word_vectors or train_dim or extra_text:
        vectors = WordVectorSettings(word_vectors, train_dim, extra_text)
    return {
        "tokenizer": chosen,
        "vocabulary": None if new == VocabularySettings() else new,
        "word_vectors": vectors,
        "as_triplets": as_kind == "triplets",
        **given(**options),
    }


def show_report(report: dict[str, Any], out: Path, as_json: bool, quiet: bool) -> None:
    """Prints what `textsim.preprocess` returns."""
    from textsim.data.statistics import format_report
    from textsim.io.paths import as_text

    if as_json:
        click.echo(format_json(report))
        return
    of = click.get_current_context().command
    warnings = [with_options(warning, of) for warning in report["warnings"]]
    if quiet:
        for warning in warnings:
            click.echo(f"warning: {warning}.", err=True)
        return
    click.echo(format_report({**report, "warnings": warnings}))
    click.echo(f"dataset: {as_text(out)}")


@command()
@inputs_argument
@folder_options("DATASET")
@option(
    "--kind",
    type=click.Choice(["auto", "pairs", "triplets", "vectors"]),
    default="auto",
    help="A row is two texts and a label; or anchor, positive, negative; or two numeric vectors and a label.",
)
@option(
    "--processes",
    type=click.IntRange(min=1),
    default=1,
    metavar="N",
    help="Processes that tokenize; the result is the same.",
)
@json_option("the report")
@quiet_option
@reading_options
@label_options
@option(
    "--dev",
    type=FILE,
    multiple=True,
    metavar="FILE",
    section="Splits",
    help="Validation rows; may be repeated.",
)
@dataset_options
@option(
    "--standardize",
    is_flag=True,
    section="Vectors",
    help="Zero mean and unit spread, fitted on the training rows.",
)
def preprocess(inputs: tuple[Path, ...], out: Path, as_json: bool, quiet: bool, **options: Any) -> None:
    """Turn labelled data files into a dataset folder.

    The folder is what `textsim train` reads. INPUT is TSV, CSV, JSON, Parquet or an Excel workbook, for vectors also
    .npy and .npz; those of text plain or gzipped. Several are read one after the other. A bad row stops the run
    with its file and line, unless --on-bad-row skip.

    \b
    Examples:
      textsim preprocess train.tsv --dev dev.tsv --out dataset
      textsim preprocess pairs.csv --columns query,question,same --dev-fraction 0.1 --out dataset
      textsim preprocess pairs.tsv --dev-fraction 0.2 --tokenizer jieba --word-vectors words.vec --out dataset
      textsim preprocess pairs.tsv --dev-fraction 0.2 --train-vectors 200 --extra-text chats.txt --out dataset
      textsim preprocess triplets.tsv --kind triplets --dev-fraction 0.1 --out dataset
      textsim preprocess vectors.csv --kind vectors --standardize --dev-fraction 0.2 --out dataset
    """
    from textsim.data.preprocess import preprocess

    report = preprocess(inputs, out, progress=False if quiet else None, **dataset_arguments(**options))
    show_report(report, out, as_json, quiet)
