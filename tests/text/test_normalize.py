from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from textsim.errors import ConfigError, InputError, MissingDependencyError
from textsim.text import normalize
from textsim.text.normalize import Normalizer

# All of Unicode, lone surrogates included, and what is hard about it more often than chance has it.
HARD = (
    "İıΣςϒẞﬁﷺ㈱℃Ａ１？，　\u00a0\u00a8\u2003\u200b\u200d\ufeff\xad\x00\x1c\x85\r\n\t \u0307\u0345"
    "\ud800\U000e0041👩\ufe0f"
)
TEXTS = st.text(st.one_of(st.characters(), st.characters(categories=["Cs"]), st.sampled_from(HARD)))
NORMALIZERS = [
    Normalizer(),
    Normalizer(nfkc=False),
    Normalizer(nfkc=False, half_width=False),
    Normalizer(lowercase=False),
]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("会议室怎么改签？", "会议室怎么改签?"),
        ("ＡＢＣ１２３！", "abc123!"),
        ("  你好　　世界\r\n", "你好 世界"),
        ("零\u200b宽\ufeff字\u00ad符\u0000", "零宽字符"),
        ("第一行\n第二行", "第一行 第二行"),
        ("坏\ud83d字", "坏字"),
        ("ﬁ", "fi"),
        ("İ", "i\u0307"),
        ("½杯", "1\u20442杯"),
        ("", ""),
        ("\u3000\t", ""),
        ("很好", "很好"),
    ],
)
def test_examples(text: str, expected: str) -> None:
    assert Normalizer()(text) == expected


@pytest.mark.parametrize("normalizer", NORMALIZERS)
@given(text=TEXTS)
def test_a_normal_form_is_its_own_normal_form(normalizer: Normalizer, text: str) -> None:
    once = normalizer(text)
    assert normalizer(once) == once


@pytest.mark.parametrize("normalizer", NORMALIZERS)
@given(text=TEXTS)
def test_normal_forms_hold_nothing_untidy(normalizer: Normalizer, text: str) -> None:
    result = normalizer(text)
    assert result == " ".join(result.split())
    assert not {unicodedata.category(character) for character in result} & {"Cc", "Cf", "Cs"}
    assert result.encode("utf-8").decode("utf-8") == result
    if normalizer.nfkc:
        assert unicodedata.is_normalized("NFKC", result)
    if normalizer.lowercase:
        assert result == result.lower()
    if normalizer.half_width:
        assert not any("\uff01" <= character <= "\uff5e" for character in result)


@given(text=st.text(st.sampled_from("今天ＡbＺ９！ \u3000\n"), max_size=12))
def test_half_width_equals_nfkc_on_full_width_text(text: str) -> None:
    assert Normalizer(nfkc=False)(text) == Normalizer()(text)


def test_controls_are_unicodes_controls() -> None:
    for code in range(sys.maxunicode + 1):
        character = chr(code)
        category = unicodedata.category(character)
        if category == "Cn":  # assigned by a newer Unicode than this Python's
            continue
        control = category in ("Cf", "Cs") or (category == "Cc" and not character.isspace())
        assert bool(normalize._CONTROL.match(character)) == control, hex(code)


def test_options_off() -> None:
    keep = Normalizer(nfkc=False, lowercase=False, half_width=False)
    assert keep("ＡbＣ①？") == "ＡbＣ①？"
    assert Normalizer(nfkc=False)("ＡbＣ①？") == "abc①?"
    assert Normalizer(lowercase=False)("ＡbＣ①？") == "AbC1?"


def test_simplify() -> None:
    pytest.importorskip("opencc")
    normalizer = Normalizer(simplify=True)
    assert normalizer("漢字轉換，頭髮發展") == "汉字转换,头发发展"
    assert normalizer("汉字转换") == "汉字转换"
    assert Normalizer()("漢字") == "漢字"


def test_simplify_without_opencc_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    normalize._simplifier.cache_clear()
    monkeypatch.setitem(sys.modules, "opencc", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'textsim\[opencc\]'"):
        Normalizer(simplify=True)


@pytest.mark.parametrize("normalizer", NORMALIZERS)
def test_config_round_trip(normalizer: Normalizer) -> None:
    config = normalizer.to_config()
    assert set(config) == {"nfkc", "lowercase", "half_width", "simplify"}
    assert Normalizer.from_config(config) == normalizer


def test_unknown_option() -> None:
    with pytest.raises(
        ConfigError, match=r"unknown normalizer option 'lower_case'.*Did you mean 'lowercase'"
    ):
        Normalizer.from_config({"lower_case": True})


def test_option_of_wrong_type() -> None:
    with pytest.raises(
        ConfigError, match=r"normalizer option 'nfkc': expected true or false. Received 'yes'"
    ):
        Normalizer.from_config({"nfkc": "yes"})


@pytest.mark.parametrize("value", [None, 3, b"bytes", ["list"]])
def test_not_a_text(value: object) -> None:
    with pytest.raises(InputError, match=f"expected a text.*Received {type(value).__name__}"):
        Normalizer()(value)  # type: ignore[arg-type]
