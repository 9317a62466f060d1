"""Code blocks of Markdown pages: found and run by Sybil, each page in a folder of its own.

Of a page, `python` and `bash` blocks run in their order, in one namespace and one folder. HTML comments hold what a
reader need not see:

    <!-- given: train.tsv model -->                    files and folders that the page takes for granted
    <!-- skip: next "installs packages" -->            the next block does not run, for this reason
    <!-- skip: next if(quick, reason="slow") -->       it runs where TEXTSIM_ALL_BLOCKS=1, as in .ci/run

A Python block that begins with `# NAME.py` is written to that file, as the reader is told to.
"""

from __future__ import annotations

import ast
import importlib
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from unittest import SkipTest

from sybil import Document, Example, Region, Sybil
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.markdown import CodeBlockParser, SkipParser
from sybil.parsers.markdown.lexers import DirectiveInHTMLCommentLexer, FencedCodeBlockLexer

from tests.cli.command_line import run

ROOT = Path(__file__).parents[2]
RUN = ("python", "bash")
SHOWN = ("text", "json", "ini", "toml")
"""Languages of blocks that are read, not run: outputs, data and settings."""

_run_python = PythonEvaluator()


def run_page(page: Path, stage: Path, python_path: list[str]) -> None:
    """Runs the blocks of a page in the current folder.

    Args:
        page: the Markdown file.
        stage: a folder with what pages may take for granted.
        python_path: where modules are imported from, which the current folder is put in front of.
    """
    python_path.insert(0, os.getcwd())
    importlib.invalidate_caches()
    document = _sybil.parse(page)
    document.namespace.update(stage=stage, quick=os.environ.get("TEXTSIM_ALL_BLOCKS") != "1")
    for example in document.examples():
        try:
            example.evaluate()
        except SkipTest as skipped:
            assert str(skipped), f"{page}:{example.line}: a block is skipped without a reason"


def languages(page: Path) -> Iterator[tuple[int, str]]:
    """The line and the language of every fenced block of a page."""
    for region in FencedCodeBlockLexer(".*")(Document(page.read_text(encoding="utf-8"), str(page))):
        text = page.read_text(encoding="utf-8")
        yield text.count("\n", 0, region.start) + 1, region.lexemes["language"]


def code(page: Path) -> list[str]:
    """The blocks of a page that run, without their comments and docstrings."""
    document = _sybil.parse(page)
    return [
        _bare_python(example.parsed)
        if example.region.evaluator is _evaluate_python
        else _bare(example.parsed)
        for example in document.examples()
        if example.region.evaluator in (_evaluate_python, _evaluate_bash)
    ]


def _bare_python(source: str) -> str:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
            and ast.get_docstring(node) is not None
        ):
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree)


def _bare(commands: str) -> str:
    return "\n".join(shlex.join(shlex.split(line, comments=True)) for line in _lines(commands))


def _evaluate_python(example: Example) -> None:
    name = re.match(r"# (\w+\.py)\n", example.parsed)
    if name:
        Path(name[1]).write_text(example.parsed, encoding="utf-8")
        importlib.invalidate_caches()
    else:
        _run_python(example)


def _evaluate_bash(example: Example) -> None:
    """Runs each command: one of textsim in this process, which has loaded its libraries, others in bash."""
    for line in _lines(example.parsed):
        words = shlex.split(line, comments=True)
        where = f"{example.path}:{example.line}: {line}"
        if words[:1] == ["textsim"] and not _has_operators(line):
            result = run(*words[1:])
            assert result.exit_code == 0, f"{where}\n{result.output}"
        elif words:
            shell = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", line],
                env={**os.environ, "PATH": f"{_commands(example)}{os.pathsep}{os.environ['PATH']}"},
                capture_output=True,
                encoding="utf-8",
                timeout=300,
            )
            assert shell.returncode == 0, f"{where}\n{shell.stdout}{shell.stderr}"


def _lines(commands: str) -> list[str]:
    """The commands of a block, a command a line."""
    lines = commands.replace("\\\n", " ").splitlines()
    return [line for line in lines if shlex.split(line, comments=True)]


def _has_operators(line: str) -> bool:
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    return any(set(token) <= set("();<>|&") for token in lexer)


def _commands(example: Example) -> Path:
    """A folder with the commands `textsim` and `python` of this process."""
    folder = Path(".commands").absolute()
    if not folder.exists():
        folder.mkdir()
        for name, arguments in (("textsim", "-m textsim"), ("python", "")):
            script = folder / name
            script.write_text(f'#!/bin/sh\nexec "{sys.executable}" {arguments} "$@"\n', encoding="utf-8")
            script.chmod(0o755)
    return folder


def _parse_given(document: Document) -> Iterator[Region]:
    for region in DirectiveInHTMLCommentLexer("given")(document):
        yield Region(region.start, region.end, region.lexemes["arguments"], _evaluate_given)


def _evaluate_given(example: Example) -> None:
    stage: Path = example.namespace["stage"]
    for name in example.parsed.split():
        source, target = stage / name, Path(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            shutil.copy(source, target)


_sybil = Sybil(
    parsers=[
        CodeBlockParser("python", _evaluate_python),
        CodeBlockParser("bash", _evaluate_bash),
        SkipParser(),
        _parse_given,
    ],
    pattern="*.md",
)
