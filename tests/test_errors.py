from __future__ import annotations

import inspect

import pytest

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
