"""Rules about whole questions: the same asked in other words, and nearly the same words that ask for something else."""

from __future__ import annotations

import random
import re

from textsim.training.augmentation.contrast.rule import Text, rule

# {x} is what is done: a verb with its object, of two to eight characters.
_HOW_TO = (
    "怎么{x}",
    "如何{x}",
    "怎样{x}",
    "{x}的流程是什么",
    "{x}流程",
    "{x}步骤有哪些",
    "{x}怎么操作",
    "{x}怎么弄",
    "想{x}该怎么做",
    "我要{x}，怎么操作",
    "{x}的方法",
    "有什么办法可以{x}",
    "教我{x}",
    "不知道怎么{x}",
    "要{x}需要怎么做",
    "我想{x}，该怎么办理",
    "怎么才能{x}",
    "{x}教程",
    "求{x}的方法",
)
_WHY = (
    "为什么{x}",
    "{x}是什么原因",
    "{x}是怎么回事",
    "{x}的原因",
    "为啥{x}",
    "怎么会{x}",
    "什么原因导致{x}",
    "{x}是为什么呢",
    "是什么导致{x}",
)
_WHEN = ("什么时候{x}", "何时{x}", "{x}是什么时候", "哪天{x}", "{x}的时间", "几时{x}")
_CAN = (
    "能{x}吗",
    "可以{x}吗",
    "能不能{x}",
    "可不可以{x}",
    "是否可以{x}",
    "可否{x}",
    "是否能{x}",
    "{x}可以吗",
    "支持{x}吗",
)
_PRICE = (
    "{x}多少钱",
    "{x}什么价格",
    "{x}的价格",
    "{x}价格是多少",
    "{x}怎么卖",
    "{x}要花多少钱",
    "{x}售价多少",
    "{x}贵不贵，多少钱",
)
_WHAT = (
    "{x}是什么意思",
    "什么是{x}",
    "{x}的意思",
    "{x}的含义",
    "{x}是啥意思",
    "{x}指的是什么",
    "如何理解{x}",
)
_HOW_IS = ("{x}怎么样", "{x}好不好", "{x}好吗", "{x}如何", "{x}的评价怎么样", "{x}行不行")
_WHERE = (
    "在哪里{x}",
    "哪里可以{x}",
    "在哪儿{x}",
    "{x}在哪里",
    "{x}的地方",
    "去哪{x}",
    "哪儿能{x}",
    "什么地方可以{x}",
)
_NEED = ("{x}需要什么", "{x}要准备什么", "{x}有什么要求", "{x}的条件", "{x}需要哪些条件")
_HOW_LONG = ("{x}要多久", "{x}需要多长时间", "{x}几天能好", "{x}得花多长时间", "多久才能{x}", "{x}要等多久")

FRAMES: dict[str, tuple[str, ...]] = {
    "how": _HOW_TO,
    "why": _WHY,
    "when": _WHEN,
    "can": _CAN,
    "price": _PRICE,
    "what": _WHAT,
    "like": _HOW_IS,
    "where": _WHERE,
    "need": _NEED,
    "how-long": _HOW_LONG,
}
"""For each thing asked the ways to ask it."""

# How a question begins or ends by which its frame is known; {x} the rest.
_READ = (
    ("how", re.compile(r"(?:怎么|如何|怎样|怎么才能)(?P<x>[一-鿿A-Za-z0-9]{2,8})")),
    ("how", re.compile(r"(?P<x>[一-鿿A-Za-z0-9]{2,8})(?:怎么操作|怎么弄|的方法|流程)")),
    ("why", re.compile(r"(?:为什么|为啥)(?P<x>[一-鿿A-Za-z0-9]{3,12})")),
    ("why", re.compile(r"(?P<x>[一-鿿A-Za-z0-9]{3,12})(?:是什么原因|是怎么回事|的原因)")),
    ("can", re.compile(r"(?:能不能|可以|能|可不可以|是否可以)(?P<x>[一-鿿A-Za-z0-9]{2,8})吗?")),
    ("price", re.compile(r"(?P<x>[一-鿿A-Za-z0-9]{2,8})(?:多少钱|的价格|什么价格)")),
    ("what", re.compile(r"(?P<x>[一-鿿A-Za-z0-9]{2,8})(?:是什么意思|的意思|的含义)")),
    ("what", re.compile(r"什么是(?P<x>[一-鿿A-Za-z0-9]{2,8})")),
    ("like", re.compile(r"(?P<x>[一-鿿A-Za-z0-9]{2,8})(?:怎么样|好不好|好吗)")),
    ("where", re.compile(r"(?:在哪里|哪里可以|在哪儿|在哪)(?P<x>[一-鿿A-Za-z0-9]{2,8})")),
    ("need", re.compile(r"(?P<x>[一-鿿A-Za-z0-9]{2,8})(?:需要什么|的条件|有什么要求)")),
    ("how-long", re.compile(r"(?P<x>[一-鿿A-Za-z0-9]{2,8})(?:要多久|需要多久|需要多长时间)")),
)
_OTHER_QUESTION = re.compile(
    "怎|什么|哪|吗|多少|几|谁|为啥|呢|如何|能不|是不|了$|样|办|回事|的$|啊|啦|吧|会|没|这么|那么|读|念|不|还|知道|教程|步骤|流程|原因|方法|^[我你他她它]|^的|^在"
)


def _asked(text: Text) -> tuple[str, str] | None:
    """What a question asks for, and of what; None where it is none of the frames."""
    bare = re.sub(r"[?？。!！~\s呢啊呀]+$", "", text.text)
    for name, form in _READ:
        found = form.fullmatch(bare)
        if found and not _unfit(name, found["x"]) and text.whole(*found.span("x")):
            first = next((word for word in text.words if word.start == found.start("x")), None)
            if first is None or (
                name in ("how", "can", "where", "how-long", "need") and not first.tag.startswith("v")
            ):
                continue
            if name in ("price", "what", "like") and not first.tag.startswith(("n", "eng", "a", "b", "v")):
                continue
            return name, found["x"]
    return None


def _unfit(name: str, x: str) -> bool:
    if name == "why":
        return bool(re.search("怎|什么|哪|吗|谁|呢|^[是要叫会]|[的啊啦吧]$", x))
    if name in ("price", "what", "like") and re.search("[我你他她它们后]", x):
        return True
    return bool(_OTHER_QUESTION.search(x)) or x.endswith("是") or (name == "can" and "了" in x)


@rule("asked-otherwise", 1)
def asked_otherwise(text: Text, rng: random.Random) -> str | None:
    """The same question in another frame: "怎么退货" and "退货流程是什么"."""
    asked = _asked(text)
    if asked is None:
        return None
    name, x = asked
    news = [new for frame in FRAMES[name] if (new := frame.format(x=x)) not in text.text]
    return rng.choice(news)


@rule("asked-for-another", 0)
def asked_for_another(text: Text, rng: random.Random) -> str | None:
    """Another thing asked of the same: "怎么退货" and "退货需要什么"."""
    asked = _asked(text)
    if asked is None:
        return None
    name, x = asked
    # Where it is done is nearly how, and whether it can be done too.
    of_doing, of_things = ("how", "when", "need", "how-long"), ("price", "what", "like")
    kinds = of_things if name in of_things else of_doing if name in of_doing else ("when", "how-long")
    others = () if name == "why" else tuple(kind for kind in kinds if kind != name)
    return rng.choice(FRAMES[rng.choice(others)]).format(x=x) if others else None
