"""Every ``python`` block of the docs, the notebook, and the reference made from docstrings."""

import ast
import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOK = ROOT / "examples/quickstart.ipynb"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "examples/README.md"]


def blocks(page: Path) -> list[str]:
    """The fenced ``python`` blocks of a page; excerpts of code are fenced ``py``."""
    return re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), re.DOTALL)


def missing(code: str) -> list[str]:
    """Modules that ``code`` imports and that are not installed."""
    found = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return sorted(name for name in found if importlib.util.find_spec(name) is None)


@pytest.mark.parametrize(
    "page", [page for page in PAGES if blocks(page)], ids=lambda page: page.name
)
def test_blocks_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One after the other, in one namespace; those of libraries that are not here are left out."""
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "docs"}
    for number, code in enumerate(blocks(page)):
        if not missing(code):
            exec(compile(code, f"{page.name}, block {number}", "exec"), names)


def test_notebook_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("sklearn")
    for file in ("digits.json", "digits-test.npz"):
        (tmp_path / file).symlink_to(ROOT / "examples" / file)
    monkeypatch.chdir(tmp_path)
    cells = json.loads(NOTEBOOK.read_text("utf-8"))["cells"]
    names: dict[str, Any] = {"__name__": "notebook"}
    shown = []
    for number, cell in enumerate(cells):
        if cell["cell_type"] == "code":
            tree = ast.parse("".join(cell["source"]))
            last = tree.body[-1]
            body = tree.body[:-1] if isinstance(last, ast.Expr) else tree.body
            exec(compile(ast.Module(body, []), f"cell {number}", "exec"), names)
            if isinstance(last, ast.Expr):
                value = eval(compile(ast.Expression(last.value), f"cell {number}", "eval"), names)
                shown.append(value)
    tables = [one._repr_html_() for one in shown if hasattr(one, "_repr_html_")]
    assert len(tables) >= 5
    assert any("<svg" in table for table in tables)
    assert all(not cell.get("outputs") for cell in cells)


def test_reference_is_made(tmp_path: Path) -> None:
    pytest.importorskip("pdoc")
    pytest.importorskip("torch")  # co-design is documented too
    command = [sys.executable, "-W", "error", "-m", "pdoc", "-d", "numpy", "-o", str(tmp_path)]
    done = subprocess.run(
        [*command, "hwgen"],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "PATH": "", "PDOC_ALLOW_EXEC": "0"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")
    page = (tmp_path / "hwgen.html").read_text("utf-8")
    for name in ("from_sklearn", "quantize", "Design.synth", "Network.predict", "area_by_module"):
        assert name in page
