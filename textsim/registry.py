"""Names of the interchangeable parts: tokenizers, encoders, poolings, heads, losses.

A part registers itself by name where it is defined. Looking a name up imports the modules that define the built-in
parts, so the registry itself needs none of the libraries that the parts need. A name that is none of theirs is sought
in installed packages too: a package names a module of parts under the entry point group `textsim.parts`.

An encoder, pooling or head may register two things beside its class. Its ONNX form is the function that adds the same
arithmetic to an ONNX graph (see `textsim.onnx.graph`): with it, a model of that part scores without Keras. Its weight
shapes are a function too (see `textsim.artifacts.shapes`): with it, a model folder is checked before it is read.
"""

from __future__ import annotations

import difflib
import functools
import importlib
import importlib.metadata
import importlib.util
import pkgutil
import re
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

from textsim.errors import MissingDependencyError, UnknownNameError
from textsim.extras import needed_for

T = TypeVar("T", bound=type)
F = TypeVar("F", bound=Callable[..., Any])

ENTRY_POINTS = "textsim.parts"
"""The group of entry points under which an installed package names its modules of parts."""


class Registry:
    """A mapping from names to classes of one kind, to their ONNX forms and to the shapes of their weights.

    Args:
        kind: what the classes are, in the singular, for error messages ("head").
        module: dotted name of the module or package whose import registers the built-in classes; of a package, every
            module in it is imported.
        onnx_module: likewise for the ONNX forms of the built-in classes, which need no Keras; None where a kind has
            none.
        shapes_module: likewise for the weight shapes.
    """

    def __init__(
        self, kind: str, module: str, onnx_module: str | None = None, shapes_module: str | None = None
    ) -> None:
        self.kind = kind
        self._module = module
        self._onnx_module = onnx_module
        self._shapes_module = shapes_module
        self._classes: dict[str, type] = {}
        self._onnx_forms: dict[str, Callable[..., str]] = {}
        self._weight_shapes: dict[str, Callable[..., Any]] = {}

    def register(self, name: str) -> Callable[[T], T]:
        """Returns a class decorator that makes the class available as `name`.

        Raises:
            ValueError: another class already has the name.
        """

        def add(cls: T) -> T:
            self._add(self._classes, name, cls, self.kind)
            cls.registered_name = name  # type: ignore[attr-defined]
            return cls

        return add

    def onnx_form(self, name: str) -> Callable[[F], F]:
        """Returns a decorator that makes a function the ONNX form of the class registered as `name`.

        Raises:
            ValueError: another function already is.
        """

        def add(form: F) -> F:
            self._add(self._onnx_forms, name, form, f"the ONNX form of {self.kind}")
            return form

        return add

    def weight_shapes(self, name: str) -> Callable[[F], F]:
        """Returns a decorator that makes a function give the weight shapes of the class registered as `name`.

        The function takes the width of what the part reads and, as keywords, the part's options; it returns the shapes
        by the paths of the weights in the part, and the width of what the part returns.

        Raises:
            ValueError: another function already does.
        """

        def add(shapes: F) -> F:
            self._add(self._weight_shapes, name, shapes, f"the weight shapes of {self.kind}")
            return shapes

        return add

    def _add(self, known: dict[str, Any], name: str, value: Any, what: str) -> None:
        holder = known.setdefault(name, value)
        if holder is not value:
            raise ValueError(
                f"{what} {name!r} is already registered by {holder.__module__}.{holder.__name__}."
            )

    def names(self) -> tuple[str, ...]:
        """The registered names, sorted."""
        with needed_for(f"{self.kind}s"):
            _import_all(self._module)
        import_installed_parts()
        return tuple(sorted(self._classes))

    def get(self, name: str) -> Any:
        """The class registered as `name`.

        Raises:
            UnknownNameError: no class has that name.
            MissingDependencyError: the classes need a library that is not installed.
        """
        self.check(name)
        if name not in self._classes:
            with needed_for(f"{self.kind} {name!r}"):
                _import_all(self._module)
        return self._classes[name]

    def check(self, name: str) -> None:
        """Raises UnknownNameError where no class has that name, and needs no library that classes need."""
        # Settings that are read may hold anything for a name.
        if isinstance(name, str):
            if name in self._classes or name in _written_names(self._module):
                return
            import_installed_parts()
            if name in self._classes:
                return
        names = tuple(sorted({*_written_names(self._module), *self._classes}))
        raise UnknownNameError(
            f"{unknown_name(self.kind, name, names)} A part of your own has a name once the module that registers "
            "it is imported: import that first (import_module)."
        )

    def find_onnx_form(self, name: str) -> Callable[..., str] | None:
        """The ONNX form of the class registered as `name`; None where it has none."""
        return self._find(self._onnx_forms, self._onnx_module, name)

    def find_weight_shapes(self, name: str) -> Callable[..., Any] | None:
        """What gives the weight shapes of the class registered as `name`; None where nothing does."""
        return self._find(self._weight_shapes, self._shapes_module, name)

    def _find(
        self, known: dict[str, Callable[..., Any]], module: str | None, name: str
    ) -> Callable[..., Any] | None:
        if module is not None:
            _import_all(module)
        if name not in known and name not in self._classes:
            import_installed_parts()
        return known.get(name)


