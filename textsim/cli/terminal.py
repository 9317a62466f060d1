"""What every command does at the terminal: how it ends, how it reports errors, and how it prints results."""

from __future__ import annotations

import ast
import codecs
import contextlib
import errno
import io
import json
import logging
import os
import re
import shlex
import signal
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from textsim.errors import TextsimError
from textsim.extras import needed_for

if TYPE_CHECKING:
    from textsim.matching.files.report import FileReport


class Command(click.Command):
    """A command that reports a `TextsimError` in one line, and lists its options under headings."""

    def invoke(self, ctx: click.Context) -> Any:
        ctx.params = _recovered(ctx.params)
        try:
            with (
                _ended_by_signals(),
                _shown_messages(_commands(ctx), quiet=ctx.params.get("quiet", False)),
                needed_for(f"textsim {self.name}"),
            ):
                return super().invoke(ctx)
        except TextsimError as error:
            raise Failure(
                _one_line(f"{type(error).__name__}: {with_options(str(error), *_commands(ctx))}")
            ) from error
        except MemoryError as error:
            raise Failure(_one_line(f"out of memory: {error}" if str(error) else "out of memory.")) from error
        except KeyboardInterrupt:
            click.echo("Interrupted.", err=True)
            ctx.exit(130)
        except OSError as error:
            # A reader that left is click's to handle.
            if error.errno == errno.EPIPE:
                raise
            where = f": {error.filename}" if error.filename else ""
            raise Failure(f"{error.strerror or error}{where}.") from error

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx) if isinstance(parameter, click.Option) else None
            if record is not None:
                sections.setdefault(getattr(parameter, "section", "Options"), []).append(record)
        for title, records in sections.items():
            with formatter.section(title):
                formatter.write_dl(records)


def with_options(message: str, *commands: click.Command) -> str:
    """A message of the library, which names arguments, with the options of commands in their place, the first's first.

    Arguments are told by their form: `name=value`, a name with an underscore, a name and a colon that begin the
    message. A value `...` stands for any.

    Example:
        >>> from textsim.cli.score import score
        >>> with_options("pass header='no', columns=['a', 'b'] or delimiter=...", score)
        'pass --header no, --columns a,b or --delimiter CHAR'
    """
    parameters = [parameter for command in reversed(commands) for parameter in command.params]
    options = {str(option.name): option for option in parameters if isinstance(option, click.Option)}

    def shown(match: re.Match[str]) -> str:
        option = options.get(match["named"] or match["alone"])
        if option is None:
            return match[0]
        typed = max(option.opts, key=len)
        return (
            typed if match["value"] is None or option.is_flag else f"{typed} {_typed(match['value'], option)}"
        )

    return _ARGUMENT.sub(shown, message)


_VALUE = r"""'(?:[^'\\]|\\.)*'|"[^"]*"|\[(?:'[^']*'|"[^"]*"|[^]'"])*\]|\.\.\.|\w[\w.]*\b"""
_ARGUMENT = re.compile(
    rf"(?<![\w.'/-])(?P<named>[a-z_]+)=(?P<value>{_VALUE})"
    r"|(?<![\w.'/-])(?P<alone>(?:^[a-z]+(?=: ))|[a-z]+(?:_[a-z]+)+(?![\w'/=]|\.\w))"
)


def _typed(value: str, option: click.Option) -> str:
    """A value in Python's form, as it is typed in a shell."""
    if value in ("...", "[...]"):
        return option.metavar or str(option.name).upper()
    if value[0] not in "'\"[":
        return value
    try:
        read = ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return value
    text = read if isinstance(read, str) else ",".join(map(str, read))
    # A tab is typed as two characters, see the option --delimiter.
    quoted = shlex.quote(text.replace("\t", r"\t"))
    # A mark alone would read as the sentence's own.
    return f"'{text}'" if quoted == text and not any(map(str.isalnum, text)) else quoted


def _commands(ctx: click.Context) -> list[click.Command]:
    """The command that runs, those beside it and the one above: a message may say what to do with one of them."""
    group = ctx.find_root().command
    return [ctx.command, *(getattr(group, "found", {}).values()), group]


def _one_line(text: str) -> str:
    return " ".join(text.splitlines())


class CommandGroup(click.Group):
    """Commands with a first name in common, such as `textsim index build`."""

    command_class = Command


def command() -> Callable[[Callable[..., Any]], Command]:
    """The decorator of a command of `textsim`."""
    return click.command(cls=Command)


class Failure(click.ClickException):
    """A user's error: one line, no usage text."""

    exit_code = 2

    def show(self, file: Any = None) -> None:
        click.echo(self.message, err=True)


