"""Liberty files read into a plain tree of groups.

The reader knows the grammar of Liberty and nothing about cells: groups
(``pin (A) { ... }``), simple attributes (``area : 1.5;``), complex attributes
(``index_1 ("1, 2, 3");``), both kinds of comment, line continuations and the missing
semicolons that real files contain. It does not recurse, so no nesting can exhaust the stack.
:mod:`hwgen.synth.libraries.cells` makes cells of the tree.
"""

import gzip
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from hwgen.support.errors import HwgenError
from hwgen.support.files import open_plain

MAX_BYTES = 256 * 2**20
MAX_DEPTH = 64
_NEVER_NESTED = ("library", "cell", "pin")

_TOKEN = re.compile(
    r"""(?P<space>(?:[\s;]|\\\r?\n)+)
      | (?P<comment>/\*.*?\*/|//[^\n]*)
      | (?P<string>"(?:[^"\\]|\\.)*")
      | (?P<mark>[(){}:,])
      | (?P<word>(?:[^\s(){}:;,"\\/]|/(?![*/]))+)
    """,
    re.VERBOSE | re.DOTALL,
)
_CONTINUATION = re.compile(r"\\\r?\n\s*")


@dataclass
class Group:
    """One ``kind (args) { ... }`` of a Liberty file.

    Attributes
    ----------
    kind
        What stands before the parenthesis: ``library``, ``cell``, ``pin``, ``timing``...
    args
        What stands inside the parentheses, unquoted.
    line
        Line of the group's name, counted from 1.
    simple
        ``name : value`` attributes; the last one wins.
    complex
        ``name (value, ...)`` attributes; the last one wins.
    groups
        The groups inside, in file order.
    """

    kind: str
    args: tuple[str, ...]
    line: int
    simple: dict[str, str] = field(default_factory=dict)
    complex: dict[str, tuple[str, ...]] = field(default_factory=dict)
    groups: list["Group"] = field(default_factory=list)

    def of(self, *kinds: str) -> Iterator["Group"]:
        """Yield the groups inside that are of one of these kinds, in file order."""
        return (group for group in self.groups if group.kind in kinds)

    def first(self, *kinds: str) -> "Group | None":
        """The first group inside of one of these kinds."""
        return next(self.of(*kinds), None)


def read_liberty(path: Path, max_bytes: int = MAX_BYTES) -> Group:
    """Read one ``.lib`` or ``.lib.gz`` file and return its ``library`` group.

    Raises
    ------
    HwgenError
        The file cannot be read, is longer than ``max_bytes`` (known before it is read) or unpacks
        to more, or is not Liberty; a syntax error names its line.
    """
    return parse_liberty(_read_text(Path(path), max_bytes), str(path))


def parse_liberty(text: str, where: str) -> Group:
    """Parse the text of a Liberty file; ``where`` stands in front of every refusal."""
    top = _Parser(text, where).parse()
    libraries = list(top.of("library"))
    if len(libraries) != 1:
        raise HwgenError(
            where, f"{len(libraries)} library groups", "a Liberty file holds exactly one"
        )
    return libraries[0]


