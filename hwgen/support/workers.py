"""Processes of Python that work for us."""

import contextlib
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def without_main() -> Iterator[None]:
    """Processes that are spawned within do not run the caller's script again.

    :mod:`multiprocessing` imports the main script in every process that it spawns; a script without
    ``if __name__ == "__main__"`` would then do everything again. Functions of ours need nothing of
    it.
    """
    main = sys.modules["__main__"]
    hidden = {name: getattr(main, name, None) for name in ("__spec__", "__file__")}
    for name in hidden:
        setattr(main, name, None)
    try:
        yield
    finally:
        for name, value in hidden.items():
            setattr(main, name, value)
        if hidden["__file__"] is None:
            del main.__file__
