from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import pytest

import textsim
from textsim import errors
from textsim.errors import InputError, MissingDependencyError, TextsimError, UnknownNameError

CLASSES = [cls for _, cls in inspect.getmembers(errors, inspect.isclass) if cls.__module__ == errors.__name__]


@pytest.mark.parametrize("cls", CLASSES)
def test_every_error_is_a_textsim_error_and_says_when_it_is_raised(cls: type[Exception]) -> None:
    assert issubclass(cls, TextsimError)
    assert cls.__doc__
    assert str(cls("pairs.tsv, line 3: what is wrong.")) == "pairs.tsv, line 3: what is wrong."


def test_errors_that_are_python_s_own_too() -> None:
    assert issubclass(InputError, ValueError)
    assert issubclass(MissingDependencyError, ImportError)
    assert issubclass(UnknownNameError, errors.ConfigError)


def test_what_the_library_says_names_arguments_and_no_options() -> None:
    package = Path(textsim.__file__).parent
    for path in package.rglob("*.py"):
        if path.is_relative_to(package / "cli") or path.name == "__main__.py":
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
                assert not re.search(r"--[a-z]", node.value), f"{path}, line {node.lineno}: {node.value}"