def _read_text(path: Path, max_bytes: int) -> str:
    try:
        with open_plain(path, "a Liberty file is needed", max_bytes) as raw:
            packed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            if packed:
                with gzip.GzipFile(fileobj=raw) as unpacked:
                    data = unpacked.read(max_bytes + 1)
            else:
                data = raw.read(max_bytes + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise HwgenError(
            str(path), f"damaged gzip file ({error})", "an intact .lib.gz is needed"
        ) from None
    if len(data) > max_bytes:
        raise _too_long(path, max_bytes)
    return data.decode("utf-8", "replace")


def _too_long(path: Path, max_bytes: int) -> HwgenError:
    return HwgenError(
        str(path),
        f"more than {max_bytes / 2**20:.0f} MiB of text",
        "a Liberty file may be at most that long",
    )


class _Parser:
    """One pass over the tokens with the open groups on an explicit stack."""

    def __init__(self, text: str, where: str):
        self.text = text
        self.where = where
        self.stack = [Group("", (), 1)]
        self._line = 1
        self._counted = 0
        self._tokens = self._scan()
        self._held: tuple[str, str, int, bool] | None = None

    def parse(self) -> Group:
        while (token := self._next())[0] != "end":
            self._statement(*token)
        if len(self.stack) > 1:
            group = self.stack[-1]
            raise self._error(
                len(self.text), f"the file ends inside {group.kind} of line {group.line}", "a }"
            )
        return self.stack[0]

    def _statement(self, kind: str, text: str, start: int, _: bool) -> None:
        if text == "}" and kind == "mark":
            if len(self.stack) == 1:
                raise self._error(start, "a } that closes nothing", "braces in pairs")
            self.stack.pop()
            return
        if kind == "mark" and text == ",":
            return
        if kind == "mark":
            raise self._error(start, f"{text!r}", "an attribute or a group")
        following = self._next()
        if following[:2] == ("mark", ":"):
            self.stack[-1].simple[text] = self._value(following[2])
        elif following[:2] == ("mark", "("):
            self._parenthesis(text, start)
        else:
            raise self._error(start, f"{text!r} without a value", "a ':' or a '(' after it")

    def _parenthesis(self, name: str, start: int) -> None:
        args: list[str] = []
        while True:
            kind, text, at, _ = self._next()
            if kind == "end" or (kind == "mark" and text in "{}"):
                raise self._error(at, f"{name} ( is not closed", "a ) before this")
            if kind == "mark" and text == ")":
                break
            if kind != "mark":
                args.append(text)
        following = self._next()
        if following[:2] != ("mark", "{"):
            self._held = following
            self.stack[-1].complex[name] = tuple(args)
            return
        if len(self.stack) > MAX_DEPTH:
            raise self._error(start, f"groups nested deeper than {MAX_DEPTH}", "a flatter file")
        self._check_place(name, start)
        group = Group(name, tuple(args), self._line_of(start))
        self.stack[-1].groups.append(group)
        self.stack.append(group)

    def _check_place(self, name: str, start: int) -> None:
        """Find braces that pair up and still lie: what they enclose would silently be lost."""
        if len(self.stack) == 1 and self.stack[0].groups and name != "library":
            raise self._error(start, f"{name} outside the library group", "braces in pairs")
        outer = next((group for group in self.stack if group.kind == name), None)
        if outer is not None and name in _NEVER_NESTED:
            found = f"{name} inside the {name} of line {outer.line}"
            raise self._error(start, found, "a } before this")

    def _value(self, start: int) -> str:
        """Words up to the end of the statement: a semicolon, a line end or a brace."""
        words: list[str] = []
        while True:
            token = self._next()
            kind, text, _, ended = token
            if kind == "end" or (words and ended) or (kind == "mark" and text in "{}"):
                self._held = token
                break
            words.append(text)
        if not words:
            raise self._error(start, "an attribute without a value", "a value after the ':'")
        return " ".join(words)

    def _next(self) -> tuple[str, str, int, bool]:
        if self._held is not None:
            token, self._held = self._held, None
            return token
        return next(self._tokens, ("end", "", len(self.text), True))

    def _scan(self) -> Iterator[tuple[str, str, int, bool]]:
        """Yield kind, text, position, and whether a statement may have ended before it."""
        match, position, ended = _TOKEN.match, 0, False
        text, length = self.text, len(self.text)
        while position < length:
            found = match(text, position)
            if found is None:
                raise self._error(position, self._stray(position), "Liberty syntax")
            kind = found.lastgroup or ""
            if kind == "space":
                ended = ended or _ends_statement(found.group())
            elif kind == "string":
                yield kind, _unquote(found.group()), position, ended
                ended = False
            elif kind != "comment":
                yield kind, found.group(), position, ended
                ended = False
            position = found.end()

    def _stray(self, position: int) -> str:
        if self.text[position] == '"':
            return "a string that is not closed"
        if self.text.startswith("/*", position):
            return "a comment that is not closed"
        return f"{self.text[position]!r}"

    def _line_of(self, position: int) -> int:
        """Line of ``position``, counted on from the last call where that is possible."""
        if position < self._counted:
            return self.text.count("\n", 0, position) + 1
        self._line += self.text.count("\n", self._counted, position)
        self._counted = position
        return self._line

    def _error(self, position: int, found: str, allowed: str) -> HwgenError:
        line = self.text.count("\n", 0, position) + 1
        return HwgenError(f"{self.where}:{line}", found, f"expected {allowed}")


def _ends_statement(space: str) -> bool:
    return ";" in space or ("\n" in space and "\n" in _CONTINUATION.sub("", space))


def _unquote(text: str) -> str:
    inner = text[1:-1]
    return _CONTINUATION.sub(" ", inner) if "\\" in inner else inner
