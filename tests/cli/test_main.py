"""The command line: what it prints, what it exits with, and the whole road on a few rows."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from click.testing import CliRunner, Result

from tests.tiny_models import saved_model
from textsim import __version__
from textsim.artifacts.saved_model import load_model, save_model
from textsim.cli.main import main
from textsim.config.recipes import RECIPES
from textsim.data.dataset import PairDataset
from textsim.errors import InputError

COMMANDS = sorted(main.commands)
SMALL = ["--set", "embedding.dim=8", "--set", "encoder.units=[8]", "--set", "head.units=[8]", "--epochs", "1"]


def run(*arguments: Any, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments], input=stdin)


def ok(*arguments: Any, stdin: bytes | None = None) -> str:
    result = run(*arguments, stdin=stdin)
    assert result.exit_code == 0, result.output
    return result.stdout


def process(*arguments: Any, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "textsim", *map(str, arguments)],
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        **options,
    )


@pytest.fixture(scope="module")
def road(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a dataset and a model made from a few rows of the demo data."""
    folder = tmp_path_factory.mktemp("路 road")
    for name, rows in (("train", 60), ("dev", 30)):
        lines = (demo / f"pairs_{name}.tsv").read_text(encoding="utf-8").splitlines(keepends=True)
        (folder / f"{name}.tsv").write_text("".join(lines[: rows + 1]), encoding="utf-8")
    ok("preprocess", folder / "train.tsv", "--dev", folder / "dev.tsv", "--out", folder / "dataset")
    ok(
        *("train", folder / "dataset", "--out", folder / "model", "--quiet"),
        *("--recipe", "bilstm-attention", *SMALL),
    )
    return folder


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Lets `textsim recipes` raise the exception that is given."""

    def fail_with(error: BaseException) -> None:
        def raising(self: Any) -> str:
            raise error

        monkeypatch.setattr("textsim.config.settings.Recipe.to_json", raising)

    return fail_with


# What every command does


@pytest.mark.parametrize("command", COMMANDS)
def test_help_teaches(command: str) -> None:
    text = ok(command, "--help")
    assert text.startswith(f"Usage: main {command}")
    assert command == "models" or "Example" in text
    assert ok(command, "-h") == text


def test_help_lists_every_command_and_completion() -> None:
    text = ok("--help")
    assert all(f"  {command} " in text for command in COMMANDS)
    assert "_TEXTSIM_COMPLETE=bash_source" in text


def test_every_option_is_explained() -> None:
    for name, command in main.commands.items():
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, f"{name} {parameter.opts}"


def test_version() -> None:
    assert ok("--version") == f"textsim {__version__}\n"


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


def test_unknown_option_suggests() -> None:
    result = run("train", "dataset", "--out", "model", "--recipies", "cnn")
    assert result.exit_code == 2
    assert "--recipe" in result.stderr


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


# Completion


def completions(*words: str) -> list[str]:
    environment = {
        **os.environ,
        "_TEXTSIM_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(["textsim", *words]),
        "COMP_CWORD": str(len(words)),
    }
    command = [sys.executable, "-c", "from textsim.cli.main import main; main(prog_name='textsim')"]
    result = subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", check=True)
    return result.stdout.splitlines()


def test_completion_knows_names() -> None:
    assert completions("train", "data", "--recipe", "bilstm-m") == ["plain,bilstm-manhattan"]
    assert completions("preprocess", "--tokenizer", "j") == ["plain,jieba"]
    assert completions("recipes", "cn") == ["plain,cnn"]
    assert completions("score", "mod")[0] == "file,mod"


# Recipes and models


def test_recipes_lists_all() -> None:
    lines = ok("recipes").splitlines()
    assert [line.split()[0] for line in lines] == list(RECIPES)
    defaults = {line.split()[0]: line.split("[default for ")[1] for line in lines if "[default for " in line}
    assert defaults == {
        "bilstm-attention": "20,000 pairs and more]",
        "bilstm-few-pairs": "fewer than 20,000 pairs]",
        "bilstm-triplet": "triplets]",
        "vector-contrastive": "numeric vectors]",
    }


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_a_printed_recipe_can_be_given_back(name: str, tmp_path: Path) -> None:
    from textsim.config.recipes import build_recipe

    path = tmp_path / "recipe.json"
    path.write_text(ok("recipes", name), encoding="utf-8")
    assert build_recipe(config_file=path) == RECIPES[name]


def test_models_lists_the_bundled_ones() -> None:
    from textsim.artifacts.pretrained import bundled_models

    assert ok("models", "--names").split() == list(bundled_models())
    assert len(ok("models").splitlines()) == len(bundled_models())


# The road


def test_preprocess_reports(road: Path, tmp_path: Path) -> None:
    arguments = ("preprocess", road / "train.tsv", "--dev-fraction", 0.25, "--out", tmp_path / "dataset")
    report = json.loads(ok(*arguments, "--json"))
    assert report["splits"]["train"]["rows"] == 45
    assert report["splits"]["dev"]["rows"] == 15
    assert "utf-8" in ok(*arguments, "--overwrite")
    assert ok(*arguments, "--overwrite", "--quiet") == ""


def test_preprocess_options_reach_the_tokenizer(road: Path, tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("花呗\n", encoding="utf-8")
    ok(
        *("preprocess", road / "train.tsv", "--out", tmp_path / "dataset"),
        *("--tokenizer", "jieba", "--no-hmm", "--user-dictionary", tmp_path / "words.txt"),
        *("--no-lowercase", "--columns", "1,2,3", "--header", "yes", "--max-length", 5),
    )
    dataset = PairDataset.open(tmp_path / "dataset")
    assert dataset.max_length == 5
    assert dataset.tokenizer is not None
    config = dataset.tokenizer.to_config()
    assert (config["name"], config["hmm"], config["user_dictionary"][0][0]) == ("jieba", False, "花呗")
    assert (config["normalizer"]["lowercase"], config["normalizer"]["nfkc"]) == (False, True)


def test_preprocess_refuses_an_option_of_another_tokenizer(road: Path, tmp_path: Path) -> None:
    result = run("preprocess", road / "train.tsv", "--out", tmp_path / "dataset", "--no-hmm")
    assert result.exit_code == 2
    assert result.stderr.startswith("ConfigError: unknown option of tokenizer 'char': 'hmm'.")


def test_preprocess_skips_and_writes_rejects(tmp_path: Path) -> None:
    (tmp_path / "rows.tsv").write_text("今天\t今日\t1\n天气\t1\n明天\t明日\t1\n", encoding="utf-8")
    options = ("--on-bad-row", "skip", "--rejects", tmp_path / "rejects.tsv")
    ok("preprocess", tmp_path / "rows.tsv", "--out", tmp_path / "dataset", *options)
    assert "expected 3" in (tmp_path / "rejects.tsv").read_text(encoding="utf-8")


def test_preprocess_vectors(demo: Path, tmp_path: Path) -> None:
    rows = (demo / "digits_train.csv").read_text(encoding="utf-8").splitlines(keepends=True)[:40]
    (tmp_path / "rows.csv").write_text("".join(rows), encoding="utf-8")
    arguments = ("--kind", "vectors", "--standardize", "--dev-fraction", 0.2, "--out", tmp_path / "dataset")
    assert json.loads(ok("preprocess", tmp_path / "rows.csv", *arguments, "--json"))["kind"] == "vectors"


def test_train_summary_and_settings(road: Path, tmp_path: Path) -> None:
    out = tmp_path / "model"
    text = ok("train", road / "dataset", "--out", out, *SMALL, "--seed", 3, "--batch-size", 16)
    assert str(out) in text
    # Few pairs, and no recipe named.
    assert text.startswith("recipe      bilstm-few-pairs, the default for 60 pairs\n")
    assert load_model(out).recipe.description == RECIPES["bilstm-few-pairs"].description
    training = json.loads((out / "config.json").read_text(encoding="utf-8"))["recipe"]["training"]
    assert (training["seed"], training["batch_size"], training["epochs"]) == (3, 16, 1)


def test_train_with_teachers(road: Path, tmp_path: Path) -> None:
    made = str(road / "model")
    ok("train", road / "dataset", "--out", tmp_path / "m", *SMALL, "--teacher", made, "--teacher", made)
    provenance = json.loads((tmp_path / "m" / "provenance.json").read_text(encoding="utf-8"))
    assert [teacher["name"] for teacher in provenance["teachers"]] == ["model", "model"]
    missing = run("train", road / "dataset", "--out", tmp_path / "no", "--teacher", "zh-genral")
    assert missing.exit_code == 2 and "mean 'zh-general'" in missing.stderr


def test_train_continues_with_settings_for_few_pairs(road: Path, tmp_path: Path) -> None:
    few = ("--dev", road / "dev.tsv", "--vocabulary-from", road / "model", "--out", tmp_path / "few")
    ok("preprocess", road / "train.tsv", *few)
    ok("train", tmp_path / "few", "--init", road / "model", "--out", tmp_path / "二", "--epochs", "2")
    begun, saved = (load_model(path).recipe for path in (road / "model", tmp_path / "二"))
    assert saved == begun.for_continuing().replace(["training.epochs=2"])
    assert saved.encoder == begun.encoder and saved.training.batch_size < begun.training.batch_size
    ok(
        *("train", tmp_path / "few", "--init", road / "model", "--out", tmp_path / "三"),
        *("--recipe", "bilstm-attention", *SMALL),
    )
    assert load_model(tmp_path / "三").recipe.training.batch_size == begun.training.batch_size


def test_train_refuses_before_it_reads(tmp_path: Path) -> None:
    result = run("train", tmp_path, "--out", tmp_path / "model", "--recipe", "bilstm-manhatan")
    assert result.exit_code == 2
    assert result.stderr.startswith("ConfigError: unknown recipe 'bilstm-manhatan'.")
    assert "Did you mean 'bilstm-manhattan'?" in result.stderr


def test_train_is_silent_on_stderr(road: Path, tmp_path: Path) -> None:
    """TensorFlow's C++ side has nothing to say to the user (that of older releases cannot be silenced)."""
    import tensorflow as tf

    if tuple(map(int, tf.__version__.split(".")[:2])) < (2, 21):
        pytest.skip(f"TensorFlow {tf.__version__} logs what it compiles")
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    result = process("train", road / "dataset", "--out", tmp_path / "model", *SMALL, env=environment)
    assert (result.returncode, result.stderr) == (0, "")


