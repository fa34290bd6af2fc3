"""Files that appear whole or not at all."""

import contextlib
import os
import secrets
from pathlib import Path

from hwgen.errors import HwgenError


def write_atomic(path: Path, content: str | bytes) -> None:
    """Write ``content`` beside ``path``, then rename it into place.

    Raises
    ------
    HwgenError
        The folder cannot be made or written, or the disk is full.
    """
    data = content.encode() if isinstance(content, str) else content
    path = Path(path)
    beside = path.with_name(f".hwgen-{os.getpid()}-{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_bytes(data)
        beside.replace(path)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise HwgenError(
            str(path), f"cannot be written ({reason})", "a writable folder is needed"
        ) from None
    finally:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
