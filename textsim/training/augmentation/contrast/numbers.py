"""Rules about numbers: another value differs, the same value written otherwise does not."""

from __future__ import annotations

import random
import re

from textsim.training.augmentation.contrast.rule import Swap, Text, language_package, one_of, rule

# Not inside a word of Latin letters, a date of digits or a longer number.
_DIGITS = re.compile(r"(?<![0-9A-Za-z.:/\-])[0-9]{1,8}(?:\.[0-9]{1,2})?(?![0-9A-Za-z.:/\-])")
_MEASURES = (
    "个月|个小时|个星期|分钟|小时|星期|年级|公里|平方米|平米|毫升|号线|厘米|千米|"
    "天|年|月|号|日|块|元|次|岁|楼|层|点|斤|米|期|周|遍|集|季|张|件|只|台|辆|位|名|间|套|瓶|杯|碗|倍|折|人|个|秒|届|章|页|单|盒|袋|晚"
)
_CHINESE = "二两三四五六七八九十百千"
# 一 alone is often no number ("一下", "一样"); 十分, 百分, 千万 are none.
_NUMERAL = re.compile(
    rf"(?<![第几数好零点一{_CHINESE}万亿多])[{_CHINESE}]{{1,4}}(?=(?:{_MEASURES}))(?!点(?:了|的|儿)|十分|[一二三四五六七八九十]点[一二三四五六七八九])"
)
_ORDINAL = re.compile(r"第[一二三四五六七八九十]{1,2}(?=个|名|天|次|集|季|章|页|步|期|代|届|层|排|位|年|条)")
_PLAIN = {"二": 2, "两": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8, "九": 9, "十": 10}
_LIANG = re.compile(
    r"个|天|年|块|元|次|岁|层|米|周|遍|张|件|只|台|辆|位|名|间|套|瓶|杯|碗|倍|分钟|小时|星期|斤|公里|点(?!半|钟|[0-9])|人|秒|单|盒|袋|晚"
)


@rule("number-changed", 0)
def number_changed(text: Text, rng: random.Random) -> str | None:
    """Another number: "买3件" and "买5件"."""
    swaps = [
        Swap(found.start(), found.end(), _other_digits(found[0], rng))
        for found in _DIGITS.finditer(text.text)
    ]
    for found in _NUMERAL.finditer(text.text):
        if len(found[0]) == 1 and found[0] in _PLAIN and not text.text.startswith("点", found.end()):
            others = [c for c in "两三四五六七八九十" if _PLAIN[c] != _PLAIN[found[0]]]
            swaps.append(
                Swap(found.start(), found.end(), _ordinal_two(rng.choice(others), text.text[found.end() :]))
            )
    for found in _ORDINAL.finditer(text.text):
        other = rng.choice([c for c in "一二三四五六七八" if c != found[0][1:]])
        swaps.append(Swap(found.start(), found.end(), f"第{other}"))
    return one_of(text, rng, [swap for swap in swaps if swap.new != text.text[swap.start : swap.end]])


def _ordinal_two(numeral: str, after: str) -> str:
    """Two is 两 before what is counted, else 二 (二月, 二号, 二楼)."""
    return "二" if numeral == "两" and not _LIANG.match(after) else numeral


def _other_digits(number: str, rng: random.Random) -> str:
    """A number of the same length with another value; a year stays a year of about the time."""
    if re.fullmatch(r"(?:19|20)[0-9]{2}", number):
        return str(int(number) + rng.choice([-3, -2, -1, 1, 2, 3]))
    places = [k for k, character in enumerate(number) if character.isdigit()]
    # Behind the point, a change would often be one of writing alone.
    place = rng.choice([k for k in places if "." not in number[:k]])
    low = 1 if place == 0 else 0
    digit = rng.choice([d for d in range(low, 10) if str(d) != number[place]])
    return number[:place] + str(digit) + number[place + 1 :]


@rule("numeral-rewritten", 1)
def numeral_rewritten(text: Text, rng: random.Random) -> str | None:
    """The same number in other characters: "3个月" and "三个月"."""
    package = language_package("cn2an")
    an2cn, cn2an = package.an2cn, package.cn2an
    swaps = []
    for found in _DIGITS.finditer(text.text):
        after = text.text[found.end() :]
        if re.fullmatch(r"(?:19|20)[0-9]{2}", found[0]) and after.startswith("年"):
            swaps.append(Swap(found.start(), found.end(), an2cn(found[0], "direct")))
        elif "." not in found[0] and not found[0].startswith("0") and re.match(_MEASURES, after):
            # 96折 is read digit by digit.
            if not (after.startswith("折") and len(found[0]) > 1) and (
                len(found[0]) <= 3 or found[0].endswith("00")
            ):
                two = found[0] == "2" and _LIANG.match(after)
                swaps.append(Swap(found.start(), found.end(), "两" if two else _spoken(an2cn(found[0]))))
        elif found[0].endswith("0000") and int(found[0]) % 10_000 == 0 and re.match("元|块|人|个", after):
            swaps.append(Swap(found.start(), found.end(), f"{int(found[0]) // 10_000}万"))
    for found in re.finditer(r"(?<![0-9.])([0-9]{1,3})%", text.text):
        swaps.append(Swap(found.start(), found.end(), f"百分之{_spoken(an2cn(found[1]))}"))
    for found in _NUMERAL.finditer(text.text):
        if not text.text.startswith("点", found.end()):
            try:
                swaps.append(
                    Swap(found.start(), found.end(), str(cn2an(found[0].replace("两", "二"), "strict")))
                )
            except ValueError:  # no numeral after all, such as 百千
                continue
    for found in _ORDINAL.finditer(text.text):
        swaps.append(Swap(found.start(), found.end(), f"第{cn2an(found[0][1:], 'smart')}"))
    return one_of(text, rng, swaps)


def _spoken(numeral: str) -> str:
    return numeral[1:] if numeral.startswith("一十") else numeral
