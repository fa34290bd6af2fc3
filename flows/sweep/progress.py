"""How far a sweep is, in words."""

from hwgen.flows.sweep.driver import Counts


def summary(counts: Counts) -> str:
    """Failed, cached, running, time left."""
    parts = [f"{counts.failed:,} failed", f"{counts.kept + counts.cached:,} cached"]
    if counts.running:
        parts.append(f"{counts.running} at work")
    left = counts.seconds_left()
    if left is not None and counts.finished < counts.total:
        parts.append(f"{duration(left)} left")
    return ", ".join(parts)


def duration(seconds: float) -> str:
    """``12 s``, ``3:07``, ``2:05:00``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
