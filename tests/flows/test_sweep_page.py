"""``report.html`` in a browser: what it shows, and what it does when it is used."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.sweep import fill, made_up
from hwgen.flows.sweep.finish import write_report
from hwgen.flows.sweep.page import embedded
from hwgen.flows.sweep.store import read_entries, read_marker, sorted_entries

NAME = "a sweep </script><script>alert(1)</script>"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of made-up points, of which some have failed."""
    found = tmp_path_factory.mktemp("page")
    outcomes = made_up(300)
    outcomes[0].row["network"] = "<img src=x onerror=console.error(1)>"
    outcomes[1].row |= {"status": "error", "error": "</script> & co"}
    fill(found, outcomes)
    kept = found / "designs" / outcomes[0].point
    kept.mkdir(parents=True)
    (kept / "netlist.v").touch()
    entries = sorted_entries(read_entries(found).values())
    write_report(found, entries, {**read_marker(found), "name": NAME})
    return found


def test_page_is_self_contained(folder: Path) -> None:
    page = (folder / "report.html").read_text("utf-8")
    assert page.count("<script") == page.count("</script") == 2
    assert "http://" not in page
    assert "https://" not in page
    assert "default-src 'none'" in page


def test_data_cannot_end_their_block() -> None:
    hostile = {"a": "</script><!--\u2028&"}
    assert not set("<>&\u2028") & set(embedded(hostile))
    assert json.loads(embedded(hostile)) == hostile
    with pytest.raises(ValueError, match="Out of range float"):
        embedded(float("nan"))


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    tools = pytest.importorskip("tests.browser", reason="no websocket-client")
    if tools.CHROMIUM is None:
        pytest.skip("no chromium")
    with tools.Browser(tmp_path_factory.mktemp("profile")) as found:
        yield found


WIDTHS = [(1280, False), (1280, True), (390, False), (390, True)]


@pytest.mark.parametrize(("width", "dark"), WIDTHS)
def test_page_is_readable(folder: Path, browser: Any, width: int, dark: bool) -> None:
    browser.open(folder / "report.html", width, dark=dark)
    assert browser.value("document.documentElement.scrollWidth") == width
    assert browser.value("document.querySelector('h1').textContent") == NAME
    assert browser.value("document.getElementById('summary').textContent").startswith("300 points")
    sizes = "[...document.querySelectorAll('#scatter .base, #parallel .base')]"
    assert browser.value(f"{sizes}.every((c) => c.width > 200 && c.height > 200)")
    marks = (
        "(() => { const c = document.querySelector('#scatter .base');"
        "const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;"
        "const seen = new Set(); for (let i = 0; i < d.length; i += 4)"
        "if (d[i + 3] === 255) seen.add(d[i] << 16 | d[i + 1] << 8 | d[i + 2]);"
        "return seen.size; })()"
    )
    assert browser.value(marks) > 5
    ink, card = (
        browser.value(
            "getComputedStyle(document.documentElement)"
            f".getPropertyValue('--{name}').trim().slice(1)"
        )
        for name in ("ink", "card")
    )
    assert _contrast(ink, card) > 7
    assert browser.complaints == []


