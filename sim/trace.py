"""What simulators write of a design's nets, SAIF or VCD, made into counts of changes."""

import os
import re
import select
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hwgen.support.errors import HwgenError

TraceFormat = Literal["saif", "vcd"]
"""Of what is counted."""

WaveFormat = Literal["fst", "vcd"]
"""Of what a person looks at."""

_CHUNK = 1 << 20


@dataclass(frozen=True)
class Counts:
    """Of nets, by name: changes between 0 and 1, and how long they were 1, of ``duration``."""

    toggles: dict[str, int]
    high: dict[str, int]
    duration: int


def saif_counts(lines: Iterable[str], instance: str) -> Counts:
    """The nets of ``instance`` in a SAIF file: its TC, T1 and DURATION."""
    toggles: dict[str, int] = {}
    high: dict[str, int] = {}
    duration = 0
    scopes: list[str] = []
    for line in lines:
        text = line.strip()
        if opened := re.match(r"\((INSTANCE \S+|NET)$", text):
            scopes.append(opened[1])
        elif text == ")" and scopes:
            scopes.pop()
        elif scopes[-2:] == [f"INSTANCE {instance}", "NET"]:
            net = re.fullmatch(r"\((\w+) .*\(T1 (\d+)\).*\(TC (\d+)\)\s*\)", text)
            if net:
                high[net[1]], toggles[net[1]] = int(net[2]), int(net[3])
        elif length := re.fullmatch(r"\(DURATION (\d+)\)", text):
            duration = int(length[1])
    return Counts(toggles, high, duration)


def vcd_counts(chunks: Iterable[bytes], instance: str) -> Counts:
    """The scalars of ``instance`` in a VCD file. X and Z count as what came before them, or 0."""
    lines = _lines(chunks)
    names = _vcd_names(lines, instance)
    value: dict[bytes, int] = dict.fromkeys(names, -1)
    count: dict[bytes, int] = dict.fromkeys(names, 0)
    high: dict[bytes, int] = dict.fromkeys(names, 0)
    start = now = 0
    begun = False
    for line in lines:
        kind = line[:1]
        if kind == b"#":
            now = int(line[1:])
            start, begun = (start, True) if begun else (now, True)
            continue
        if kind not in (b"0", b"1"):
            continue
        code = line[1:]
        before = value.get(code)
        bit = 1 if kind == b"1" else 0
        if before is None or before == bit:
            continue
        value[code] = bit
        count[code] += before >= 0
        high[code] += -now if bit else now * (before > 0)
    ended = {code: high[code] + (now if value[code] > 0 else 0) for code in names}
    shared = [(code, name) for code, names_ in names.items() for name in names_]
    return Counts(
        {name: count[code] for code, name in shared},
        {name: ended[code] for code, name in shared},
        now - start,
    )


def _lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        yield from whole
    if rest:
        yield rest


def _vcd_names(lines: Iterator[bytes], instance: str) -> dict[bytes, list[str]]:
    """Names of the scalars of ``instance`` by their identifier codes; reads the header."""
    names: dict[bytes, list[str]] = {}
    scopes: list[bytes] = []
    for line in lines:
        match line.split():
            case [b"$scope", _, scope, *_]:
                scopes.append(scope)
            case [b"$upscope", *_]:
                scopes = scopes[:-1]
            case [b"$var", _, b"1", code, name, *_] if scopes[-1:] == [instance.encode()]:
                names.setdefault(code, []).append(name.decode("ascii", "replace"))
            case [b"$enddefinitions", *_]:
                break
    return names


class Tracer:
    """Counts what a simulator writes to :attr:`file`; :meth:`counts` when it has ended.

    A VCD goes through a pipe and is counted as it comes: it may be far longer than any disk.
    """

    def __init__(self, folder: Path, kind: TraceFormat, instance: str):
        self.file = folder / f"activity.{kind}"
        self._kind = kind
        self._instance = instance
        self._ended = threading.Event()
        self._found = Counts({}, {}, 0)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Listen while the simulator runs."""
        if self._kind == "saif":
            yield
            return
        os.mkfifo(self.file)
        pipe = os.open(self.file, os.O_RDONLY | os.O_NONBLOCK)
        thread = threading.Thread(target=self._count, args=(pipe,))
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            thread.join()
            os.close(pipe)

    def counts(self) -> Counts:
        """What was counted.

        Raises
        ------
        HwgenError
            The simulator has left none.
        """
        if self._kind == "saif" and self.file.is_file():
            with self.file.open(encoding="utf-8", errors="replace") as lines:
                self._found = saif_counts(lines, self._instance)
        if not self._found.toggles:
            raise HwgenError("the simulation", f"no {self._kind} trace", "changes of its nets")
        return self._found

    def _count(self, pipe: int) -> None:
        self._found = vcd_counts(self._chunks(pipe), self._instance)

    def _chunks(self, pipe: int) -> Iterator[bytes]:
        while True:
            ended = self._ended.is_set()
            select.select([pipe], [], [], 0.1)
            try:
                chunk = os.read(pipe, _CHUNK)
            except BlockingIOError:
                continue
            if chunk:
                yield chunk
            elif ended:
                return
            else:
                self._ended.wait(0.01)
