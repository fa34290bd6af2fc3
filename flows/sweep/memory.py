"""How much memory there is, and how much a point takes."""

from pathlib import Path

MIB = 1 << 20
_WORKER = 450 * MIB
_PER_WEIGHT = 40 * 1024
_MEMINFO = Path("/proc/meminfo")
_GROUP = Path("/sys/fs/cgroup")
_PLENTY = 1 << 50


def memory_per_job(weights: int) -> int:
    """About what one worker and its tools take at most, in bytes, for a network of this size."""
    return _WORKER + weights * _PER_WEIGHT


def available_memory() -> int:
    """Bytes that can be had without swapping: of the machine, and of our control group."""
    return min(_of_machine(), _of_group())


def _of_machine() -> int:
    try:
        lines = _MEMINFO.read_text("ascii").splitlines()
        found = next(line for line in lines if line.startswith("MemAvailable:"))
        return int(found.split()[1]) * 1024
    except (OSError, ValueError, StopIteration):
        return _PLENTY


def _of_group() -> int:
    try:
        limit = (_GROUP / "memory.max").read_text("ascii").strip()
        used = int((_GROUP / "memory.current").read_text("ascii"))
        files = (_GROUP / "memory.stat").read_text("ascii").split()
        reclaimable = int(files[files.index("inactive_file") + 1])
        return _PLENTY if limit == "max" else int(limit) - used + reclaimable
    except (OSError, ValueError):
        return _PLENTY