def test_info_checks_and_prints_the_card(road: Path, tmp_path: Path) -> None:
    text = ok("info", road / "model")
    assert text.startswith("# model\n")
    assert text.endswith("every file is there and unaltered.\n")
    result = run("info", tmp_path / "nowhere")
    assert result.exit_code == 2
    assert result.stderr.startswith("ArtifactError: there is no folder")


def test_evaluate(road: Path) -> None:
    figures = json.loads(ok("evaluate", road / "model", road / "dev.tsv", "--json"))
    assert set(figures) >= {
        *("pairs", "accuracy", "threshold", "accuracy_at_threshold", "precision", "recall", "f1", "auc"),
        *("average_precision", "spearman", "majority_accuracy", "seconds"),
    }
    assert figures["pairs"] == 30
    again = json.loads(ok("evaluate", road / "model", road / "dataset", "--split", "dev", "--json"))
    assert {**again, "seconds": 0} == {**figures, "seconds": 0}
    assert "ROC AUC" in ok("evaluate", road / "model", road / "dev.tsv")
    assert run("evaluate", road / "model", road / "dev.tsv").stderr == ""
    (road / "bad.txt").write_bytes("花呗\t怎么还款\t1\n好\t吗\t七\n好\t好\t0\n".encode("gb18030"))
    result = run("evaluate", road / "model", road / "bad.txt", "--on-bad-row", "skip")
    note = "read as gb18030; 1 bad rows left out (line 2)\n"
    assert result.stderr == note and result.stdout.startswith("pairs  ")
    (road / "quoted.tsv").write_text('"花呗""怎么""还款"\t怎样还花呗\t是\n好\t不好\t否\n', encoding="utf-8")
    result = run("evaluate", road / "model", road / "quoted.tsv")
    assert result.stderr.startswith("1 cells in double quotes, kept as text: ")
    as_csv = ("--format", "csv", "--delimiter", r"\t")
    assert run("evaluate", road / "model", road / "quoted.tsv", *as_csv).stderr == ""


