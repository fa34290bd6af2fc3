"""Where points are worked on: processes of this machine, or a Dask cluster; one interface.

An executor takes functions of the context and more arguments, and hands out futures of
:mod:`concurrent.futures`.
"""

import contextlib
import hashlib
import importlib
import logging
import multiprocessing
import os
import pickle
import shutil
import signal
import tempfile
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

from hwgen.flows.sweep.memory import available_memory
from hwgen.flows.sweep.points import Context
from hwgen.support.errors import HwgenError
from hwgen.support.extras import hint
from hwgen.support.temporary import temporary_folder
from hwgen.support.workers import without_main

INSTALL = hint("distributed")
_WAIT_SECONDS = 60


class Executor(Protocol):
    """Works on points; a context manager that leaves nothing behind."""

    def __enter__(self) -> "Executor": ...
    def __exit__(self, *_: object) -> None: ...

    def submit(self, function: Callable[..., Any], *arguments: Any) -> "Future[Any]":
        """Call ``function(context, *arguments)`` somewhere."""

    def room(self, busy: int) -> bool:
        """Whether more than ``busy`` calls should be under way."""

    def lost(self, error: BaseException) -> bool:
        """Whether ``error`` speaks of a worker that died, and not of its work; it is replaced.

        Raises
        ------
        HwgenError
            Nobody is left to work.
        """


class LocalExecutor:
    """At most ``jobs`` processes of this machine, fewer while memory is short.

    Each is started afresh, works below a folder of our own for temporary files, and ends with us.
    """

    def __init__(self, context: Context, jobs: int, memory_per_job: int):
        self._context, self._jobs, self._memory = context, jobs, memory_per_job
        self._root = Path()
        self._temporary = contextlib.ExitStack()
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> "LocalExecutor":
        self._root = self._temporary.enter_context(temporary_folder("sweep"))
        (self._root / "context").write_bytes(pickle.dumps(self._context))
        self._pool = self._new_pool()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()
        self._temporary.close()

    def submit(self, function: Callable[..., Any], *arguments: Any) -> "Future[Any]":
        """See :class:`Executor`."""
        if self._pool is None:
            self._pool = self._new_pool()
        with _uninterrupted(), without_main():  # workers that start now leave Ctrl-C to us
            try:
                return self._pool.submit(_call_locally, function, *arguments)
            except BrokenExecutor as error:  # a worker died while nobody looked
                failed: Future[Any] = Future()
                failed.set_exception(error)
                return failed

    def room(self, busy: int) -> bool:
        """See :class:`Executor`."""
        if busy == 0:
            return True
        return busy < self._jobs and available_memory() >= self._memory

    def lost(self, error: BaseException) -> bool:
        """See :class:`Executor`."""
        if not isinstance(error, BrokenExecutor):
            return False
        self._stop()
        return True

    def _new_pool(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(
            self._jobs,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_begin,
            initargs=(str(self._root), os.getpid()),
        )

    def _stop(self) -> None:
        pool, self._pool = self._pool, None
        if pool is None:
            return
        processes = list((getattr(pool, "_processes", None) or {}).values())
        pool.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.kill()
        for process in processes:
            process.join(5)


_CONTEXT: list[Context] = []


def _begin(root: str, parent: int) -> None:
    """Set up a worker process of ``parent``, which may be gone already."""
    threading.Thread(target=_end_with, args=(parent, root), daemon=True).start()
    tempfile.tempdir = root
    _CONTEXT.append(pickle.loads((Path(root) / "context").read_bytes()))


def _end_with(parent: int, root: str) -> None:
    """End this worker when who started it is gone; the tools that it runs see to themselves."""
    while os.getppid() == parent:
        time.sleep(0.25)
    shutil.rmtree(root, ignore_errors=True)
    os._exit(1)


def _call_locally(function: Callable[..., Any], *arguments: Any) -> Any:
    return function(_CONTEXT[0], *arguments)


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class DaskExecutor:
    """The workers of the Dask scheduler at ``address``; they need hwgen and nothing else.

    Raises
    ------
    HwgenError
        On entry: distributed is not installed, or there is no scheduler or worker.
    """

    def __init__(self, context: Context, address: str):
        try:
            distributed = importlib.import_module("distributed")
        except ImportError:
            raise HwgenError("scheduler", "distributed is not installed", INSTALL) from None
        logging.getLogger("distributed").setLevel(logging.CRITICAL)
        self._distributed = distributed
        self._packed = zlib.compress(pickle.dumps(context), 1)
        self._address = address
        self._client: Any = None
        self._pool: Any = None
        self._shared: Any = None

    def __enter__(self) -> "DaskExecutor":
        try:
            self._client = self._distributed.Client(self._address, timeout=10, set_as_default=False)
            self._client.wait_for_workers(1, timeout=_WAIT_SECONDS)
        except (OSError, ValueError, TimeoutError) as error:
            found = "no worker" if self._client else f"no scheduler ({type(error).__name__})"
            self.__exit__()
            raise HwgenError(
                "scheduler", f"{found} at {self._address}", "tcp://HOST:PORT of one that runs"
            ) from None
        self._pool = self._client.get_executor(pure=False)
        self._shared = self._client.submit(_same, self._packed, pure=False)
        return self

    def __exit__(self, *_: object) -> None:
        if self._client is not None:
            with contextlib.suppress(Exception):
                self._client.cancel(list(self._client.futures.values()), force=True)
            with contextlib.suppress(Exception):
                self._client.close(timeout=5)
            self._client = None

    def submit(self, function: Callable[..., Any], *arguments: Any) -> "Future[Any]":
        """See :class:`Executor`."""
        future: Future[Any] = self._pool.submit(_call_remotely, self._shared, function, *arguments)
        return future

    def room(self, busy: int) -> bool:
        """See :class:`Executor`."""
        threads = sum(self._client.nthreads().values()) if busy else 1
        return busy < 2 * max(1, threads)

    def lost(self, error: BaseException) -> bool:
        """See :class:`Executor`; Dask itself does again what a dead worker had begun."""
        if self._client.status != "running":
            raise HwgenError(
                "scheduler",
                f"{self._address} is lost",
                "what is finished is kept; start it and the same sweep again",
            )
        return type(error).__name__ in ("CancelledError", "FutureCancelledError", "KilledWorker")


def _same(packed: bytes) -> bytes:
    return packed


def _call_remotely(packed: bytes, function: Callable[..., Any], *arguments: Any) -> Any:
    return function(_unpacked(_Packed(packed)), *arguments)


class _Packed:
    """Bytes that are told apart by their hash."""

    def __init__(self, content: bytes):
        self.content = content
        self.digest = hashlib.sha256(content).digest()

    def __hash__(self) -> int:
        return hash(self.digest)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Packed) and self.digest == other.digest


@lru_cache(maxsize=2)
def _unpacked(packed: _Packed) -> Context:
    context: Context = pickle.loads(zlib.decompress(packed.content))
    return context
