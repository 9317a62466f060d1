"""How a command ends and reports errors."""

from __future__ import annotations

import errno
import json
import logging
import os
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command_line import ok, process, run
from textsim.cli.preprocess import preprocess
from textsim.cli.terminal import quiet_tensorflow, with_options
from textsim.errors import InputError


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Lets `textsim recipes` raise the exception that is given."""

    def fail_with(error: BaseException) -> None:
        def raising(self: Any) -> str:
            raise error

        monkeypatch.setattr("textsim.config.settings.Recipe.to_json", raising)

    return fail_with


def test_a_users_error_is_one_line_and_2(failing: Any) -> None:
    failing(InputError("expected a text.\nReceived 3."))
    result = run("recipes", "cnn")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "InputError: expected a text. Received 3.\n"


def test_interrupt_is_130(failing: Any) -> None:
    failing(KeyboardInterrupt())
    result = run("recipes", "cnn")
    assert (result.exit_code, result.stdout, result.stderr) == (130, "", "Interrupted.\n")


def test_a_full_disk_is_told_in_one_line(failing: Any) -> None:
    failing(OSError(errno.ENOSPC, "No space left on device", "分.tsv"))
    result = run("recipes", "cnn")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "No space left on device: 分.tsv.\n"


def test_a_bug_keeps_its_traceback(failing: Any) -> None:
    failing(ZeroDivisionError("by zero"))
    assert isinstance(run("recipes", "cnn").exception, ZeroDivisionError)


def test_a_process_exits_with_2_and_one_line(tmp_path: Path) -> None:
    (tmp_path / "坏.tsv").write_text("今天\t天气\n", encoding="utf-8")
    result = process("preprocess", "坏.tsv", "--out", "dataset", cwd=tmp_path)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("DataFormatError: 坏.tsv, line 1: expected 3 ")
    assert result.stderr.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["坏.tsv"]


@pytest.mark.skipif(os.name == "nt", reason="signals differ")
@pytest.mark.parametrize(
    ("number", "code", "said"),
    [(signal.SIGINT, 130, "Interrupted.\n"), (signal.SIGTERM, 143, ""), (signal.SIGHUP, 129, "")],
)
def test_a_process_can_be_ended(number: int, code: int, said: str, tmp_path: Path) -> None:
    # What a shell starts in the background, or under nohup, ignores the signal, and so do its children, unless told
    # otherwise.
    usual = "default_int_handler" if number == signal.SIGINT else "SIG_DFL"
    listening = f"import signal; signal.signal({int(number)}, signal.{usual}); import textsim.__main__"
    command = [sys.executable, "-c", listening, "preprocess", "-", "--out", str(tmp_path / "dataset")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8") as child:
        assert child.stdin is not None and child.stderr is not None
        while not list(tmp_path.glob("dataset.partial-*")):
            assert child.poll() is None
            time.sleep(0.02)
        child.send_signal(number)
        assert child.wait(timeout=60) == code
        # A progress bar caught half-made may add a word of its own.
        assert child.stderr.read().startswith(said)
    assert not list(tmp_path.glob("dataset*"))


@pytest.mark.skipif(os.name == "nt", reason="pipes differ")
def test_a_closed_pipe_is_quiet() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "textsim", "recipes"]
    result = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, encoding="utf-8", timeout=60)
    os.close(writer)
    assert result.stderr == ""


def test_what_the_library_logs_and_warns_of_is_a_line_each(monkeypatch: pytest.MonkeyPatch) -> None:
    def saying(self: Any) -> str:
        logging.getLogger("textsim.training").info("3 of 4 epochs\nare done")
        warnings.warn("nothing is trained", RuntimeWarning, stacklevel=1)
        return "{}"

    monkeypatch.setattr("textsim.config.settings.Recipe.to_json", saying)
    assert run("recipes", "cnn").stderr == "3 of 4 epochs are done\nwarning: nothing is trained\n"
    assert logging.getLogger("textsim").handlers == []


def test_quiet_leaves_warnings_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def saying(*arguments: Any, **options: Any) -> None:
        logging.getLogger("textsim.data").info("reading")
        logging.getLogger("textsim.data").warning("it is odd")
        raise InputError("no.")

    monkeypatch.setattr("textsim.data.preprocess.preprocess", saying)
    arguments = ("preprocess", "-", "--out", "dataset")
    assert run(*arguments, "--quiet").stderr == "warning: it is odd\nInputError: no.\n"
    assert run(*arguments).stderr == "reading\nwarning: it is odd\nInputError: no.\n"


# Consoles that lack characters, and streams that cannot be written


@pytest.mark.parametrize("encoding", ["gbk", "cp1252"])
def test_a_console_that_lacks_characters(encoding: str, tmp_path: Path) -> None:
    (tmp_path / "texts.txt").write_text("花呗😀怎么还\n", encoding="utf-8")
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    for arguments in (["--help"], ["search", "zh-general", str(tmp_path / "texts.txt"), "花呗", "--json"]):
        command = [sys.executable, "-m", "textsim", *arguments]
        result = subprocess.run(command, env=environment, capture_output=True, timeout=60)
        assert (result.returncode, result.stderr) == (0, b"")
    shown = result.stdout.decode(encoding)
    assert ("花呗" in shown) == (encoding == "gbk")
    # By JSON's own escapes, which programs read.
    assert json.loads(shown)[0]["text"] == "花呗😀怎么还"


@pytest.mark.skipif(os.name == "nt", reason="locales differ")
def test_texts_are_read_where_the_locale_is_plain(tmp_path: Path) -> None:
    plain = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    texts = ("score", "zh-general", "花呗怎么还款", "怎样还花呗")
    assert process(*texts, env=plain).stdout == process(*texts).stdout
    (tmp_path / "表.csv").write_text("问甲,问乙\n花呗怎么还款,怎样还花呗\n", encoding="utf-8")
    columns = ("score", "zh-general", "--input", "表.csv", "--columns", "问甲,问乙")
    assert process(*columns, env=plain, cwd=tmp_path).stdout == process(*columns, cwd=tmp_path).stdout != ""


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("to", [">/dev/full", ">&-"])
@pytest.mark.parametrize("command", ["--help", "recipes", "score zh-general 一 二"])
def test_output_that_cannot_be_written_is_told_in_one_line(command: str, to: str) -> None:
    shell = f'"{sys.executable}" -m textsim {command} {to}'
    result = subprocess.run(["sh", "-c", shell], capture_output=True, encoding="utf-8", timeout=60)
    said = "No space left on device." if to == ">/dev/full" else "Bad file descriptor."
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1 and result.stderr.endswith(said + "\n")


@pytest.mark.skipif(os.name == "nt", reason="needs sh")
def test_other_streams_may_be_closed(tmp_path: Path) -> None:
    def code(command: str) -> int:
        shell = f'"{sys.executable}" -m textsim {command}'
        return subprocess.run(["sh", "-c", shell], cwd=tmp_path, capture_output=True, timeout=60).returncode

    assert code("score zh-general --input - <&-") == 2
    assert code("recipes no-such 2>&-") == 2
    assert code("recipes cnn <&- 2>&- > recipe.json") == 0
    assert json.loads((tmp_path / "recipe.json").read_text())["encoder"]["name"] == "cnn"


def test_tensorflow_is_quiet_whatever_is_set(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for level, said in (("2", ""), ("0", "TensorFlow speaks\n")):
        monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", level)
        with quiet_tensorflow():
            os.write(2, b"TensorFlow speaks\n")
        assert capfd.readouterr().err == said


# Arguments of the library are options here


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (
            "x.tsv, line 3: pass header='no' or columns=['a', 'b'].",
            "x.tsv, line 3: pass --header no or --columns a,b.",
        ),
        ("pass overwrite=True, or encoding=....", "pass --overwrite, or --encoding NAME."),
        ("pass format='csv' and delimiter='\\t'.", r"pass --format csv and --delimiter '\t'."),
        ("pass delimiter=';' or columns=[...]", "pass --delimiter ';' or --columns A,B,..."),
        (
            "If ',' separates the columns, pass delimiter=','.",
            "If ',' separates the columns, pass --delimiter ','.",
        ),
        (
            "columns=[1, 2] or columns=[\"b's\", 'min_count']",
            "--columns 1,2 or --columns 'b'\"'\"'s,min_count'",
        ),
        ("Received columns=[a b]", "Received --columns [a b]"),
        ("max_size: expected at least 1.", "--max-vocabulary: expected at least 1."),
        ("seed: expected a number.", "--seed: expected a number."),
        ("dev files and dev_fraction exclude each other", "dev files and --dev-fraction exclude each other"),
        ("pass label_max=3.5, not label_threshold=...", "pass --label-max 3.5, not --label-threshold X"),
        # What is none, or none of this command.
        (
            "dev_fraction.tsv and 'min_count' and text_a: seed",
            "dev_fraction.tsv and 'min_count' and text_a: seed",
        ),
        ("training.min_count=3, k=5, in /x/min_count", "training.min_count=3, k=5, in /x/min_count"),
    ],
)
def test_messages_name_options(message: str, expected: str) -> None:
    assert with_options(message, preprocess) == expected


def test_every_command_that_reads_a_file_tells_of_lost_characters(tmp_path: Path) -> None:
    pairs, texts, stored = tmp_path / "pairs.tsv", tmp_path / "texts.txt", tmp_path / "index"
    pairs.write_text("怎么退\ufffd\t怎么退货\t1\n你好\t再见\t0\n你\ufffd\t\ufffd见\t0\n", encoding="utf-8")
    texts.write_text("怎么退\ufffd\n你好\n\ufffd见\n", encoding="utf-8")
    for command in (
        ("score", "zh-general", "--input", pairs, "--columns", "1,2", "--output", tmp_path / "scores.tsv"),
        ("evaluate", "zh-general", pairs),
        ("calibrate", "zh-general", pairs),
        ("encode", "zh-general", "--input", texts, "--output", tmp_path / "vectors.npy"),
        ("index", "build", "zh-general", texts, "--out", stored),
        ("index", "add", stored, texts),
        ("search", stored, "--input", texts, "--output", tmp_path / "hits.tsv"),
        ("search", "zh-general", texts, "你好"),
        ("dedup", "zh-general", texts, "--out", tmp_path / "groups.tsv"),
        ("mine", pairs, "--columns", "1,2", "--teacher", "zh-general", "--out", tmp_path / "mined.tsv"),
    ):
        result = run(*command)
        assert result.exit_code == 0, f"{command}: {result.output}"
        assert "2 rows hold U+FFFD" in result.stderr, f"{command}: {result.stderr}"


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (
            "Unable to allocate 3.2 GiB\nfor an array",
            "out of memory: Unable to allocate 3.2 GiB for an array",
        ),
        ("", "out of memory."),
    ],
)
def test_too_little_memory_is_told_in_one_line(failing: Any, message: str, said: str) -> None:
    failing(MemoryError(*[message] * bool(message)))
    result = run("recipes", "cnn")
    assert (result.exit_code, result.stdout, result.stderr) == (2, "", f"{said}\n")


@pytest.mark.parametrize("command", ["score", "encode", "search", "dedup", "index"])
def test_what_is_out_of_the_ordinary_is_said_where_it_is_quiet(tmp_path: Path, command: str) -> None:
    rows = ["怎么退货\t退�货", "怎么改密码\t改密码"] if command == "score" else ["怎么退货�", "怎么改密码"]
    (tmp_path / "a.tsv").write_text("\n".join([*rows, "\t", rows[1]]), encoding="utf-8")
    source, out = tmp_path / "a.tsv", tmp_path / "out.tsv"
    index = tmp_path / "faq.index"
    if command == "search":
        ok("index", "build", "zh-general", source, "--out", index, "--on-bad-row", "skip")
    arguments = {
        "score": ("score", "zh-general", "--input", source, "--output", out),
        "encode": ("encode", "zh-general", "--input", source, "--output", out),
        "search": ("search", index, "--input", source, "--output", out),
        "dedup": ("dedup", "zh-general", source, "--out", out),
        "index": ("index", "build", "zh-general", source, "--out", index),
    }[command]
    result = run(*arguments, "--on-bad-row", "skip", "--quiet")
    assert result.exit_code == 0, result.stderr
    assert result.stderr == (
        "1 bad rows left out (line 3); 1 rows hold U+FFFD: an earlier program could not decode what stood there\n"
    )