def test_threshold(road: Path, tmp_path: Path) -> None:
    printed = ok("threshold", road / "model", road / "train.tsv", "--out", tmp_path / "新")
    assert "accuracy to expect" in printed and f"model: {tmp_path / '新'}" in printed
    figures = json.loads(ok("threshold", tmp_path / "新", road / "train.tsv", "--json"))
    assert figures["before"]["threshold"] == figures["threshold"]
    assert figures["warnings"] and all(f"warning: {warning}" in printed for warning in figures["warnings"])
    judged = json.loads(ok("evaluate", tmp_path / "新", road / "train.tsv", "--json"))
    assert judged["threshold"] == figures["threshold"]
    result = run("threshold", road / "model", road / "train.tsv", "--min-precision", "2")
    assert result.exit_code == 2


def test_ensemble(road: Path, tmp_path: Path) -> None:
    quiet = ok("train", road / "dataset", "--out", tmp_path / "second", "--quiet", *SMALL, "--seed", "1")
    assert not quiet
    printed = ok(
        "ensemble", road / "model", tmp_path / "second", "--dev", road / "dataset", "--out", tmp_path / "合"
    )
    assert "together" in printed
    scores = [
        json.loads(ok("score", model, "花呗怎么还款", "怎样还花呗", "--json"))["score"]
        for model in (road / "model", tmp_path / "second", tmp_path / "合")
    ]
    assert scores[2] == pytest.approx((scores[0] + scores[1]) / 2, abs=1e-6)


