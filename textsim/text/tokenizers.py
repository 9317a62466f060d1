"""Text to tokens: characters, or words found by jieba."""

from __future__ import annotations

import inspect
import multiprocessing
import os
import re
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, ClassVar

from textsim.errors import ConfigError, InputError
from textsim.extras import needed_for
from textsim.registry import TOKENIZERS, unknown_name
from textsim.text.normalize import Normalizer
from textsim.text.word_lists import DictionaryEntry, dictionary_entries, read_dictionary, read_words

_CHUNK_TEXTS = 2000


class Tokenizer(ABC):
    """Normalizes a text and cuts it into tokens.

    Whitespace separates tokens and is never part of one: the tokens joined are the normalized text without
    its whitespace (less the stop words, where there are any).

    A subclass takes its options as arguments of `__init__`, which ends with `normalizer`; it defines `cut`
    and `options`, and is registered with `TOKENIZERS`. Pickling and the worker processes rebuild it from its
    config.

    Args:
        normalizer: applied to each text before it is cut; `Normalizer()` by default.
    """

    registered_name: ClassVar[str]

    def __init__(self, normalizer: Normalizer | None = None) -> None:
        if normalizer is not None and not isinstance(normalizer, Normalizer):
            raise ConfigError(
                f"tokenizer option 'normalizer': expected a Normalizer. Received {normalizer!r:.80}."
            )
        self.normalizer = Normalizer() if normalizer is None else normalizer

    @abstractmethod
    def cut(self, text: str) -> list[str]:
        """The tokens of a text that is already normalized."""

    @abstractmethod
    def options(self) -> dict[str, Any]:
        """The arguments of `__init__` but `normalizer`, as JSON can hold them."""

    def warnings(self) -> list[str]:
        """What of the options cannot take effect, in plain words."""
        return []

    def tokenize(self, text: str) -> list[str]:
        """The tokens of `text`; none for an empty text.

        Raises:
            InputError: `text` is not a str.
        """
        return self.cut(self.normalizer(text))

    def tokenize_many(self, texts: Iterable[str], processes: int = 1) -> list[list[str]]:
        """The tokens of each text, in order. The result is the same for any number of processes.

        Worker processes are started afresh (never forked: the caller may hold TensorFlow's threads), so a
        script that asks for more than one needs the usual `if __name__ == "__main__":` guard. Few texts are
        cut in this process.

        Raises:
            InputError: a text is not a str, or `processes` is below 1.
        """
        if isinstance(texts, str):
            raise InputError(f"expected a list of texts. Received one str: {texts!r:.80}.")
        if processes < 1:
            raise InputError(f"processes: expected at least 1. Received {processes}.")
        texts = list(texts)
        chunks = [texts[start : start + _CHUNK_TEXTS] for start in range(0, len(texts), _CHUNK_TEXTS)]
        if processes == 1 or len(chunks) < 2:
            return [self.tokenize(text) for text in texts]
        workers = ProcessPoolExecutor(
            max_workers=min(processes, len(chunks)),
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_start_worker,
            initargs=(self,),
        )
        try:
            with workers:
                return [tokens for chunk in workers.map(_tokenize_chunk, chunks) for tokens in chunk]
        except BrokenProcessPool as error:
            raise InputError(
                "the tokenizing processes ended early. A script that uses processes > 1 must guard its main "
                'code with if __name__ == "__main__":. Otherwise try processes=1.'
            ) from error

    def to_config(self) -> dict[str, Any]:
        """All that `tokenizer_from_config` needs to build this tokenizer anywhere: no file is referred to."""
        return {"name": self.registered_name, **self.options(), "normalizer": self.normalizer.to_config()}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Tokenizer:
        """The tokenizer that `to_config` described. Opens no file, whatever the config holds.

        Raises:
            ConfigError: an option is unknown, or has a value that it cannot have.
        """
        return cls.from_options({name: value for name, value in config.items() if name != "name"})

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> Tokenizer:
        """The tokenizer of this class with the given options; those left out have their defaults.

        Raises:
            ConfigError: an option is unknown, or has a value that it cannot have.
        """
        options = dict(options)
        allowed = tuple(sorted(inspect.signature(cls).parameters))
        for name in options:
            if name not in allowed:
                raise ConfigError(
                    unknown_name(f"option of tokenizer {cls.registered_name!r}:", name, allowed)
                )
        if isinstance(options.get("normalizer"), Mapping):
            options["normalizer"] = Normalizer.from_config(options["normalizer"])
        return cls(**options)

    def simplifying(self) -> Tokenizer:
        """This tokenizer with the normalizer's `simplify` on.

        Raises:
            MissingDependencyError: OpenCC is not installed.
        """
        config = self.to_config()
        return self.from_config({**config, "normalizer": {**config["normalizer"], "simplify": True}})

    def cuts_for(self, other: Tokenizer) -> bool:
        """Whether a model with the other one can read what this one cuts: this is like it, or like it `simplifying`."""
        expected = other.simplifying() if self.normalizer.simplify else other
        return self.to_config() == expected.to_config()

    def __reduce__(self) -> tuple[Callable[..., Tokenizer], tuple[type[Tokenizer], dict[str, Any]]]:
        return _rebuild, (type(self), self.to_config())

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.options()!r}, {self.normalizer!r})"


