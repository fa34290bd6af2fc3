"""Files that appear whole or not at all."""

import os
import tempfile
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
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=".hwgen-", dir=path.parent)
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except OSError as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        reason = error.strerror or type(error).__name__
        raise HwgenError(str(path), f"cannot be written ({reason})", "a writable folder is needed") from None


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
