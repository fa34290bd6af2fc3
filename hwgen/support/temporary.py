"""Temporary folders that go with their process, however it ends."""

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

_PREFIX = "hwgen."
"""Not that of earlier versions, whose folders are not locked."""

_FRESH = 60.0
"""Seconds in which a folder is left alone: it may not be locked yet."""


@contextlib.contextmanager
def temporary_folder(kind: str) -> Iterator[Path]:
    """A new folder, removed on the way out; what killed processes left behind is removed too.

    Its process holds a lock on the folder itself, which ends with the process. By ``flock`` and not
    by ``filelock``, which would need a file inside or beside the folder.
    """
    _sweep(Path(tempfile.gettempdir()))
    with tempfile.TemporaryDirectory(
        prefix=f"{_PREFIX}{kind}-", ignore_cleanup_errors=True
    ) as name:
        handle = os.open(name, os.O_RDONLY)
        try:
            with contextlib.suppress(OSError):  # a file system without locks
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
            yield Path(name)
        finally:
            os.close(handle)


def _sweep(folder: Path) -> None:
    """Remove the folders of ours in ``folder`` that no process holds."""
    with contextlib.suppress(OSError):
        for place in folder.glob(f"{_PREFIX}*-*"):
            with contextlib.suppress(OSError):
                _remove_abandoned(place)


def _remove_abandoned(place: Path) -> None:
    status = place.lstat()
    if status.st_uid != os.getuid() or time.time() - status.st_mtime < _FRESH:
        return
    handle = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(place, ignore_errors=True)
    finally:
        os.close(handle)