def tokenizer_from_config(config: Mapping[str, Any]) -> Tokenizer:
    """The tokenizer that `config["name"]` names, with the other entries of `config` as its options.

    Raises:
        ConfigError: the config has no name, or an option is unknown or has a value that it cannot have.
        UnknownNameError: no tokenizer has the name.
    """
    if "name" not in config:
        raise ConfigError(f"tokenizer config: expected a 'name', one of: {', '.join(TOKENIZERS.names())}.")
    tokenizer: Tokenizer = TOKENIZERS.get(config["name"]).from_config(config)
    return tokenizer


def make_tokenizer(name: str, **options: Any) -> Tokenizer:
    """The tokenizer of that name, with options as its class takes them: lists of words may be paths of files.

    Raises:
        ConfigError: an option is unknown, or has a value that it cannot have.
        DataFormatError: a file cannot be read, or is not in its format.
        UnknownNameError: no tokenizer has the name.
    """
    tokenizer: Tokenizer = TOKENIZERS.get(name).from_options(options)
    return tokenizer


def _rebuild(cls: type[Tokenizer], config: dict[str, Any]) -> Tokenizer:
    return cls.from_config(config)


_worker_tokenizer: Tokenizer


def _start_worker(tokenizer: Tokenizer) -> None:
    global _worker_tokenizer
    _worker_tokenizer = tokenizer


def _tokenize_chunk(texts: list[str]) -> list[list[str]]:
    return [_worker_tokenizer.tokenize(text) for text in texts]


@TOKENIZERS.register("char")
class CharTokenizer(Tokenizer):
    """One token a character.

    Args:
        latin: "runs" keeps an unbroken run of Latin letters and digits whole, as jieba does ("iphone12" is
            one token, "3.5" three); "split" makes each of its characters a token.
        normalizer: see `Tokenizer`.

    Raises:
        ConfigError: `latin` is neither "runs" nor "split".
    """

    # Latin letters with and without diacritics, ASCII digits; combining diacritics stay with the letter
    # before them.
    _RUN = "0-9A-Za-zªº\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u1e00-\u1eff"
    _RUNS = re.compile(rf"[{_RUN}][{_RUN}\u0300-\u036f]*|\S")

    def __init__(self, latin: str = "runs", normalizer: Normalizer | None = None) -> None:
        super().__init__(normalizer)
        if latin not in ("runs", "split"):
            raise ConfigError(unknown_name("value of tokenizer option 'latin':", latin, ("runs", "split")))
        self.latin = latin

    def cut(self, text: str) -> list[str]:
        if self.latin == "runs":
            return self._RUNS.findall(text)
        return list(text.replace(" ", ""))

    def options(self) -> dict[str, Any]:
        return {"latin": self.latin}