@functools.cache
def _import_all(name: str) -> None:
    """Imports a module and, of a package, all modules in it."""
    module = importlib.import_module(name)
    for found in pkgutil.iter_modules(getattr(module, "__path__", [])):
        importlib.import_module(f"{name}.{found.name}")


@functools.cache
def _written_names(module: str) -> frozenset[str]:
    """The names that a module, or all modules of a package, register, read without running them."""
    names = []
    spec = importlib.util.find_spec(module)
    inside = (spec and spec.submodule_search_locations) or ()
    for each in (module, *(f"{module}.{found.name}" for found in pkgutil.iter_modules(inside))):
        found = importlib.util.find_spec(each)
        source = getattr(found and found.loader, "get_source", lambda _: None)(each)
        names += re.findall(r"""^@\w+\.register\(["'](.+?)["']\)""", source or "", re.MULTILINE)
    return frozenset(names)


@functools.cache
def import_installed_parts() -> None:
    """Imports the modules that installed packages name under the entry point group `textsim.parts`.

    One that cannot be imported costs no more than its own parts: a warning names it.

    Raises:
        MissingDependencyError: one needs a library of an extra, such as Keras, that is not installed.
    """
    for entry_point in importlib.metadata.entry_points(group=ENTRY_POINTS):
        try:
            with needed_for(f"the part {entry_point.value!r}, which an installed package brings,"):
                entry_point.load()
        except MissingDependencyError:
            raise
        except Exception as error:  # whatever the package raises
            warnings.warn(
                f"the parts of the installed package that names {entry_point.value!r} under {ENTRY_POINTS!r} are left "
                f"out: {type(error).__name__}: {error}",
                RuntimeWarning,
                stacklevel=2,
            )


def unknown_name(kind: str, name: str, names: tuple[str, ...]) -> str:
    """The message for a name that is none of `names`, with the nearest of them."""
    near = difflib.get_close_matches(str(name), names, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return f"unknown {kind} {name!r}. Expected one of: {', '.join(names)}.{hint}"


TOKENIZERS = Registry("tokenizer", "textsim.text.tokenizers")
_SHAPES = "textsim.artifacts.shapes"
ENCODERS = Registry("encoder", "textsim.modeling.encoders", "textsim.onnx.encoders", _SHAPES)
POOLINGS = Registry("pooling", "textsim.modeling.pooling", "textsim.onnx.pooling", _SHAPES)
_HEADS = "textsim.modeling.heads"
HEADS = Registry("head", _HEADS, _HEADS, _HEADS)
LOSSES = Registry("loss", "textsim.modeling.losses")
