"""The command line: options -> settings -> one library call -> text on standard output.

Nothing but click is imported until a command runs, so that help and completion answer at once.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from textsim import __version__
from textsim.errors import TextsimError

if TYPE_CHECKING:
    from textsim.matching.files.files import FileReport

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FILE_OR_STREAM = click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path)
ROWS = click.Path(exists=True, allow_dash=True, path_type=Path)
OUTPUT = click.Path(path_type=Path)
OUTPUT_OR_STREAM = click.Path(dir_okay=False, allow_dash=True, path_type=Path)
SEED = click.IntRange(0, 2**32 - 1)


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Lets a request to end unwind the work, so that no partial file and no process is left behind."""

    def end(number: int, frame: Any) -> None:
        raise SystemExit(128 + number)

    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    ours = [number for number in numbers if signal.getsignal(number) == signal.SIG_DFL]
    if threading.current_thread() is not threading.main_thread():
        ours = []
    for number in ours:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


class _Failure(click.ClickException):
    """A user's error: one line, no usage text."""

    exit_code = 2

    def show(self, file: Any = None) -> None:
        click.echo(self.message, err=True)


class Command(click.Command):
    """A command that reports a `TextsimError` in one line, and lists its options under headings."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            with _ended_by_signals():
                return super().invoke(ctx)
        except TextsimError as error:
            message = " ".join(f"{type(error).__name__}: {error}".splitlines())
            raise _Failure(message) from error
        except KeyboardInterrupt:
            click.echo("Interrupted.", err=True)
            ctx.exit(130)
        except OSError as error:
            # A reader that left is click's to handle.
            if error.errno == errno.EPIPE:
                raise
            where = f": {error.filename}" if error.filename else ""
            raise _Failure(f"{error.strerror or error}{where}.") from error

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx) if isinstance(parameter, click.Option) else None
            if record is not None:
                sections.setdefault(getattr(parameter, "section", "Options"), []).append(record)
        for title, records in sections.items():
            with formatter.section(title):
                formatter.write_dl(records)


class Group(click.Group):
    command_class = Command


class _Option(click.Option):
    def __init__(self, *args: Any, section: str = "Options", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.section = section


def option(*names: str, **attributes: Any) -> Callable[[Any], Any]:
    """click.option, with the heading that it is listed under as `section`."""
    return click.option(*names, cls=_Option, **attributes)


def _parse_columns(ctx: click.Context, param: click.Parameter, value: str | None) -> list[str | int] | None:
    if value is None:
        return None
    return [int(column) if column.isdecimal() else column for column in map(str.strip, value.split(","))]


def _parse_delimiter(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """A tab is hard to type in a shell."""
    return "\t" if value == r"\t" else value


def _reading_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say how a data file is written. None where left out: the reader has the defaults."""
    decorators = (
        option(
            "--columns",
            metavar="A,B,...",
            callback=_parse_columns,
            section="Reading",
            help="The columns to read, by name or by position from 1.  [default: the usual names, or all]",
        ),
        option(
            "--header",
            type=click.Choice(["auto", "yes", "no"]),
            section="Reading",
            help="Whether the first row names the columns.  [default: auto]",
        ),
        option(
            "--format",
            type=click.Choice(["tsv", "csv", "jsonl", "parquet", "lines"]),
            section="Reading",
            help="File format; lines: one text a line, where a row is a text.  [default: by the file's name]",
        ),
        option(
            "--encoding",
            metavar="NAME",
            section="Reading",
            help="Text encoding.  [default: detected, and said]",
        ),
        option(
            "--delimiter",
            metavar="CHAR",
            callback=_parse_delimiter,
            section="Reading",
            help="Column separator; '\\t' is a tab.  [default: tab or comma]",
        ),
        option(
            "--on-bad-row",
            type=click.Choice(["error", "skip"]),
            section="Reading",
            help="Stop at a bad row, or skip and count it; of texts only.  [default: error]",
        ),
        option(
            "--rejects",
            type=OUTPUT,
            metavar="FILE",
            section="Reading",
            help="Where skipped rows go, with the reason.  [default: preprocess keeps them in DATASET]",
        ),
    )
    for decorate in reversed(decorators):
        command = decorate(command)
    return command


def _simplify_option(section: str = "Options") -> Callable[[Any], Any]:
    return option(
        "--simplify", is_flag=True, section=section, help="Traditional to simplified (extra `opencc`)."
    )