def test_an_output_that_cannot_be_made(road: Path, tmp_path: Path) -> None:
    result = run("score", road / "model", "--input", road / "dev.tsv", "--output", tmp_path / "no" / "o.tsv")
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1].startswith("ArtifactError: ")
    assert f"{tmp_path / 'no' / 'o.tsv'}: a file cannot be made there: No such file" in result.stderr


def test_score_two_texts(road: Path) -> None:
    value, match = ok("score", road / "model", "花呗怎么还款", "怎样还花呗").rstrip("\n").split("\t")
    answer = json.loads(ok("score", road / "model", "花呗怎么还款", "怎样还花呗", "--json"))
    assert float(value) == pytest.approx(answer["score"], abs=1e-4)
    assert match == ("match" if answer["match"] else "no match")
    assert answer["match"] == (answer["score"] >= answer["threshold"])


@pytest.mark.parametrize("arguments", [(), ("一",), ("一", "二", "三"), ("一", "二", "--input", "-")])
def test_score_wants_two_texts_or_a_file(arguments: tuple[str, ...]) -> None:
    result = run("score", "model", *arguments)
    assert result.exit_code == 2
    assert "give two texts, or --input FILE." in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("一", "二", "--output", "x.tsv"), "--output: for --input FILE alone"),
        (
            ("一", "二", "--columns", "1,2", "--on-bad-row", "skip"),
            "--columns, --on-bad-row: for --input FILE",
        ),
        (("--input", "-", "--json"), "--json: for two texts alone"),
    ],
)
def test_score_takes_no_option_in_vain(road: Path, arguments: tuple[str, ...], message: str) -> None:
    result = run("score", road / "model", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr


def test_score_says_what_it_does_not_read(road: Path) -> None:
    result = run("score", road / "model", "今天" * 200, "明天" * 200)
    assert result.exit_code == 0 and "match" in result.stdout
    assert result.stderr == "2 texts read to the model's maximum length only\n"
    result = run("score", road / "model", "今天😀", "今天🎉")
    assert result.stdout.startswith("1.0000\tmatch")
    assert result.stderr == "1 pairs of different texts that the model reads alike\n"


def test_search(road: Path, tmp_path: Path) -> None:
    (tmp_path / "stored.csv").write_text("id,question\n1,今天天气\n2,怎样还花呗\n3,\n", "utf-8")
    (tmp_path / "asked.txt").write_text("今天天气\n明天天气\n", "utf-8")
    found = run(
        "search", road / "model", tmp_path / "stored.csv", "怎样还花呗", "-k", 1, "--on-bad-row", "skip"
    )
    assert found.exit_code == 0 and found.stdout == "1.0000\tmatch\t1.0000\t怎样还花呗\n"
    assert "1 bad rows left out" in found.stderr
    arguments = ("search", road / "model", tmp_path / "stored.csv", "--on-bad-row", "skip")
    assert run(*arguments, "今天天氣", "-k", 1, "--simplify").stdout == "1.0000\tmatch\t1.0000\t今天天气\n"
    hits = json.loads(run(*arguments, "今天天气", "--json").stdout)
    assert (
        len(hits) == 2
        and hits[0].items() >= {"place": 0, "text": "今天天气", "score": 1, "match": True}.items()
    )
    result = run(*arguments, "--input", tmp_path / "asked.txt", "--output", tmp_path / "found.tsv", "-k", 2)
    assert result.exit_code == 0 and "2 rows in" in result.stderr and "among 2 texts" in result.stderr
    header, *rows = (tmp_path / "found.tsv").read_text("utf-8").splitlines()
    assert header == "text\trank\tfound\tcosine\tscore\tmatch"
    assert rows[0].split("\t")[:3] == ["今天天气", "1", "今天天气"] and rows[0].split("\t")[4:] == [
        "1.000000",
        "1",
    ]
    assert [row.split("\t")[:2] for row in rows] == [[a, k] for a in ("今天天气", "明天天气") for k in "12"]


def test_search_loses_no_file_and_says_what_it_left_out(road: Path, tmp_path: Path) -> None:
    stored, asked, rejects = (tmp_path / name for name in ("stored.txt", "asked.txt", "rejects.tsv"))
    stored.write_text("今天😀\n明天\n", "utf-8")
    asked.write_text("今天🎉\n\n明天\n", "utf-8")
    base = ("search", road / "model", stored)
    for arguments in (
        ("--input", asked, "--output", stored),
        ("--input", asked, "--on-bad-row", "skip", "--rejects", rejects, "--output", rejects),
        ("--input", asked, "--on-bad-row", "skip", "--rejects", asked),
    ):
        assert "would take the place of" in run(*base, *arguments).stderr
    assert stored.read_text("utf-8").startswith("今天") and asked.read_text("utf-8").startswith("今天")
    assert "asked.txt, line 2" in run(*base, "--input", asked).stderr
    said = run(*base, "--input", asked, "--on-bad-row", "skip").stderr
    assert (
        "1 bad rows left out (line 2)" in said
        and "1 pairs of different texts that the model reads alike" in said
    )
    assert run(*base, "--input", asked, "--on-bad-row", "skip", "--quiet").stderr == ""
    assert run(*base, "今天🎉").stderr == "1 pairs of different texts that the model reads alike\n"
    assert run(*base, "今天" * 100).stderr == "1 texts read to the model's maximum length only\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "give a text to search for, or --input FILE"),
        (("今天", "--input", "-"), "give a text to search for, or --input FILE"),
        (("今天", "--output", "x.tsv"), "--output: for --input FILE alone"),
        (("--input", "-", "--json"), "--json: for a text alone"),
    ],
)
def test_search_takes_no_option_in_vain(
    road: Path, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    (tmp_path / "stored.txt").write_text("今天\n", "utf-8")
    result = run("search", road / "model", tmp_path / "stored.txt", *arguments)
    assert result.exit_code == 2 and message in result.stderr


def test_files_say_which_pairs_read_alike(road: Path, tmp_path: Path) -> None:
    (tmp_path / "pairs.tsv").write_text("text_a\ttext_b\tlabel\n今天😀\t今天🎉\t0\n今天\t今天\t1\n", "utf-8")
    note = "1 pairs of different texts that the model reads alike"
    for arguments in (("score", road / "model", "--input"), ("evaluate", road / "model")):
        assert note in run(*arguments, tmp_path / "pairs.tsv").stderr


def test_score_files_and_streams(road: Path, tmp_path: Path) -> None:
    rows = ["花呗怎么还款\t怎样还花呗", "今天天气\t明天天气", "花呗怎么还款\t怎样还花呗"]
    content = "".join(f"{row}\n" for row in rows).encode()
    (tmp_path / "pairs.tsv").write_bytes(content)
    ok("score", road / "model", "--input", tmp_path / "pairs.tsv", "--output", tmp_path / "scores.tsv")
    written = (tmp_path / "scores.tsv").read_text(encoding="utf-8")
    assert ok("score", road / "model", "--input", "-", stdin=content) == written
    assert written.count("花呗怎么还款") == 2


def test_score_keeps_columns(road: Path, tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text('id,text_a,text_b\n7,"今\n天",明天\n8,,好\n9,今天,好\n', encoding="utf-8")
    given = ("score", road / "model", "--input", tmp_path / "p.csv", "--on-bad-row", "skip")
    result = run(*given, "--keep", "line,id")
    assert [row.split("\t")[4:] for row in result.stdout.splitlines()] == [
        ["line", "id"],
        ["2", "7"],
        ["5", "9"],
    ]
    assert "1 bad rows left out (line 4)" in result.stderr
    assert run(*given, "--keep", "ids").stderr.endswith("Did you mean 'id'?\n")
    result = run("score", road / "model", "一", "二", "--keep", "id")
    assert "--keep: for --input FILE alone" in result.stderr


def test_rows_left_out_are_named(road: Path, tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("今天\n\n" * 12 + "明天", encoding="utf-8")
    given = ("encode", road / "model", "--input", tmp_path / "t.txt", "--output", tmp_path / "v.npy")
    said = run(*given, "--on-bad-row", "skip", "--rejects", tmp_path / "r.tsv").stderr
    assert "12 bad rows left out (lines 2, 4, 6, 8, 10, 12, 14, 16, 18, 20 and others)" in said
    rejected = [line.split("\t")[1] for line in (tmp_path / "r.tsv").read_text("utf-8").splitlines()[1:]]
    assert len(np.load(tmp_path / "v.npy")) == 25 - len(rejected)


def test_encode(road: Path, tmp_path: Path) -> None:
    (tmp_path / "texts.txt").write_text("今天\n明天\n今天\n", encoding="utf-8")
    ok("encode", road / "model", "--input", tmp_path / "texts.txt", "--output", tmp_path / "vectors.npy")
    vectors = np.load(tmp_path / "vectors.npy")
    assert vectors.shape[0] == 3 and vectors.dtype == np.float32
    assert np.array_equal(vectors[0], vectors[2])


def test_simplify(road: Path, demo: Path, tmp_path: Path) -> None:
    convert = pytest.importorskip("opencc").OpenCC("s2t").convert
    model = road / "model"
    for name in ("train.tsv", "dev.tsv"):
        text = convert((road / name).read_text(encoding="utf-8"))
        (tmp_path / name).write_text(text, encoding="utf-8")
    texts = ("花呗怎么还款", "怎样还花呗")
    assert ok("score", model, "--simplify", *map(convert, texts)) == ok("score", model, *texts)
    (tmp_path / "a.txt").write_text("\n".join(texts), encoding="utf-8")
    (tmp_path / "b.txt").write_text(convert("\n".join(texts)), encoding="utf-8")
    for name, options in (("a", ()), ("b", ("--simplify",))):
        ok(
            *("encode", model, "--input", tmp_path / f"{name}.txt", *options),
            *("--output", tmp_path / f"{name}.npy"),
        )
    assert (tmp_path / "a.npy").read_bytes() == (tmp_path / "b.npy").read_bytes()
    for command in ("evaluate", "threshold"):
        plain = json.loads(ok(command, model, road / "dev.tsv", "--json"))
        simplified = json.loads(ok(command, model, tmp_path / "dev.tsv", "--simplify", "--json"))
        assert {**plain, "seconds": 0} == {**simplified, "seconds": 0}
    # A model that is made of simplified texts needs no option.
    rows = ("preprocess", tmp_path / "train.tsv", "--dev", tmp_path / "dev.tsv")
    ok(*rows, "--vocabulary-from", model, "--simplify", "--out", tmp_path / "dataset")
    ok("train", tmp_path / "dataset", "--init", model, "--out", tmp_path / "model", "--epochs", 1, "--quiet")
    scored = ok("score", tmp_path / "model", *texts)
    assert ok("score", tmp_path / "model", *map(convert, texts)) == scored


def test_simplify_is_for_texts(tmp_path: Path) -> None:
    save_model(saved_model("vector-l1"), tmp_path / "vectors")
    (tmp_path / "rows.csv").write_text("a1,b1,label\n1,2,1\n", encoding="utf-8")
    for command in (
        ("score", tmp_path / "vectors", "--input", tmp_path / "rows.csv"),
        ("evaluate", tmp_path / "vectors", tmp_path / "rows.csv"),
        ("threshold", tmp_path / "vectors", tmp_path / "rows.csv"),
        ("encode", tmp_path / "vectors", "--input", tmp_path / "rows.csv", "--output", tmp_path / "v.npy"),
    ):
        result = run(*command, "--simplify")
        expected = (
            "needs a model of kind 'text'"
            if command[0] == "encode"
            else "simplify: expected a model of texts"
        )
        assert result.exit_code == 2 and expected in result.stderr


def test_labelled_rows_from_a_stream(road: Path) -> None:
    rows = (road / "dev.tsv").read_bytes()
    for command in ("evaluate", "threshold"):
        from_file = json.loads(ok(command, road / "model", road / "dev.tsv", "--json"))
        from_stream = json.loads(ok(command, road / "model", "-", "--json", stdin=rows))
        assert {**from_file, "seconds": 0} == {**from_stream, "seconds": 0}


def test_lines_whatever_the_files_name(road: Path, tmp_path: Path) -> None:
    (tmp_path / "q.log").write_text("今天\t天气\n明天\n", encoding="utf-8")
    out = tmp_path / "v.npy"
    ok("encode", road / "model", "--input", tmp_path / "q.log", "--format", "lines", "--output", out)
    assert len(np.load(out)) == 2
    result = run("score", road / "model", "--input", tmp_path / "q.log", "--format", "lines")
    assert result.exit_code == 2 and "a line is one text" in result.stderr


@pytest.mark.skipif(sys.platform == "darwin" or os.name == "nt", reason="names must be UTF-8 there")
def test_the_whole_road_where_names_are_in_another_encoding(road: Path, demo: Path, tmp_path: Path) -> None:
    name, shown = os.fsdecode("数据".encode("gbk")), r"\xca\xfd\xbe\xdd"
    folder = tmp_path / name
    folder.mkdir()
    for source in (road / "train.tsv", road / "dev.tsv", demo / "characters.vec", demo / "digits_dev.csv"):
        (folder / source.name).write_bytes(source.read_bytes())
    rows = [folder / "train.tsv", "--dev", folder / "dev.tsv"]
    dataset, model = folder / f"{name}.set", folder / name
    vectors = ["--word-vectors", folder / "characters.vec"]
    assert f"dataset: {tmp_path}/{shown}/{shown}.set" in ok("preprocess", *rows, *vectors, "--out", dataset)
    said = ok("train", dataset, "--out", model, "--recipe", "word-vectors")
    assert f"model       {tmp_path}/{shown}/{shown}\n" in said
    card = ok("info", model)
    assert f"# {shown}\n" in card and f"{shown}.set" in card
    other = folder / f"{name}2"
    ok("train", dataset, "--out", other, "--init", model, "--seed", "1")
    assert load_model(other).provenance["continued_from"]["name"] == shown
    assert f"model: {model}3".replace(name, shown) in ok("threshold", model, dataset, "--out", f"{model}3")
    assert f'load("{shown}3")' in ok("info", f"{model}3")
    said = ok("ensemble", model, other, "--dev", dataset, "--out", f"{model}4")
    assert f"model      {model}4".replace(name, shown) in said
    assert ok("preprocess", folder / "digits_dev.csv", "--dev-fraction", "0.5", "--out", folder / "digits")