@TOKENIZERS.register("jieba")
class JiebaTokenizer(Tokenizer):
    """Words, as jieba's dictionary and, for what is not in it, its hidden Markov model find them.

    The dictionary is loaded on first use, into a segmenter of this tokenizer's own: neither jieba's global
    one nor another tokenizer sees the user's words. jieba's cache in the shared temporary folder is neither
    read nor written, since anyone on the machine could put words into it.

    Args:
        user_dictionary: words to add: a path of a file in jieba's format (UTF-8, a line is `word [frequency]
            [tag]`), or entries: a word or a list `[word, frequency, tag]` whose last two may be left out or
            None. Without a frequency the engine picks one that lets the word be cut out. The words are
            normalized like the texts.
        hmm: find words that are not in the dictionary.
        stop_words: tokens to leave out: a path of a file with one word a line, or the words. Normalized
            likewise.
        engine: "jieba", or "rjieba" (extra "fast"), about ten times as fast. With `hmm`, about one text in a
            thousand is cut differently by the two, where digits stand beside Latin punctuation.
        normalizer: see `Tokenizer`.

    Raises:
        ConfigError: an option has a value that it cannot have.
        DataFormatError: a file cannot be read, or a line of it is not in the format.
        MissingDependencyError: the engine is not installed.
    """

    def __init__(
        self,
        user_dictionary: str | os.PathLike[str] | Iterable[str | Sequence[Any]] = (),
        hmm: bool = True,
        stop_words: str | os.PathLike[str] | Iterable[str] = (),
        engine: str = "jieba",
        normalizer: Normalizer | None = None,
    ) -> None:
        super().__init__(normalizer)
        if not isinstance(hmm, bool):
            raise ConfigError(f"tokenizer option 'hmm': expected true or false. Received {hmm!r}.")
        if not isinstance(engine, str) or engine not in _ENGINES:
            raise ConfigError(
                unknown_name("value of tokenizer option 'engine':", engine, tuple(sorted(_ENGINES)))
            )
        if engine == "rjieba":
            _import_rjieba()
        self.hmm = hmm
        self.engine = engine
        self._spaced: list[str] = []
        self._spaced_stop_words: list[str] = []
        self.user_dictionary = tuple(self._read_dictionary(user_dictionary))
        self.stop_words = frozenset(self._read_stop_words(stop_words))
        self._segment: Callable[[str, bool], list[str]] | None = None

    def cut(self, text: str) -> list[str]:
        tokens = self.cut_whole(text)
        if self.stop_words:
            tokens = [token for token in tokens if token not in self.stop_words]
        return tokens

    def cut_whole(self, text: str) -> list[str]:
        """The tokens of a text that is already normalized, stop words among them."""
        segment = self._segment
        if segment is None:
            segment = self._segment = _ENGINES[self.engine](self.user_dictionary)
        tokens = segment(text, self.hmm)
        return [token for token in tokens if token != " "] if " " in text else tokens

    def options(self) -> dict[str, Any]:
        return {
            "user_dictionary": [list(entry) for entry in self.user_dictionary],
            "hmm": self.hmm,
            "stop_words": sorted(self.stop_words),
            "engine": self.engine,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Tokenizer:
        for name in ("user_dictionary", "stop_words"):
            # A path is for whoever calls: settings that came from elsewhere open no file here.
            if not isinstance(config.get(name, []), list | tuple):
                raise ConfigError(
                    f"tokenizer option {name!r}: expected a list. Received {config[name]!r:.80}."
                )
        return super().from_config(config)

    def warnings(self) -> list[str]:
        found = [
            _about("user dictionary", self._spaced, "left out, for jieba finds no word with a space in it"),
            _about(
                "stop words",
                self._spaced_stop_words,
                "left out, for no token holds whitespace. Write one word a line",
            ),
        ]
        # Without a frequency of its own the engine gives a word one that it is cut out with.
        doubtful = [
            word
            for word, frequency, _ in self.user_dictionary
            if frequency is not None or not _UNBROKEN.fullmatch(word)
        ]
        broken = [word for word in doubtful if self.cut_whole(word) != [word]]
        split = [word for word in broken if not _UNBROKEN.fullmatch(word)]
        rare = [word for word in broken if _UNBROKEN.fullmatch(word)]
        found += [
            _about(
                "user dictionary", split, "never cut out, for jieba splits a text at such characters first"
            ),
            _about(
                "user dictionary",
                rare,
                "never cut out, for its parts are more frequent. Give a higher frequency, or none",
            ),
        ]
        cut = [word for word in sorted(self.stop_words) if self.cut_whole(word) != [word]]
        found += [
            _about(
                "stop words",
                [word for word in cut if not _UNBROKEN.fullmatch(word)],
                "never a token, for jieba splits a text at such characters",
            ),
            _about(
                "stop words",
                [word for word in cut if _UNBROKEN.fullmatch(word)],
                "hardly ever a token, for jieba cuts them into several. List these, or add the word to the user "
                "dictionary",
            ),
        ]
        return [line for line in found if line]

    def _read_dictionary(self, source: str | os.PathLike[str] | Iterable[Any]) -> Iterable[DictionaryEntry]:
        if isinstance(source, str | os.PathLike):
            entries = read_dictionary(source)
        elif isinstance(source, Iterable):
            entries = dictionary_entries(source)
        else:
            raise ConfigError(
                f"tokenizer option 'user_dictionary': expected a path or entries. Received {source!r:.80}."
            )
        for where, (word, frequency, tag) in entries:
            normalized = self.normalizer(word)
            if normalized and " " not in normalized:
                yield normalized, frequency, tag
            elif isinstance(source, str | os.PathLike):
                # jieba takes such a line, and one of a thousand must not cost the others.
                self._spaced.append(f"{word} ({where.rpartition(', ')[2]})")
            else:
                raise ConfigError(f"{where}: expected a word without whitespace. Received {word!r:.80}.")

    def _read_stop_words(self, source: str | os.PathLike[str] | Iterable[Any]) -> Iterable[str]:
        if isinstance(source, str | os.PathLike):
            source = read_words(source)
        for word in source if isinstance(source, Iterable) else [source]:
            if not isinstance(word, str):
                raise ConfigError(
                    f"tokenizer option 'stop_words': expected words (str). Received {word!r:.80}."
                )
            normalized = self.normalizer(word)
            if " " in normalized:
                self._spaced_stop_words.append(normalized)
            # Lists of stop words may hold a space as a word: whitespace is no token anyway.
            elif normalized:
                yield normalized


# Of such characters jieba makes a block, in which it looks for words; it splits a text at all others.
_UNBROKEN = re.compile(r"[\u4e00-\u9fd5a-zA-Z0-9+#&._%\-]+")


def _about(of: str, words: Sequence[str], what: str) -> str:
    """What is so of some words, in a line; "" where there are none."""
    if not words:
        return ""
    more = f" and {len(words) - 5:,} more" if len(words) > 5 else ""
    return f"{of}: {', '.join(map(repr, words[:5]))}{more}: {what}"


def _jieba_engine(entries: Sequence[DictionaryEntry]) -> Callable[[str, bool], list[str]]:
    with needed_for("tokenizer engine 'jieba'"), warnings.catch_warnings():
        # Importing jieba warns of its own use of pkg_resources and of its own string escapes.
        warnings.simplefilter("ignore")
        import jieba
    segmenter = jieba.Tokenizer()
    # What jieba's initialize() does, without its cache file and its messages on standard error.
    segmenter.FREQ, segmenter.total = segmenter.gen_pfdict(segmenter.get_dict_file())
    segmenter.initialized = True
    for word, frequency, tag in entries:
        segmenter.add_word(word, frequency, tag)
    return lambda text, hmm: list(segmenter.cut(text, HMM=hmm))


def _rjieba_engine(entries: Sequence[DictionaryEntry]) -> Callable[[str, bool], list[str]]:
    segmenter = _import_rjieba().Jieba()
    for word, frequency, tag in entries:
        segmenter.add_word(word, segmenter.suggest_freq(word) if frequency is None else frequency, tag)
    return lambda text, hmm: list(segmenter.cut(text, hmm))


def _import_rjieba() -> Any:
    with needed_for("tokenizer engine 'rjieba'"):
        import rjieba
    return rjieba


_ENGINES = {"jieba": _jieba_engine, "rjieba": _rjieba_engine}
