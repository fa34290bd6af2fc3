"""How far a sweep is, and how long it will still take."""

import pytest

from hwgen.flows.sweep.driver import Counts
from hwgen.flows.sweep.progress import duration, summary


def test_time_left_is_what_points_took(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    counts = Counts(total=42, most_running=2)
    assert counts.seconds_left() is None
    for _ in range(2):
        counts.finish(10.0, cached=False, ok=True)
    assert counts.seconds_left() == 40 * 10 / 2
    now += 150.0  # a point that takes long counts down, and does not make the others longer
    assert counts.seconds_left() == 50.0
    now += 1000.0
    assert counts.seconds_left() == 0.0
    for _ in range(20):  # half of what is left is likely to be in the cache too
        counts.finish(0.1, cached=True, ok=True)
    assert counts.seconds_left() == pytest.approx(20 * 2 / 22 * 10 / 2)
    counts.running = 2
    assert summary(counts).endswith("2 at work, 9 s left")


def test_duration() -> None:
    assert [duration(s) for s in (12, 187, 7500)] == ["12 s", "3:07", "2:05:00"]
