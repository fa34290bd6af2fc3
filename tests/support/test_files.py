"""Files that appear whole or not at all."""

from pathlib import Path

import pytest

from hwgen.support.errors import HwgenError
from hwgen.support.files import write_atomic


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def refused(path: Path, message: str) -> None:
    with pytest.raises(HwgenError) as error:
        write_atomic(path, "content")
    assert str(error.value) == message
    assert str(error.value).isprintable()


def test_write(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "file"
    write_atomic(path, "größe")
    assert path.read_bytes() == "größe".encode()
    write_atomic(path, b"\0")
    assert path.read_bytes() == b"\0"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("path", ["", ".", "/", "..", "a", "a/..", "a/", "link"])
def test_folder(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a").mkdir()
    (tmp_path / "link").symlink_to("a")
    refused(Path(path), f"{Path(path)}: is a folder, the name of a file is needed")
    assert names(tmp_path) == ["a", "link"]
    assert not [
        *Path("/").glob(".hwgen-*"),
        *tmp_path.parent.glob(".hwgen-*"),
        *tmp_path.rglob(".hwgen-*"),
    ]


def test_device() -> None:
    refused(Path("/dev/null"), "/dev/null: is no plain file, the name of a file is needed")
    assert Path("/dev/null").is_char_device()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("file/x", "File exists"),
        ("file/x/y", "Not a directory"),
        ("n" * 300, "File name too long"),
        ("a\0b", "ValueError"),
        ("\ud800", "UnicodeEncodeError"),
    ],
)
def test_cannot_be_written(name: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(
        HwgenError, match=rf": cannot be written \({reason}\), a (writable|shorter)"
    ):
        write_atomic(tmp_path / name, "content")
    assert names(tmp_path) == ["file"]


def test_disk_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, data: bytes) -> None:
        path.touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    path = tmp_path / "file"
    path.write_text("old")
    refused(
        path, f"{path}: cannot be written (No space left on device), a writable folder is needed"
    )
    assert path.read_text() == "old"
    assert names(tmp_path) == ["file"]
