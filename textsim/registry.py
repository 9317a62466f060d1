"""Names of the interchangeable parts: tokenizers, encoders, poolings, heads, losses.

A part registers itself by name where it is defined. Looking a name up imports the module that defines the
built-in parts, so the registry itself needs none of the libraries that the parts need.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable
from typing import Any, TypeVar

from textsim.errors import UnknownNameError

T = TypeVar("T", bound=type)


class Registry:
    """A mapping from names to classes of one kind.

    Args:
        kind: what the classes are, in the singular, for error messages ("head").
        module: dotted name of the module whose import registers the built-in classes.
    """

    def __init__(self, kind: str, module: str) -> None:
        self.kind = kind
        self._module = module
        self._classes: dict[str, type] = {}

    def register(self, name: str) -> Callable[[T], T]:
        """Returns a class decorator that makes the class available as `name`.

        Raises:
            ValueError: another class already has the name.
        """

        def add(cls: T) -> T:
            holder = self._classes.setdefault(name, cls)
            if holder is not cls:
                raise ValueError(
                    f"{self.kind} {name!r} is already registered by {holder.__module__}.{holder.__name__}."
                )
            cls.registered_name = name  # type: ignore[attr-defined]
            return cls

        return add

    def names(self) -> tuple[str, ...]:
        """The registered names, sorted."""
        importlib.import_module(self._module)
        return tuple(sorted(self._classes))

    def get(self, name: str) -> Any:
        """The class registered as `name`.

        Raises:
            UnknownNameError: no class has that name.
        """
        names = self.names()
        if name not in self._classes:
            raise UnknownNameError(
                f"{unknown_name(self.kind, name, names)} A part of your own has a name once the module that registers "
                "it is imported: import that first."
            )
        return self._classes[name]


def unknown_name(kind: str, name: str, names: tuple[str, ...]) -> str:
    """The message for a name that is none of `names`, with the nearest of them."""
    near = difflib.get_close_matches(str(name), names, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return f"unknown {kind} {name!r}. Expected one of: {', '.join(names)}.{hint}"


TOKENIZERS = Registry("tokenizer", "textsim.text.tokenizers")
ENCODERS = Registry("encoder", "textsim.modeling.encoders.encoders")
POOLINGS = Registry("pooling", "textsim.modeling.pooling")
HEADS = Registry("head", "textsim.modeling.heads")
LOSSES = Registry("loss", "textsim.modeling.losses")
