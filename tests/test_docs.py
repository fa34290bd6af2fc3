"""Every command in the docs runs as it stands, and what they promise of files is there."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from hwgen.support.extras import installed

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "examples/README.md"]


def commands() -> list[str]:
    """Each ``hwgen`` line of the fenced ``sh`` blocks, once, in the order of the pages."""
    found: dict[str, None] = {}
    for page in PAGES:
        for block in re.findall(r"```sh\n(.*?)```", page.read_text("utf-8"), re.DOTALL):
            for line in block.replace("\\\n", " ").splitlines():
                if line.startswith("hwgen "):
                    found[" ".join(line.split("#")[0].split())] = None
    return list(found)


@pytest.mark.parametrize("command", commands())
def test_command_runs(command: str, tmp_path: Path) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    arguments = shlex.split(command)[1:]
    if arguments[0] == "place" and not installed("coloquinte"):
        pytest.skip("coloquinte has no wheel for this Python")
    start = "import sys; sys.path.insert(0, sys.argv.pop(1)); import hwgen.__main__"
    done = subprocess.run(
        [sys.executable, "-c", start, str(ROOT), *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr


def test_there_are_commands() -> None:
    assert len(commands()) >= 5


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?://)([^)#]+)", page.read_text("utf-8")):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages_are_in_the_readme(page: Path) -> None:
    if page.parent == ROOT / "docs":
        assert f"docs/{page.name}" in (ROOT / "README.md").read_text("utf-8")
