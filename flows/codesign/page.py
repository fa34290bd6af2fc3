"""``report.html`` of a co-design: the front, what the budget chose, what inputs are not read."""

import html
import json
from pathlib import Path

from hwgen.flows.codesign.results import HEADER, Front
from hwgen.flows.results import html_line, html_table
from hwgen.support.errors import HwgenError
from hwgen.support.files import write_atomic

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>{title}</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 60em; padding: 0 1em }}
table {{ border-collapse: collapse; margin: 1em 0 }}
td, th {{ padding: .2em .7em; border-bottom: 1px solid #ddd }}
svg {{ max-width: 100%; height: auto }}
</style></head><body>
<h1>{title}</h1>
{body}
</body></html>
"""


def write_page(front: Front, folder: Path) -> Path:
    """``report.html`` in ``folder``, which needs nothing else."""
    path = folder / "report.html"
    write_atomic(path, page(front, (folder / "front.svg").read_text("utf-8")))
    return path


def read_front(folder: Path) -> Front | None:
    """The front that a co-design left in ``folder``; None where there is none.

    Raises
    ------
    HwgenError
        It cannot be read.
    """
    path = folder / "front.json"
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise HwgenError(str(path), f"unreadable: {error}", "what hwgen codesign wrote") from None
    if not isinstance(content, dict):
        raise HwgenError(str(path), "no front", "what hwgen codesign wrote")
    return Front.from_json(content)


def page(front: Front, picture: str) -> str:
    """The page; ``picture`` is the front as SVG."""
    svg = picture[picture.index("<svg") :]
    chosen = "no budget was given, or no point meets it"
    if front.chosen is not None:
        chosen = f"the budget is met by {front.chosen.network.name}"
    unread = [[one.network.name, one.unread()] for one in front.points]
    parts = [
        svg,
        html_table("points by area", HEADER, front.rows()),
        html_line(front.float_line()),
        html_line(chosen),
        html_table("not read", ["network", "what"], unread),
        html_line(
            f"{front.samples[0]:,} training, {front.samples[1]:,} validation and "
            f"{front.samples[2]:,} test samples; points are chosen by validation samples alone. "
            f"{front.networks_tried} networks in {front.seconds:,.0f} s, seed {front.seed}."
        ),
    ]
    if front.score == "R2":
        errors = [[one.network.name, one.test_error] for one in front.points]
        parts.insert(3, html_table("mean absolute error, test", ["network", "error"], errors))
    return _PAGE.format(title=html.escape(front.title()), body="\n".join(parts))
