"""What every command does at the terminal: how it ends, how it reports errors, and how it prints results."""

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
from typing import TYPE_CHECKING, Any

import click

from textsim.errors import TextsimError
from textsim.extras import needed_for

if TYPE_CHECKING:
    from textsim.matching.files.report import FileReport


class Command(click.Command):
    """A command that reports a `TextsimError` in one line, and lists its options under headings."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            with _ended_by_signals(), needed_for(f"textsim {self.name}"):
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


class CommandGroup(click.Group):
    """Commands with a first name in common, such as `textsim index build`."""

    command_class = Command


def command() -> Callable[[Callable[..., Any]], Command]:
    """The decorator of a command of `textsim`."""
    return click.command(cls=Command)


class _Failure(click.ClickException):
    """A user's error: one line, no usage text."""

    exit_code = 2

    def show(self, file: Any = None) -> None:
        click.echo(self.message, err=True)


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


@contextlib.contextmanager
def quiet_tensorflow() -> Iterator[None]:
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


def describe_reading(report: FileReport) -> str:
    """What was done with a file, nothing left out in silence."""
    return "; ".join([f"{report.rows:,} rows in {report.seconds:.1f} s", *_notes(report)])


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
    return json.dumps(value, ensure_ascii=False, indent=2)