def _contrast(a: str, b: str) -> float:
    """The contrast of two colours as the accessibility guidelines (WCAG) define it."""

    def light(text: str) -> float:
        parts = (int(text[i : i + 2], 16) / 255 for i in (0, 2, 4))
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((light(a), light(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.fixture
def page(folder: Path, browser: Any) -> Any:
    browser.open(folder / "report.html", 1280)
    return browser


def test_hover_shows_settings_and_files(page: Any) -> None:
    at = page.value(
        "(() => { const i = DATA.files.findIndex((f) => f.length);"
        "const k = scatter.rows.indexOf(i); const box = scatter.over.getBoundingClientRect();"
        "return [i, box.left + scatter.px[k], box.top + scatter.py[k]]; })()"
    )
    page.mouse("mouseMoved", at[1], at[2])
    page.until("!document.getElementById('tip').hidden")
    told = page.value("document.getElementById('tip').textContent")
    hovered = page.value("BY_NAME.get('network').value(state.hover)")
    for part in (hovered, "library", "area", "µm²", "interval", "accuracy"):
        assert part in told
    page.value(f"scatter.hover({at[0]})")
    assert "netlist.v" in page.value("document.getElementById('tip').textContent")
    page.mouse("mouseMoved", 5, 5)
    page.until("document.getElementById('tip').hidden")
    assert page.complaints == []


def test_click_selects_a_design(page: Any) -> None:
    x, y = page.value(
        "(() => { const box = scatter.over.getBoundingClientRect();"
        "return [box.left + scatter.px[7], box.top + scatter.py[7]]; })()"
    )
    for kind in ("mousePressed", "mouseReleased"):
        page.mouse(kind, x, y, button="left", clickCount=1)
    assert page.value("state.selected") == page.value(
        f"scatter.nearest([{x} - scatter.over.getBoundingClientRect().left,"
        f"{y} - scatter.over.getBoundingClientRect().top])"
    )
    assert page.value("document.querySelectorAll('#detail .split i').length") == 3


def _filter(page: Any, query: str) -> list[int]:
    page.value(
        "(() => { const box = document.getElementById('query');"
        f"box.value = {json.dumps(query)}; box.dispatchEvent(new Event('input')); }})()"
    )
    return list(page.value("state.visible"))


def test_filter_and_sort_and_download(page: Any) -> None:
    everything = page.value("COUNT")
    some = _filter(page, "sky130 area_um2<30000")
    assert 0 < len(some) < everything
    assert page.value(
        "state.visible.every((i) => BY_NAME.get('library').value(i) === 'sky130hd'"
        " && BY_NAME.get('area_um2').value(i) < 30000)"
    )
    assert page.value("document.getElementById('matches').textContent") == (
        f"{len(some)} of {everything} points"
    )
    heading = "[...document.querySelectorAll('#table th')].find((h) => h.textContent.startsWith"
    areas = "table.order.map((i) => BY_NAME.get('area_um2').value(i))"
    page.value(f"{heading}('area')).firstChild.click()")
    rising = page.value(areas)
    assert rising == sorted(rising)
    page.value(f"{heading}('area')).firstChild.click()")
    assert page.value(areas) == rising[::-1]
    shown = page.value("document.querySelector('#table tbody tr[data-index]').dataset.index")
    assert int(shown) == page.value("table.order[0]")
    table = list(csv.DictReader(io.StringIO(page.value("csvOf(table.order)"))))
    assert [float(row["area_um2"]) for row in table] == rising[::-1]
    assert _filter(page, "colour<3") == page.value("ALL")
    assert "not understood" in page.value("document.getElementById('matches').textContent")
    assert page.complaints == []


def test_chips_ranges_and_clear(page: Any) -> None:
    page.value("document.querySelector('.chip[data-value=gf180mcu]').click()")
    chosen = page.value("state.visible.length")
    assert 0 < chosen < 300
    page.value("setRange(BY_NAME.get('weight_bits'), [2, 3.5])")
    assert 0 < page.value("state.visible.length") < chosen
    assert page.value("document.getElementById('ranges').textContent").startswith("weight bits 2")
    page.value("document.getElementById('reset').click()")
    assert page.value("state.visible.length") == 300
    page.value("document.getElementById('only-best').click()")
    assert page.value("state.visible.length") == page.value("DATA.best.filter(Boolean).length")


def test_drag_keeps_what_is_in_the_rectangle(page: Any) -> None:
    left, top, width, height = page.value(
        "(() => { const b = scatter.over.getBoundingClientRect();"
        "return [b.left, b.top, b.width, b.height]; })()"
    )
    page.mouse("mousePressed", left + 90, top + 20, button="left", buttons=1, clickCount=1)
    x, y = left + width / 2, top + height / 2
    page.mouse("mouseMoved", x, y, button="left", buttons=1)
    page.mouse("mouseReleased", x, y, button="left", clickCount=1)
    assert page.value("state.ranges.size") == 2
    assert 0 < page.value("state.visible.length") < 300


def test_axes_can_be_chosen(page: Any) -> None:
    for metric in ("accuracy", "critical_path_ns"):
        page.value(
            f"(() => {{ const s = document.getElementById('y'); s.value = '{metric}';"
            "s.dispatchEvent(new Event('change')); })()"
        )
        assert page.value("state.y.name") == metric
    assert page.complaints == []
