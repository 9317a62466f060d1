"""What the pages of the documentation take for granted."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command_line import SMALL, ok
from textsim import registry
from textsim.config.settings import TrainingSettings
from textsim.data.formats.format import FORMATS

# XLA reads this when it compiles for the first time: scripts of stock Keras compile for long, and run for a moment.
os.environ.setdefault(
    "XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
)

PAIRS, DEV_PAIRS, MORE_PAIRS, TRIPLETS, VECTORS = 60, 40, 618, 60, 60
"""Rows of the small files."""
FAQ = [
    "id\ttext\tanswer\tcategory",
    "1\t忘记密码怎么办\t点「忘记密码」，用手机号重设\t账号",
    "1\t登录密码忘了\t点「忘记密码」，用手机号重设\t账号",
    "2\t如何申请退货\t在订单里点「申请售后」\t售后",
]
QUERIES = [
    "问题,编号",
    *(f"{text},1" for text in ("密码忘了登不上去", "忘记密码了", "登录密码忘记了怎么办")),
    *(f"{text},2" for text in ("怎么退货", "我要退货")),
    *(f"{text}," for text in ("今天天气怎么样", "红烧肉怎么做", "推荐一部电影", "光速是多少")),
]


@pytest.fixture(scope="session")
def stage(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with small files under the names that pages use, a dataset and a model made from them."""
    folder = tmp_path_factory.mktemp("stage")
    (folder / "resources" / "demo").mkdir(parents=True)
    for source, target, rows in (
        ("pairs_train.tsv", "train.tsv", PAIRS),
        ("pairs_dev.tsv", "dev.tsv", DEV_PAIRS),
        ("pairs_dev.tsv", "mine.tsv", MORE_PAIRS),
        ("triplets_train.tsv", "triplets.tsv", TRIPLETS),
        ("digits_train.csv", "vectors.csv", VECTORS),
        ("pairs_train.tsv", "resources/demo/pairs_train.tsv", PAIRS),
        ("pairs_dev.tsv", "resources/demo/pairs_dev.tsv", DEV_PAIRS),
    ):
        lines = (demo / source).read_text(encoding="utf-8").splitlines(keepends=True)
        (folder / target).write_text("".join(lines[: rows + 1]), encoding="utf-8")
    pairs = [line.split("\t") for line in (folder / "dev.tsv").read_text(encoding="utf-8").splitlines()]
    texts = list(dict.fromkeys(row[0] for row in pairs[1:]))
    _write(folder / "pairs.tsv", ["\t".join(row[:2]) for row in pairs])
    _write(folder / "questions.txt", texts)
    _write(folder / "faq.tsv", FAQ)
    sheet = [line.replace("\t", ",") for line in FAQ]
    sheet[0] = "编号,问题,答案,分类"
    for name, rows in (("faq", sheet), ("tonight", sheet[:-1]), ("queries", QUERIES)):
        (folder / f"{name}.csv").write_text("\n".join(rows) + "\n", encoding="gb18030")
    _write(folder / "log.txt", list(dict.fromkeys(row[1] for row in pairs[1:])))
    (folder / "char.vec").write_bytes((demo / "characters.vec").read_bytes())
    ok("preprocess", folder / "train.tsv", "--dev", folder / "dev.tsv", "--out", folder / "dataset")
    small = ["--recipe", "bilstm-attention", *SMALL]
    ok("train", folder / "dataset", "--out", folder / "model", "--quiet", *small)
    return folder


def _write(path: Path, lines: list[str]) -> None:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.fixture
def one_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has textsim train for one epoch, whoever asks for more: the command line, Python or scikit-learn.

    Step by step: to compile a step takes longer than the few steps of a small file.
    """
    import tensorflow as tf

    from textsim.training import trainer

    fit = trainer._fit

    def fit_once(model: Any, batches: Any, validator: Any, settings: TrainingSettings, *others: Any) -> Any:
        tf.config.run_functions_eagerly(True)
        try:
            return fit(model, batches, validator, settings.model_copy(update={"epochs": 1}), *others)
        finally:
            tf.config.run_functions_eagerly(False)

    monkeypatch.setattr(trainer, "_fit", fit_once)


@pytest.fixture
def own_registries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets a test register parts that are gone after it."""
    for names in (*vars(registry).values(), FORMATS):
        if isinstance(names, registry.Registry):
            names.names()
            names.find_onnx_form("")
            monkeypatch.setattr(names, "_classes", dict(names._classes))
            monkeypatch.setattr(names, "_onnx_forms", dict(names._onnx_forms))