@contextlib.contextmanager
def writable_streams() -> Iterator[None]:
    """Lets the process write to a console that lacks characters, and fail in one line where it cannot write at all."""
    _open_closed_streams()
    kept = [
        (stream, stream.errors) for stream in (sys.stdout, sys.stderr) if isinstance(stream, io.TextIOWrapper)
    ]
    for stream, _ in kept:
        stream.reconfigure(errors="backslashreplace")
    try:
        yield
    except OSError as error:
        click.echo(f"standard output: {error.strerror or error}.", err=True)
        raise SystemExit(2) from None
    finally:
        for stream, errors in kept:
            try:
                stream.reconfigure(errors=errors)
            except OSError:
                # What cannot be written shall not be tried again when Python ends.
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _open_closed_streams() -> None:
    """Gives standard streams that were closed a place, so that no file which is opened gets their numbers.

    Reading gives nothing, messages go nowhere, and writing results fails.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is None:
            # Opened in order, each gets the lowest free number: its own.
            opened = os.open(os.devnull, os.O_WRONLY if name == "stderr" else os.O_RDONLY)
            if opened == number:
                setattr(sys, name, open(opened, mode, encoding="utf-8", closefd=False))  # noqa: SIM115
            else:
                os.close(opened)


def _recovered(value: Any) -> Any:
    """Texts on the command line as they were typed, where the locale's encoding could not read them as UTF-8.

    Names of files stay: they are opened by the same bytes.
    """
    if isinstance(value, dict):
        return {key: _recovered(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(_recovered, value))
    if not isinstance(value, str) or value.isascii() or os.path.exists(value):
        return value
    try:
        return os.fsencode(value).decode("utf-8")
    except UnicodeError:
        return value


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


class _Messages(logging.Handler):
    """Prints what the library logs while a command runs, a line each, above any progress bar."""

    def __init__(self, commands: Sequence[click.Command]) -> None:
        super().__init__()
        self._commands = commands

    def emit(self, record: logging.LogRecord) -> None:
        from tqdm import tqdm

        mark = f"{record.levelname.lower()}: " if record.levelno >= logging.WARNING else ""
        message = with_options(record.getMessage(), *self._commands)
        tqdm.write(_one_line(mark + message), file=sys.stderr)


@contextlib.contextmanager
def _shown_messages(commands: Sequence[click.Command], quiet: bool) -> Iterator[None]:
    """Shows what the library logs, and Python's warnings in the same form; warnings alone where it is to be quiet."""
    log, handler = logging.getLogger("textsim"), _Messages(commands)

    def show(message: Warning | str, *where: Any, **more: Any) -> None:
        log.warning("%s", message)

    level = log.level
    log.addHandler(handler)
    log.setLevel(logging.WARNING if quiet else logging.INFO)
    try:
        with warnings.catch_warnings():
            warnings.showwarning = show
            yield
    finally:
        log.removeHandler(handler)
        log.setLevel(level)


@contextlib.contextmanager
def quiet_tensorflow() -> Iterator[None]:
    """Holds back what TensorFlow's C++ side writes to standard error while it is imported.

    Some of it comes before any setting is read, so the file descriptor is turned to a file, which is shown if
    the import fails. Whoever sets TF_CPP_MIN_LOG_LEVEL to 0 gets everything.
    """
    if os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3") == "0":
        yield
        return
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


def echo_reading(report: FileReport, *results: str, quiet: bool) -> None:
    """Prints what was done with a file on standard error, and what came of it; where it is quiet, the notes alone."""
    if quiet:
        echo_notes(report)
        return
    rows = f"{report.rows:,} rows in {report.seconds:.1f} s"
    click.echo("; ".join([rows, *_notes(report), *results]), err=True)


def echo_notes(report: FileReport) -> None:
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
    if report.undecoded:
        parts.append(
            f"{report.undecoded:,} rows hold U+FFFD: an earlier program could not decode what stood there"
        )
    if report.left_out:
        parts.append(f"column {report.left_out!r} left out: taken for the label")
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


def format_json(value: Any) -> str:
    """As JSON for standard output. Characters that this lacks have the escapes of JSON: no others may stand in it."""
    text = json.dumps(value, ensure_ascii=False, indent=2)
    encoding = sys.stdout.encoding or "utf-8"
    return text.encode(encoding, "textsim.json").decode(encoding)


def _escaped(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    return json.dumps(error.object[error.start : error.end])[1:-1], error.end


codecs.register_error("textsim.json", _escaped)
