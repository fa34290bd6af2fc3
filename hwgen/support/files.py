"""Plain files: read within bounds, written whole or not at all."""

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from hwgen.support.errors import HwgenError


@contextlib.contextmanager
def open_plain(path: Path, allowed: str, limit: int, where: str = "") -> Iterator[BinaryIO]:
    """Open a regular file of at most ``limit`` bytes; a pipe or a device is not waited for.

    Whoever reads takes no more than ``limit`` bytes, as the file may grow. ``allowed`` and
    ``where`` (the path, if empty) are for refusals; errors while reading are refused too.

    Raises
    ------
    HwgenError
        It cannot be opened or read, is a folder, pipe or device, or is too long.
    """
    where = where or str(path)
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as stream:
            status = os.fstat(handle)
            if stat.S_ISDIR(status.st_mode):
                raise HwgenError(where, os.strerror(errno.EISDIR), allowed)
            if not stat.S_ISREG(status.st_mode):
                raise HwgenError(where, "is no plain file", allowed)
            if status.st_size > limit:
                raise HwgenError(where, "too long", f"at most {limit:,} bytes")
            yield stream
    except OSError as error:
        raise HwgenError(where, error.strerror or "unreadable", allowed) from None
    except ValueError as error:  # a name with a NUL, or bytes that are no Unicode
        if isinstance(error, UnicodeError) or "null" in str(error):
            raise HwgenError(where, "unreadable", allowed) from None
        raise


def read_plain(path: Path, allowed: str, limit: int, where: str = "") -> bytes:
    """The content of a file as of :func:`open_plain`.

    Raises
    ------
    HwgenError
        As of :func:`open_plain`.
    """
    with open_plain(path, allowed, limit, where) as stream:
        content = stream.read(limit + 1)
    if len(content) > limit:  # of a size that is not known, as in /proc
        raise HwgenError(where or str(path), "too long", f"at most {limit:,} bytes")
    return content


def write_atomic(path: Path, content: str | bytes) -> None:
    """Write ``content`` beside ``path``, then rename it into place.

    Raises
    ------
    HwgenError
        ``path`` is a folder or a device, the folder cannot be made or written, or the disk is full.
    """
    write_together({path: content})


def write_together(files: Mapping[Path, str | bytes]) -> None:
    """Write every content beside its path, and only when all are written rename them into place.

    Raises
    ------
    HwgenError
        As of :func:`write_atomic`; nothing has been put into place then.
    """
    token = f".hwgen-{os.getpid()}-{secrets.token_hex(4)}"
    beside = {path: Path(path).parent / f"{token}-{i}" for i, path in enumerate(files)}
    path = Path()
    try:
        for path, content in files.items():
            check_place(path)
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            beside[path].write_bytes(content.encode() if isinstance(content, str) else content)
        for path in files:
            beside[path].replace(path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        long = getattr(error, "errno", None) == errno.ENAMETOOLONG
        allowed = "a shorter name is needed" if long else "a writable folder is needed"
        raise HwgenError(str(path), f"cannot be written ({reason})", allowed) from None
    finally:
        for left in beside.values():
            with contextlib.suppress(OSError, ValueError):
                left.unlink(missing_ok=True)


def check_place(path: Path) -> None:
    """Refuse a path that no file can be written to, as it is a folder or a device.

    Raises
    ------
    HwgenError
        It is one.
    """
    path = Path(path)
    if path.exists() and not path.is_file():
        found = "is a folder" if path.is_dir() else "is no plain file"
        raise HwgenError(str(path), found, "the name of a file is needed")


def check_folder(folder: Path) -> None:
    """Refuse a folder that cannot be made or written, before long work for it.

    Raises
    ------
    HwgenError
        It is one.
    """
    folder = Path(folder)
    places = (folder, *folder.absolute().parents)
    existing = next((place for place in places if _exists(place)), Path("/"))
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        found = "cannot be written" if existing.is_dir() else "is no folder"
        raise HwgenError(str(existing), found, "a writable folder is needed")


def _exists(place: Path) -> bool:
    """Whether something is there; what may not be looked at is."""
    try:
        return place.exists()
    except PermissionError:
        return True
    except OSError as error:
        found = f"cannot be a folder ({error.strerror})"
        raise HwgenError(str(place), found, "a shorter name is needed") from None
    except ValueError:
        raise HwgenError(str(place), "cannot be a folder", "a name without NUL") from None
