"""What imports what, and what importing textsim costs."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

HEAVY = {
    "gensim",
    "jieba",
    "keras",
    "matplotlib",
    "numpy",
    "onnxruntime",
    "pandas",
    "scipy",
    "sklearn",
    "tensorflow",
}


def modules_after(statement: str) -> set[str]:
    """Top-level modules that a fresh interpreter has loaded after a statement."""
    code = f"import sys; {statement}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    return set(run.stdout.split())


@pytest.mark.parametrize(
    "statement",
    [
        "import textsim",
        "from textsim import TextsimError",
        "dir(__import__('textsim'))",
        "from textsim.cli.main import main",
        "import textsim; assert {'load_matcher', 'score_file', 'search_file', 'evaluate_file'} <= {*textsim.__all__}",
        "from textsim import RECIPES; RECIPES['bilstm-attention'].to_json()",
    ],
)
def test_import_is_light(statement: str) -> None:
    assert not modules_after(statement) & HEAVY


def test_import_is_quick() -> None:
    """The figure to hold is 0.3 s; the bound here leaves room for a busy machine."""

    def seconds(statement: str) -> float:
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", statement], check=True, timeout=120)
        return time.perf_counter() - start

    assert min(seconds("import textsim.cli.main") for _ in range(3)) < 1.0


def test_text_needs_no_keras() -> None:
    modules = modules_after("import textsim.data.dataset, textsim.text.tokenizers, textsim.text.word_vectors")
    assert not modules & {"keras", "tensorflow"}


def test_scoring_needs_no_keras() -> None:
    modules = modules_after(
        "from textsim import TextIndex, encode_file, evaluate_file, load_matcher, score_file, search_file"
    )
    assert not modules & {"keras", "tensorflow"}


def test_dependencies_point_one_way() -> None:
    run = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_unknown_public_name() -> None:
    import textsim

    with pytest.raises(AttributeError, match="module 'textsim' has no attribute 'Matcher'"):
        textsim.Matcher  # noqa: B018


def test_public_names_resolve() -> None:
    import textsim

    assert all(getattr(textsim, name) is not None for name in textsim.__all__)
    assert dir(textsim) == textsim.__all__