def _label_options(command: Callable[..., Any]) -> Callable[..., Any]:
    threshold = option(
        "--label-threshold",
        type=float,
        metavar="X",
        section="Reading",
        help="Labels are graded: X and above are 1.",
    )
    maximum = option(
        "--label-max",
        type=float,
        metavar="X",
        section="Reading",
        help="Or labels are graded from 0 to X and kept, as shares of X.",
    )
    return threshold(maximum(command))


def _labelled_row_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """All options of labelled rows, which may be those of a dataset folder."""
    split = option(
        "--split", metavar="NAME", help="The rows to use where FILE is a dataset folder.  [default: dev]"
    )
    kind = option(
        "--kind",
        type=click.Choice(["pairs", "triplets"]),
        section="Reading",
        help="What a row of texts holds.  [default: by the header, else pairs]",
    )
    return split(kind(_reading_options(_label_options(command))))


def _complete_recipe(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from textsim.config.recipes import RECIPES

    return [
        CompletionItem(name, help=recipe.description)
        for name, recipe in sorted(RECIPES.items())
        if name.startswith(incomplete)
    ]


def _complete_tokenizer(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from textsim.registry import TOKENIZERS

    return [CompletionItem(name) for name in TOKENIZERS.names() if name.startswith(incomplete)]


def _complete_model(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from textsim.artifacts.pretrained import bundled_models

    names = [CompletionItem(name) for name in sorted(bundled_models()) if name.startswith(incomplete)]
    # The shell completes paths where no name fits.
    return [CompletionItem(incomplete, type="file"), *names]


model_argument = click.argument("model", metavar="MODEL", shell_complete=_complete_model)


@click.group(
    cls=Group,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "show_default": True,
        "max_content_width": 110,
    },
)
@click.version_option(__version__, prog_name="textsim", message="%(prog)s %(version)s")
def main() -> None:
    """Decide whether two Chinese sentences mean the same.

    \b
    From a file of labelled pairs to a scorer:
      textsim preprocess train.tsv --dev dev.tsv --out dataset
      textsim train dataset --out model
      textsim evaluate model dev.tsv
      textsim score model 花呗怎么还款 怎样还花呗

    \b
    Completion of commands, options and names, in bash (zsh and fish likewise):
      eval "$(_TEXTSIM_COMPLETE=bash_source textsim)"
    """


@main.command()
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True, type=FILE_OR_STREAM)
@option("--out", required=True, type=OUTPUT, metavar="DATASET", help="The dataset folder to make.")
@option(
    "--kind",
    type=click.Choice(["auto", "pairs", "triplets", "vectors"]),
    default="auto",
    help="A row is two texts and a label; or anchor, positive, negative; or two numeric vectors and a label.",
)
@option("--overwrite", is_flag=True, help="Replace DATASET if it is there.")
@option(
    "--processes",
    type=click.IntRange(min=1),
    default=1,
    metavar="N",
    help="Processes that cut words; the result is the same.",
)
@option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@option("--quiet", is_flag=True, help="No progress, no report.")
@_reading_options
@_label_options
@option(
    "--dev",
    type=FILE,
    multiple=True,
    metavar="FILE",
    section="Splits",
    help="Validation rows; may be repeated.",
)
@option(
    "--dev-fraction",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    metavar="F",
    section="Splits",
    help="Without --dev: the share of rows drawn for validation.",
)
@option(
    "--seed",
    type=SEED,
    metavar="N",
    default=0,
    section="Splits",
    help="Seed of every random draw.",
)
@option(
    "--tokenizer",
    metavar="NAME",
    shell_complete=_complete_tokenizer,
    section="Tokens",
    help="char (characters) or jieba (words).  [default: char]",
)
@option(
    "--latin",
    type=click.Choice(["runs", "split"]),
    section="Tokens",
    help="char: keep runs of Latin letters and digits whole, or split them.  [default: runs]",
)
@option("--user-dictionary", type=FILE, metavar="FILE", section="Tokens", help="jieba: words to add.")
@option(
    "--hmm/--no-hmm",
    default=None,
    section="Tokens",
    help="jieba: find words beyond the dictionary.  [default: hmm]",
)
@option("--stop-words", type=FILE, metavar="FILE", section="Tokens", help="jieba: words to leave out.")
@option(
    "--segmenter",
    type=click.Choice(["jieba", "rjieba"]),
    section="Tokens",
    help="jieba: the program that cuts; rjieba is ten times as fast (extra `fast`).  [default: jieba]",
)
@option(
    "--nfkc/--no-nfkc", default=None, section="Tokens", help="Unicode NFKC normalization.  [default: nfkc]"
)
@option(
    "--lowercase/--no-lowercase",
    default=None,
    section="Tokens",
    help="Lower-case letters.  [default: lowercase]",
)
@_simplify_option("Tokens")
@option(
    "--vocabulary-from",
    metavar="FOLDER",
    shell_complete=_complete_model,
    section="Vocabulary",
    help="Take the tokenizer of this dataset or model, and extend its vocabulary: for train --init.",
)
@option(
    "--min-count",
    type=click.IntRange(min=1),
    metavar="N",
    default=1,
    section="Vocabulary",
    help="Leave out rarer tokens.",
)
@option(
    "--max-vocabulary",
    "max_size",
    type=click.IntRange(min=1),
    metavar="N",
    section="Vocabulary",
    help="Keep the N most frequent.",
)
@option(
    "--max-length",
    type=click.IntRange(min=1),
    metavar="TOKENS",
    section="Vocabulary",
    help="Truncate longer texts.  [default: the 99.5th percentile]",
)
@option(
    "--word-vectors",
    type=FILE,
    metavar="FILE",
    section="Vocabulary",
    help="Start the embedding from these: word2vec text or binary, GloVe, .gz of them, gensim .kv.",
)
@option(
    "--train-vectors",
    type=click.IntRange(min=1),
    metavar="DIM",
    section="Vocabulary",
    help="Or train vectors of this width on the training texts.",
)
@option(
    "--extra-text",
    type=FILE,
    multiple=True,
    metavar="FILE",
    section="Vocabulary",
    help="More raw text for --train-vectors, a sentence a line; may be repeated.",
)
@option(
    "--standardize",
    is_flag=True,
    section="Vectors",
    help="Zero mean and unit spread, fitted on the training rows.",
)
def preprocess(
    inputs: tuple[Path, ...],
    out: Path,
    as_json: bool,
    quiet: bool,
    tokenizer: str | None,
    latin: str | None,
    user_dictionary: Path | None,
    hmm: bool | None,
    stop_words: Path | None,
    segmenter: str | None,
    nfkc: bool | None,
    lowercase: bool | None,
    vocabulary_from: str | None,
    **options: Any,
) -> None:
    """Turn labelled data files into a dataset folder.

    The folder is what `textsim train` reads. INPUT is TSV, CSV, JSON lines or Parquet, for vectors also
    .npy and .npz; plain or gzipped. Several are read one after the other. A bad row stops the run with its
    file and line, unless --on-bad-row skip.

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
    from textsim.data.statistics import format_report
    from textsim.io.atomic import as_text
    from textsim.text.tokenizers import tokenizer_from_config

    cutting = _given(
        latin=latin, user_dictionary=user_dictionary, hmm=hmm, stop_words=stop_words, engine=segmenter
    )
    normalizing = _given(nfkc=nfkc, lowercase=lowercase)
    chosen = None
    if tokenizer or cutting or normalizing:
        chosen = tokenizer_from_config({"name": tokenizer or "char", **cutting, "normalizer": normalizing})
    if vocabulary_from is not None:
        options["vocabulary_from"] = vocabulary_from
    progress = False if quiet else None
    report = preprocess(inputs, out, tokenizer=chosen, progress=progress, **_given(**options))
    if as_json:
        click.echo(_json(report))
    elif not quiet:
        click.echo(format_report(report))
        click.echo(f"dataset: {as_text(out)}")


@main.command()
@click.argument("dataset", metavar="DATASET", type=click.Path(path_type=Path))
@option("--out", required=True, type=OUTPUT, metavar="MODEL", help="The model folder to make.")
@option("--overwrite", is_flag=True, help="Replace MODEL if it is there.")
@option("--quiet", is_flag=True, help="No progress, no summary.")
@option(
    "--recipe",
    metavar="NAME",
    shell_complete=_complete_recipe,
    section="Settings",
    help="A recipe by name; `textsim recipes` lists them, and says which is taken by default for which dataset.",
)
@option("--config", type=FILE, metavar="FILE", section="Settings", help="Or a recipe as JSON.")
@option(
    "--init",
    metavar="MODEL",
    shell_complete=_complete_model,
    section="Settings",
    help="Continue from this model, with its parts and training settings for few pairs; with --recipe or --config, "
    "with exactly those. DATASET must have been made with --vocabulary-from MODEL.",
)
@option(
    "--teacher",
    "teachers",
    multiple=True,
    metavar="MODEL",
    shell_complete=_complete_model,
    section="Settings",
    help="Learn this model's scores in place of the labels of the training rows; repeated, the mean of several "
    "models' (distillation).",
)
@option(
    "--set",
    "assignments",
    multiple=True,
    metavar="KEY=VALUE",
    section="Settings",
    help="Change a setting of the recipe; may be repeated.",
)
@option("--epochs", type=int, metavar="N", section="Settings", help="Short for --set training.epochs=N.")
@option(
    "--batch-size", type=int, metavar="N", section="Settings", help="Short for --set training.batch_size=N."
)
@option("--seed", type=SEED, metavar="N", section="Settings", help="Short for --set training.seed=N.")
def train(
    dataset: Path,
    out: Path,
    overwrite: bool,
    quiet: bool,
    recipe: str | None,
    config: Path | None,
    init: str | None,
    teachers: tuple[str, ...],
    assignments: tuple[str, ...],
    **short: int | None,
) -> None:
    """Train a matcher on a dataset folder.

    MODEL holds all that scoring needs, with the training history, its curves and a model card. The
    threshold between match and no match is chosen on the dataset's validation rows and saved with the model.

    A run that was interrupted goes on from its last epoch when it is started again with the same options, and ends
    with the same weights: until it is finished, MODEL.checkpoint-XXXXXXXX.npz holds its state. Runs with other options
    have files of their own. Killed, a run may have lost the last half minute's epochs.

    \b
    Examples:
      textsim train dataset --out model
      textsim train dataset --out model --recipe bilstm-manhattan --epochs 5
      textsim train dataset --out model --set head=cosine-sigmoid --set training.learning_rate=0.0005
      textsim recipes bilstm-attention > mine.json    (edit it, then)
      textsim train dataset --out model --config mine.json
      textsim train dataset --out model --init zh-general
      textsim train dataset --out model --teacher first --teacher second --teacher third
    """
    from textsim.artifacts.saved_model import load_model
    from textsim.config.cores import share_cores
    from textsim.config.recipes import build_recipe, default_recipe
    from textsim.data.dataset import PairDataset

    changes = [
        *assignments,
        *(f"training.{key}={value}" for key, value in short.items() if value is not None),
    ]
    opened = None
    if recipe is not None or config is not None:
        settings = build_recipe(recipe, config, changes)
    elif init is not None:
        settings = load_model(init).recipe.for_continuing().replace(changes)
    else:
        # Opened once: what is trained on is what the recipe was chosen for.
        opened = PairDataset.open(dataset)
        rows = len(opened.splits["train"])
        recipe = default_recipe(opened.kind, rows)
        settings = build_recipe(recipe, None, changes)
        if not quiet:
            click.echo(f"recipe      {recipe}, the default for {rows:,} {opened.kind}")
    share_cores(settings)
    with _quiet_tensorflow():
        from textsim.training import trainer
    result = trainer.train(
        opened or dataset,
        settings,
        out,
        init=init,
        teachers=teachers,
        overwrite=overwrite,
        progress=not quiet,
    )
    if not quiet:
        click.echo(result.summary())


@main.command()
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True, type=FILE_OR_STREAM)
@option(
    "--teacher",
    "teachers",
    required=True,
    multiple=True,
    metavar="MODEL",
    shell_complete=_complete_model,
    help="A model that labels the pairs; repeated, several together.",
)
@option(
    "--output",
    "target",
    required=True,
    type=OUTPUT_OR_STREAM,
    metavar="FILE",
    help="The training file to write; - is standard output.",
)
@option(
    "--kind",
    type=click.Choice(["pairs", "texts"]),
    default="pairs",
    help="A row of INPUT is two texts, a label or not (labelled and without a header: --columns 1,2); or one text.",
)
@option(
    "--per-text",
    type=click.IntRange(min=1),
    default=2,
    metavar="N",
    help="Partners sought for each text.",
)
@option(
    "--share",
    type=click.FloatRange(0, 1, min_open=True),
    default=0.1,
    metavar="F",
    help="A partner is the nearest in this share of the texts (of 32,768 at most), drawn at random; smaller: easier "
    "pairs.",
)
@option(
    "--label-max",
    type=float,
    default=1.0,
    metavar="X",
    help="Labels are written as shares of X: the --label-max of the file that they shall stand beside.",
)
@option("--seed", type=SEED, metavar="N", default=0, help="Seed of every random draw.")
@option("--quiet", is_flag=True, help="No progress bar, no summary.")
@_reading_options
def mine(
    inputs: tuple[Path, ...],
    teachers: tuple[str, ...],
    target: Path,
    quiet: bool,
    **options: Any,
) -> None:
    """Make more training pairs of the texts at hand, labelled by models.

    Takes the texts of training files, or of a log of questions, finds pairs of them that nobody labelled and that are
    not told apart at a glance, and writes them with what the models together say: labels between 0 and 1. A model
    trained on both files knows more than one trained on the first alone. Give training texts only, not those of
    validation.

    \b
    Example:
      textsim train dataset --out first --seed 1
      textsim train dataset --out second --seed 2
      textsim mine train.tsv --teacher first --teacher second --output mined.tsv
      textsim preprocess train.tsv mined.tsv --label-max 1 --dev dev.tsv --out larger
      textsim train larger --out model
    """
    from textsim.training.augmentation.mining import mine_files

    report = mine_files(inputs, target, teachers, progress=not quiet, **_given(**options))
    if not quiet:
        click.echo(f"{_count(report)}; {report.matches:,} match", err=True)


@main.command()
@click.argument("members", metavar="MODEL...", nargs=-1, required=True, shell_complete=_complete_model)
@option(
    "--dev",
    required=True,
    type=click.Path(exists=True, path_type=Path),
    metavar="FILE",
    help="Labelled rows on which the threshold is chosen, a data file or a dataset folder: those of validation.",
)
@option("--out", required=True, type=OUTPUT, metavar="MODEL", help="The model folder to make.")
@option("--overwrite", is_flag=True, help="Replace MODEL if it is there.")
@option("--quiet", is_flag=True, help="No summary.")
@_labelled_row_options
def ensemble(
    members: tuple[str, ...], dev: Path, out: Path, overwrite: bool, quiet: bool, **options: Any
) -> None:
    """Join trained models into one that scores by their mean.

    Trained alike but for their seeds, several models are together more accurate than each, and take as long as all of
    them. The joined model stands wherever a model does, `mine --teacher` among others.

    \b
    Example:
      textsim train dataset --out first --seed 1
      textsim train dataset --out second --seed 2
      textsim train dataset --out third --seed 3
      textsim ensemble first second third --dev dataset --out model
    """
    from textsim.matching.files.files import FileReport
    from textsim.training.ensemble import ensemble as join

    report = FileReport()
    result = join(members, dev, out, overwrite=overwrite, report=report, **_given(**options))
    if not quiet:
        click.echo(result.summary())
    _say_notes(report)


@main.command()
@model_argument
@click.argument("file", metavar="FILE", type=ROWS)
@option("--out", type=OUTPUT, metavar="MODEL", help="Write the model with the chosen threshold here.")
@option("--overwrite", is_flag=True, help="Replace that model if it is there.")
@option(
    "--min-precision",
    type=click.FloatRange(0, 1, min_open=True),
    metavar="P",
    help="Choose the lowest threshold at which at least this share of the pairs judged the same are, in place of the "
    "most accurate one.",
)
@_simplify_option()
@option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@_labelled_row_options
def threshold(
    model: str, file: Path, out: Path | None, overwrite: bool, as_json: bool, **options: Any
) -> None:
    """Choose a model's threshold anew, on labelled pairs of your own.

    Nothing is trained. A model that meets another domain often ranks its pairs well and cuts them badly: a few hundred
    labelled pairs are enough to tell. Beside the figures on those pairs stands what to expect of pairs that had no say
    in the choice.

    \b
    Examples:
      textsim threshold zh-general mine.tsv
      textsim threshold zh-general mine.tsv --out model
      textsim threshold zh-general mine.tsv --min-precision 0.95 --out model
    """
    from textsim.evaluation.thresholds import fit_threshold
    from textsim.io.atomic import as_text
    from textsim.matching.files.files import FileReport

    report = FileReport()
    fit = fit_threshold(model, file, out, overwrite=overwrite, report=report, **_given(**options))
    click.echo(_json(fit.to_dict()) if as_json else fit.format())
    if out is not None and not as_json:
        click.echo(f"model: {as_text(out)}")
    _say_notes(report)


@main.command()
@click.argument("name", required=False, shell_complete=_complete_recipe)
def recipes(name: str | None) -> None:
    """List the named recipes, or print one as JSON.

    Edited, it can be given to `textsim train --config`.

    \b
    Examples:
      textsim recipes
      textsim recipes bilstm-manhattan > mine.json
    """
    from textsim.config.recipes import FEW_PAIRS, RECIPES, build_recipe, default_recipe

    if name is not None:
        click.echo(build_recipe(name).to_json())
        return
    width = max(map(len, RECIPES))
    default_for = {
        default_recipe("pairs", FEW_PAIRS): f"{FEW_PAIRS:,} pairs and more",
        default_recipe("pairs", 0): f"fewer than {FEW_PAIRS:,} pairs",
        default_recipe("triplets", 0): "triplets",
        default_recipe("vectors", 0): "numeric vectors",
    }
    for key, recipe in RECIPES.items():
        note = f" [default for {default_for[key]}]" if key in default_for else ""
        click.echo(f"{key:<{width}}  {recipe.description}{note}")


@main.command()
@option("--names", is_flag=True, help="The names alone, one a line.")
def models(names: bool) -> None:
    """List the models that come with textsim.

    Their names may stand wherever MODEL does."""
    from textsim.artifacts.pretrained import bundled_models
    from textsim.artifacts.saved_model import CARD

    for name, folder in bundled_models().items():
        if names:
            click.echo(name)
            continue
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        card = (folder / CARD).read_text(encoding="utf-8").splitlines()
        about = next((line for line in card if line and not line.startswith("#")), "")
        click.echo(f"{name}  {size / 1e6:.1f} MB  {about}")


@main.command()
@model_argument
@click.argument("file", metavar="FILE", type=ROWS)
@_simplify_option()
@option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@_labelled_row_options
def evaluate(model: str, file: Path, simplify: bool, as_json: bool, **options: Any) -> None:
    """Judge a model on labelled rows.

    FILE is a data file, - for standard input, or a dataset folder. Accuracy is given at 0.5 and at the model's
    saved threshold, which is never chosen on FILE, and beside the accuracy of always guessing the larger class.

    \b
    Examples:
      textsim evaluate model dev.tsv
      textsim evaluate zh-general dev.csv --columns query,question,same --json
    """
    from textsim.evaluation.evaluate import evaluate_file
    from textsim.matching.files.files import FileReport
    from textsim.matching.text_matcher import load_matcher

    report = FileReport()
    matcher = load_matcher(model, simplify=simplify)
    result = evaluate_file(matcher, file, report=report, **_given(**options))
    click.echo(_json(result.to_dict()) if as_json else result.format())
    _say_notes(report)


@main.command()
@model_argument
@click.argument("texts", metavar="[TEXT_A TEXT_B]", nargs=-1)
@option("--input", "source", type=FILE_OR_STREAM, metavar="FILE", help="Pairs to score; - is standard input.")
@option(
    "--output", "target", type=OUTPUT_OR_STREAM, metavar="FILE", default="-", help="Where their scores go."
)
@_simplify_option()
@option(
    "--keep",
    metavar="A,B,...",
    callback=_parse_columns,
    help="Columns to write beside the scores, by name or position; line is the number of the line.",
)
@option("--json", "as_json", is_flag=True, help="Print the score of TEXT_A and TEXT_B as JSON.")
@option("--quiet", is_flag=True, help="No progress bar, no summary.")
@_reading_options
def score(
    model: str,
    texts: tuple[str, ...],
    source: Path | None,
    target: Path,
    simplify: bool,
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Score two texts, or every pair of a file.

    A score is in [0, 1], larger is more similar; at the model's threshold and above it is a match. Rows
    are streamed and keep their order. For a model of numeric vectors, a row holds two vectors.

    \b
    Examples:
      textsim score zh-general 花呗怎么还款 怎样还花呗
      textsim score model --input pairs.tsv --output scores.tsv
      textsim score model --input pairs.csv --keep line,id --on-bad-row skip --output scores.tsv
      zcat pairs.tsv.gz | textsim score model --input - > scores.tsv
    """
    if (source is None) == (not texts) or (texts and len(texts) != 2):
        raise click.UsageError("give two texts, or --input FILE.")
    of_files = [f"--{name.replace('_', '-')}" for name in _given(**options)]
    of_files += [] if os.fspath(target) == "-" else ["--output"]
    if source is None and of_files:
        raise click.UsageError(f"{', '.join(of_files)}: for --input FILE alone, not for two texts.")
    if source is not None and as_json:
        raise click.UsageError("--json: for two texts alone. The scores of --input are written as TSV.")
    from textsim.matching.files.files import FileReport, score_file
    from textsim.matching.text_matcher import TextMatcher, load_matcher

    if source is not None:
        progress = False if quiet else None
        scorer = load_matcher(model, simplify=simplify)
        report = score_file(scorer, source, target, progress=progress, **_given(**options))
        if not quiet:
            click.echo(f"{_count(report)}; {report.matches:,} match", err=True)
        return
    matcher = TextMatcher.load(model, simplify=simplify)
    value = matcher.score(*texts)
    match = value >= matcher.threshold
    if as_json:
        click.echo(_json({"score": value, "match": match, "threshold": matcher.threshold}))
    else:
        click.echo(f"{value:.4f}\t{'match' if match else 'no match'}")
    _say_notes(FileReport(truncated=matcher.truncated, indistinct=matcher.indistinct))


@main.command()
@model_argument
@option(
    "--input",
    "source",
    required=True,
    type=FILE_OR_STREAM,
    metavar="FILE",
    help="A text a line; - is standard input.",
)
@option("--output", "target", required=True, type=OUTPUT, metavar="FILE.npy", help="Where the vectors go.")
@_simplify_option()
@option("--quiet", is_flag=True, help="No progress bar, no summary.")
@_reading_options
def encode(model: str, source: Path, target: Path, simplify: bool, quiet: bool, **options: Any) -> None:
    """Write the sentence vector of every line of a file.

    The output is a NumPy array of float32, of shape (lines, dim), in the order of the lines. Those that
    --on-bad-row skip leaves out have no vector; --rejects lists them.

    \b
    Example:
      textsim encode zh-general --input texts.txt --output vectors.npy
    """
    from textsim.matching.files.files import encode_file
    from textsim.matching.text_matcher import TextMatcher

    matcher = TextMatcher.load(model, simplify=simplify)
    progress = False if quiet else None
    report = encode_file(matcher, source, target, progress=progress, **_given(**options))
    if not quiet:
        click.echo(_count(report), err=True)


@main.command()
@model_argument
@click.argument("stored", metavar="STORED", type=FILE_OR_STREAM)
@click.argument("text", metavar="[TEXT]", required=False)
@option(
    "--input",
    "source",
    type=FILE_OR_STREAM,
    metavar="FILE",
    help="Texts to search for, one a line or in a column.",
)
@option("--output", "target", type=OUTPUT_OR_STREAM, metavar="FILE", default="-", help="Where their hits go.")
@option("-k", "--top", "k", type=click.IntRange(1), default=5, help="Stored texts to find for each.")
@option("--json", "as_json", is_flag=True, help="Print the hits of TEXT as JSON.")
@option("--quiet", is_flag=True, help="No progress bar, no summary.")
@_simplify_option()
@_reading_options
def search(
    model: str,
    stored: Path,
    text: str | None,
    source: Path | None,
    target: Path,
    k: int,
    simplify: bool,
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Find the stored texts that a new one matches.

    STORED is a file of texts, one a line or in a column; the options under Reading are for it, --on-bad-row for the
    file of --input too, which has a text a line or a column of a usual name. Each hit comes with
    its score, whether that makes a match, and the cosine of the two texts' vectors, by which a model with in-batch
    negatives orders them; other models order them by score.

    \b
    Examples:
      textsim search zh-general questions.txt 密码忘了怎么办
      textsim search model faq.csv --columns question --input log.txt --output found.tsv -k 3
    """
    if (source is None) == (text is None):
        raise click.UsageError("give a text to search for, or --input FILE.")
    if source is None and os.fspath(target) != "-":
        raise click.UsageError("--output: for --input FILE alone, not for a text.")
    if source is not None and as_json:
        raise click.UsageError("--json: for a text alone. The hits of --input are written as TSV.")
    if source is not None and os.fspath(source) == os.fspath(stored) == "-":
        raise click.UsageError("STORED and --input: standard input is one of them at most.")
    from textsim.io.atomic import check_target
    from textsim.matching.files.files import FileReport, search_file, stored_texts
    from textsim.matching.index.text_index import TextIndex
    from textsim.matching.text_matcher import TextMatcher

    rejects = [] if options["rejects"] is None else [options["rejects"]]
    check_target(target, [stored, *rejects])
    for path in rejects:
        check_target(path, [stored, *([] if source is None else [source])])
    matcher, report = TextMatcher.load(model, simplify=simplify), FileReport()
    texts = stored_texts(matcher, stored, report=report, **_given(**options))
    if not quiet:
        _say_notes(report)
    index = TextIndex(matcher, texts, progress=not quiet and sys.stderr.isatty())
    if source is not None:
        policy = _given(on_bad_row=options["on_bad_row"])
        report = search_file(index, source, target, k=k, progress=False if quiet else None, **policy)
        if not quiet:
            click.echo(
                f"{_count(report)}; {report.matches:,} with a match among {len(index):,} texts", err=True
            )
        return
    assert text is not None
    matcher.truncated = matcher.indistinct = 0  # those of STORED are told
    hits = index.search(text, k)
    if as_json:
        click.echo(_json([hit._asdict() for hit in hits]))
    for hit in [] if as_json else hits:
        click.echo(f"{hit.score:.4f}\t{'match' if hit.match else 'no match'}\t{hit.cosine:.4f}\t{hit.text}")
    _say_notes(FileReport(truncated=matcher.truncated, indistinct=matcher.indistinct))


@main.command()
@model_argument
def info(model: str) -> None:
    """Check a model's files and print its card.

    \b
    Example:
      textsim info zh-general
    """
    from textsim.artifacts.pretrained import find_model
    from textsim.artifacts.saved_model import CARD, load_model
    from textsim.io.atomic import as_text

    folder = find_model(model)
    load_model(folder)
    click.echo((folder / CARD).read_text(encoding="utf-8"))
    click.echo(f"{as_text(folder)}: every file is there and unaltered.")


@contextlib.contextmanager
def _quiet_tensorflow() -> Iterator[None]:
    """Holds back what TensorFlow's C++ side writes to standard error while it is imported.

    Some of it comes before any setting is read, so the file descriptor is turned to a file, which is shown if
    the import fails. Whoever sets TF_CPP_MIN_LOG_LEVEL gets everything.
    """
    if "TF_CPP_MIN_LOG_LEVEL" in os.environ:
        yield
        return
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    sys.stderr.flush()
    with tempfile.TemporaryFile() as held:
        stderr = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(stderr, held.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


def _count(report: FileReport) -> str:
    """What was done with a file, nothing left out in silence."""
    return "; ".join([f"{report.rows:,} rows in {report.seconds:.1f} s", *_notes(report)])


def _say_notes(report: FileReport) -> None:
    """Prints what is out of the ordinary on standard error."""
    if notes := _notes(report):
        click.echo("; ".join(notes), err=True)


def _notes(report: FileReport) -> list[str]:
    """What is out of the ordinary about how a file was read."""
    from textsim.data.formats.table import quotes_note

    parts = []
    if report.encoding not in (None, "utf-8"):
        parts.append(f"read as {report.encoding}")
    if report.rejected:
        parts.append(f"{report.rejected:,} bad rows left out{_numbers(report)}")
    if report.quoted:
        parts.append(quotes_note(report.quoted))
    if report.truncated:
        parts.append(f"{report.truncated:,} texts read to the model's maximum length only")
    if report.indistinct:
        parts.append(f"{report.indistinct:,} pairs of different texts that the model reads alike")
    return parts


def _numbers(report: FileReport) -> str:
    """Which rows were left out, the first of them where there are many."""
    if not report.rejected_lines:
        return ""
    listed = ", ".join(map(str, report.rejected_lines))
    more = " and others" if report.rejected > len(report.rejected_lines) else ""
    # Parquet alone has no encoding, and rows for lines.
    unit = ("line" if report.encoding else "row") + "s" * (report.rejected > 1)
    return f" ({unit} {listed}{more})"


def _given(**options: Any) -> dict[str, Any]:
    """The options that were given on the command line."""
    return {name: value for name, value in options.items() if value is not None}


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)
