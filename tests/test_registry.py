from __future__ import annotations

import subprocess
import sys

import pytest

from textsim import registry as registries
from textsim.data.formats.format import FORMATS
from textsim.errors import MissingDependencyError, UnknownNameError
from textsim.registry import Registry, import_installed_parts, unknown_name


@pytest.fixture
def registry() -> Registry:
    registry = Registry("shape", "textsim.errors")

    @registry.register("square")
    class Square:
        pass

    @registry.register("circle")
    class Circle:
        pass

    return registry


def test_names_are_sorted_and_classes_found(registry: Registry) -> None:
    assert registry.names() == ("circle", "square")
    assert registry.get("square").__name__ == "Square"
    assert registry.get("square").registered_name == "square"


def test_an_unknown_name_lists_the_known_ones_and_the_nearest(registry: Registry) -> None:
    message = r"unknown shape 'sqare'\. Expected one of: circle, square\. Did you mean 'square'\? "
    message += (
        r"A part of your own has a name once the module that registers it is imported: import that first "
        r"\(import_module\)\.$"
    )
    with pytest.raises(UnknownNameError, match=message):
        registry.get("sqare")


@pytest.mark.parametrize(
    "parts", [value for value in vars(registries).values() if isinstance(value, Registry)] + [FORMATS]
)
def test_the_names_of_built_in_parts_are_known_without_importing_them(parts: Registry) -> None:
    assert registries._written_names(parts._module) == {
        name for name in parts.names() if parts.get(name).__module__.startswith("textsim.")
    }


def test_unknown_parts_are_found_out_without_keras() -> None:
    code = """if True:
        import sys
        from textsim.config.recipes import RECIPES
        from textsim.errors import MissingDependencyError, UnknownNameError
        for change in ("encoder=bilstmm", "pooling=lst", "projection=dens", "head=cosin", "loss=tripled"):
            try:
                RECIPES["bilstm-triplet"].replace([change]).check_names()
            except UnknownNameError as error:
                print(str(error).split(".")[0], str(error).split("mean ")[1].split("?")[0])
        assert not {"keras", "tensorflow", "numpy"} & set(sys.modules)
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", timeout=60)
    assert done.stdout.splitlines() == [
        "unknown encoder 'bilstmm' 'bilstm'",
        "unknown pooling 'lst' 'last'",
        "unknown encoder 'dens' 'dense'",
        "unknown head 'cosin' 'cosine'",
        "unknown loss 'tripled' 'triplet'",
    ], done.stderr


def test_a_name_near_to_none_gets_no_suggestion() -> None:
    assert unknown_name("head", "xyz", ("cosine", "l1")) == "unknown head 'xyz'. Expected one of: cosine, l1."


def test_a_taken_name_is_refused(registry: Registry) -> None:
    with pytest.raises(ValueError, match=r"shape 'circle' is already registered by .*Circle"):
        registry.register("circle")(type("Other", (), {}))


def test_registering_a_class_again_changes_nothing(registry: Registry) -> None:
    assert registry.register("circle")(registry.get("circle")) is registry.get("circle")


def test_looking_up_imports_the_module_of_the_built_in_parts() -> None:
    with pytest.raises(ModuleNotFoundError):
        Registry("thing", "textsim.no_such_module").names()


def test_a_part_and_its_onnx_form_are_registered_apart(registry: Registry) -> None:
    assert registry.find_onnx_form("square") is None

    @registry.onnx_form("square")
    def form() -> str:
        return "graph"

    assert registry.find_onnx_form("square") is form
    with pytest.raises(ValueError, match="the ONNX form of shape 'square' is already registered"):
        registry.onnx_form("square")(lambda: "other")


def test_installed_packages_bring_parts(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    class Plugin:
        value = "my_parts"

        def load(self) -> None:
            registry.register("hexagon")(type("Hexagon", (), {}))

    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: [Plugin()])
    import_installed_parts.cache_clear()
    assert registry.get("hexagon").__name__ == "Hexagon"
    import_installed_parts.cache_clear()


def test_an_installed_package_that_cannot_be_imported_costs_only_its_own_parts(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Plugin:
        def __init__(self, value: str, error: Exception | None = None) -> None:
            self.value, self.error = value, error

        def load(self) -> None:
            if self.error is not None:
                raise self.error
            registry.register("hexagon")(type("Hexagon", (), {}))

    broken = [Plugin("gone", ModuleNotFoundError("no gone")), Plugin("wrong:part", ValueError("taken"))]
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: [*broken, Plugin("whole")])
    import_installed_parts.cache_clear()
    with pytest.warns(RuntimeWarning) as found:
        assert registry.get("hexagon").__name__ == "Hexagon"
    assert [str(each.message).partition(" under ")[0].rpartition(" ")[2] for each in found] == [
        "'gone'",
        "'wrong:part'",
    ]
    assert "ModuleNotFoundError: no gone" in str(found[0].message)
    import_installed_parts.cache_clear()
    broken[0].error = ModuleNotFoundError("no keras", name="keras")
    with pytest.raises(MissingDependencyError, match=r"the part 'gone'.*keras.*textsim\[train\]"):
        registry.get("octagon")


@pytest.mark.parametrize("name", [["square"], {"name": "square"}, 3, None])
def test_what_is_no_name_is_unknown(registry: Registry, name: object) -> None:
    with pytest.raises(UnknownNameError, match="unknown shape "):
        registry.get(name)  # type: ignore[arg-type]
