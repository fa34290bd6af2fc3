"""Data files, good and bad."""

import io
import os
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hwgen.spec.data import Data, as_data, load_data, quantize
from hwgen.spec.formats import Format
from hwgen.spec.network import Network, parse_network
from hwgen.support.errors import HwgenError
from tests.networks import dense, network

NET = network([dense([[1, 2], [3, 4], [5, 6]])], output="argmax", fraction_bits=2)
SIGNED = network([dense([[1, 2]])], signed=True)
VALUES = network([dense([[1, 2]])])
LONG_CELL = "a cell of more than 131,072 characters, numbers are shorter (is a quote left open?)"


def npz(tmp_path: Path, **arrays: Any) -> Path:
    path = tmp_path / "data.npz"
    np.savez(path, **arrays)
    return path


def text(tmp_path: Path, content: str | bytes) -> Path:
    path = tmp_path / "data.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def refused(path: Path, message: str, net: Network = NET) -> None:
    with pytest.raises(HwgenError) as error:
        load_data(path, net)
    assert str(error.value) == f"{path}{message}"
    assert str(error.value).isprintable()


def check(data: Data, x: list[list[int]], y: list[int] | None) -> None:
    assert data.x.tolist() == x
    assert data.x.dtype == np.int64
    assert (None if data.y is None else data.y.tolist()) == y


def test_npz_codes(tmp_path: Path) -> None:
    path = npz(tmp_path, x=np.array([[0, 15], [7, 8]], np.uint8), y=np.array([2, 0], np.uint8))
    check(load_data(path, NET), [[0, 15], [7, 8]], [2, 0])


def test_npz_without_y(tmp_path: Path) -> None:
    check(load_data(npz(tmp_path, x=np.array([[0, 15]])), NET), [[0, 15]], None)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
def test_npz_real_values(tmp_path: Path, dtype: type) -> None:
    # 2 fraction bits: times 4, half to even, 0..15. 0.125 -> 0.5 -> 0; 0.375 -> 1.5 -> 2
    x = np.array([[0.125, 0.375], [-3, 100], [1.0, 3.75]], dtype)
    check(load_data(npz(tmp_path, x=x), NET), [[0, 2], [0, 15], [4, 15]], None)


def test_npz_compressed(tmp_path: Path) -> None:
    path = tmp_path / "data.npz"
    np.savez_compressed(path, x=np.array([[1, 2]]))
    check(load_data(path, NET), [[1, 2]], None)


def test_npz_no_samples(tmp_path: Path) -> None:
    path = npz(tmp_path, x=np.zeros((0, 2), np.int64), y=np.zeros(0, np.int64))
    assert load_data(path, NET).x.shape == (0, 2)


def test_csv_codes(tmp_path: Path) -> None:
    path = text(tmp_path, "a,b,y\n1,2,0\n 15 ,0,2\n")
    check(load_data(path, NET), [[1, 2], [15, 0]], [0, 2])


def test_csv_real_values(tmp_path: Path) -> None:
    # One value that is no integer makes all of them real: 1 -> 4
    path = text(tmp_path, "a,b\n0.5,1\n1e-3,99\n")
    check(load_data(path, NET), [[2, 4], [0, 15]], None)


def test_csv_from_a_spreadsheet(tmp_path: Path) -> None:
    path = text(tmp_path, '\ufeff"a","b","y"\r\n"1","2","1"\r\n\r\n')
    check(load_data(path, NET), [[1, 2]], [1])


def test_csv_y_counts_in_the_last_column_alone(tmp_path: Path) -> None:
    check(load_data(text(tmp_path, "y,b\n1,2\n"), NET), [[1, 2]], None)


def test_csv_no_samples(tmp_path: Path) -> None:
    data = load_data(text(tmp_path, "a,b,y\n"), NET)
    assert (data.x.shape, data.y.shape) == ((0, 2), (0,))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", ": no header line, the first line names the columns"),
        ("1,2\n3,4\n", ": no header line, the first line names the columns"),
        ("a,b\n1,x\n", ": line 2, column 'b': found 'x', a number is needed"),
        ("a,b\n1,2\n1,\n", ": line 3, column 'b': found '', a number is needed"),
        ("a,b\n\n1,2\n1,\n", ": line 4, column 'b': found '', a number is needed"),
        ('a,"b\nb"\n1,x\n', ": line 3, column 'b\\nb': found 'x', a number is needed"),
        ("a,b\n1_0,2\n", ": line 2, column 'a': found '1_0', a number is needed"),
        ("a,b\n1,2,3\n", ": line 2: 3 cells, 2 as in the header"),
        ("a,b\n1\n", ": line 2: 1 cells, 2 as in the header"),
        ("a,b,c\n1,2,3\n", ": x: shape 1 x 3, samples x 2 features are needed"),
        ("a,y\n1,2\n", ": x: shape 1 x 1, samples x 2 features are needed"),
        ("a,b\n1,nan\n", ": x[0][1]: found nan, every value must be finite"),
        ("a,b\n1,2\n-inf,2\n", ": x[1][0]: found -inf, every value must be finite"),
        ("a,b\n1,1e999\n", ": x[0][1]: found inf, every value must be finite"),
        ("a,b\n1,16\n", ": x[0][1]: code 16, 0..15 in the input format"),
        (
            f"a,b\n1,{10**40}\n",
            f": x[0][1]: code {1 << 62}, 0..15 in the input format",
        ),
        ("a,b,y\n1,2,0.5\n", ": y: real values, the network hands out classes"),
        ("a,b,y\n1,2,3\n", ": y: classes 3..3, the network has 0..2"),
        ("a,b,y\n1,2,-1\n", ": y: classes -1..-1, the network has 0..2"),
        (b"a,b\n\xff,1\n", ": not text, a .csv with a header is needed"),
        ("a,b\n1,2\n" + "1" * 200_000 + ",1\n", f": line 3: {LONG_CELL}"),
        ('a,"b\n' + "1,2\n" * 50_000, f": line 32769: {LONG_CELL}"),
        ("y\n1\n2\n", ": x: shape 2 x 0, samples x 2 features are needed"),
        ("y\n", ": x: shape 0 x 0, samples x 2 features are needed"),
        ("y", ": x: shape 0 x 0, samples x 2 features are needed"),
        ("a,b,c\n", ": x: shape 0 x 3, samples x 2 features are needed"),
        ("\n\n", ": no header line, the first line names the columns"),
    ],
)
def test_csv_refused(tmp_path: Path, content: str | bytes, message: str) -> None:
    refused(text(tmp_path, content), message)


def test_csv_missing(tmp_path: Path) -> None:
    message = ": No such file or directory, an .npz or .csv file is needed"
    refused(tmp_path / "none.csv", message)
    refused(tmp_path / "none.npz", message)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"z": [1]}, ": holds z, an array named x is needed"),
        ({}, ": holds nothing, an array named x is needed"),
        ({"x": 5}, ": x: shape a single number, samples x 2 features are needed"),
        ({"x": [1, 2]}, ": x: shape 2, samples x 2 features are needed"),
        ({"x": [[1, 2, 3]]}, ": x: shape 1 x 3, samples x 2 features are needed"),
        ({"x": [[[1, 2]]]}, ": x: shape 1 x 1 x 2, samples x 2 features are needed"),
        ({"x": [[1.0, np.nan]]}, ": x[0][1]: found nan, every value must be finite"),
        ({"x": [[1.0, 2], [np.inf, 2]]}, ": x[1][0]: found inf, every value must be finite"),
        ({"x": [["a", "b"]]}, ": x: type <U1, integers or floats are needed"),
        ({"x": [[1j, 2]]}, ": x: type complex128, integers or floats are needed"),
        ({"x": [[1, -1]]}, ": x[0][1]: code -1, 0..15 in the input format"),
        ({"x": [[1, 2], [16, 1]]}, ": x[1][0]: code 16, 0..15 in the input format"),
        (
            {"x": np.array([[2**64 - 1, 1]], np.uint64)},
            f": x[0][0]: code {2**64 - 1}, 0..15 in the input format",
        ),
        ({"x": [[1, 2]], "y": [3]}, ": y: classes 3..3, the network has 0..2"),
        ({"x": [[1, 2]], "y": [1, 2]}, ": y: int64 of shape (2,), 1 class indices are needed"),
        ({"x": [[1, 2]], "y": [[1]]}, ": y: int64 of shape (1, 1), 1 class indices are needed"),
        ({"x": [[1, 2]], "y": [1.0]}, ": y: float64 of shape (1,), 1 class indices are needed"),
        (
            {"x": [[1, 2]], "y": ["a"]},
            ": y: found 'a', class indices, as the network has no labels",
        ),
    ],
)
def test_npz_refused(tmp_path: Path, arrays: dict[str, Any], message: str) -> None:
    refused(npz(tmp_path, **arrays), message)


def test_npz_pickled(tmp_path: Path) -> None:
    path = npz(tmp_path, x=np.array([[1, None]], object))
    refused(path, ": not an .npz of plain numbers, an .npz or .csv file is needed")


def test_npz_single_array(tmp_path: Path) -> None:
    path = tmp_path / "data.npy"
    np.save(path, np.array([[1, 2]]))
    refused(path, ": a single array, an .npz with x is needed")


def _broken() -> list[bytes]:
    """Files that look like an .npz for a while."""
    stream = io.BytesIO()
    np.savez_compressed(stream, x=np.arange(1000).reshape(500, 2))
    whole = stream.getvalue()
    deflated = bytearray(whole)
    start = whole.index(b"x.npy") + 60
    deflated[start : start + 200] = b"\xff" * 200
    return [
        b"",
        b"PK\x03\x04",
        b"text",
        b"\x80\x04.",
        whole[:300],
        bytes(deflated),
    ]


@pytest.mark.parametrize("content", _broken(), ids=lambda content: str(len(content)))
def test_npz_broken(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "data.npz"
    path.write_bytes(content)
    refused(path, ": not an .npz of plain numbers, an .npz or .csv file is needed")


def test_y_of_values_is_not_a_class(tmp_path: Path) -> None:
    path = npz(tmp_path, x=[[1, 2]], y=[99])
    check(load_data(path, VALUES), [[1, 2]], [99])


def test_signed_codes(tmp_path: Path) -> None:
    check(load_data(npz(tmp_path, x=np.array([[-8, 7]], np.int8)), SIGNED), [[-8, 7]], None)
    path = npz(tmp_path, x=np.array([[8, 7]], np.uint64))
    refused(path, ": x[0][0]: code 8, -8..7 in the input format", SIGNED)


@pytest.mark.parametrize("fraction", [-64, -1, 0, 3, 64])
def test_quantize(fraction: int) -> None:
    target = Format(bits=8, signed=True, fraction_bits=fraction)
    codes = np.arange(-128, 128)
    assert quantize(np.ldexp(codes, -fraction), target).tolist() == codes.tolist()
    halves = quantize(np.ldexp(np.array([-1.5, -0.5, 0.5, 1.5, 2.5]), -fraction), target)
    assert halves.tolist() == [-2, 0, 0, 2, 2]
    ends = np.array([-1.7e308, 1.7e308, 5e-324])
    assert quantize(ends, target).tolist()[:2] == [-128, 127]


def test_names_of_columns_are_data(tmp_path: Path) -> None:
    path = text(tmp_path, '"a\x1b[31m","b"\n1,x\x00\n')
    with pytest.raises(HwgenError, match=re.escape(r"column 'b': found 'x\x00'")) as error:
        load_data(path, NET)
    assert str(error.value).isprintable()


def test_npz_declares_more_than_there_is(tmp_path: Path) -> None:
    """An array of 4 GB in a file of 200 bytes: refused by its header, before memory is taken."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"shape": (1 << 28, 2), "fortran_order": False, "descr": "<f8"}
    )
    path = tmp_path / "data.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", header.getvalue())
    refused(path, ": x: 4,294,967,296 bytes, at most 268,435,456")


def test_npz_declares_a_little_more(tmp_path: Path) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"shape": (3, 2), "fortran_order": False, "descr": "<i8"}
    )
    path = tmp_path / "data.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", header.getvalue() + bytes(47))
    refused(path, ": not an .npz of plain numbers, an .npz or .csv file is needed")


@pytest.mark.parametrize("name", ["x", "y"])
def test_npz_member_that_is_no_array(name: str, tmp_path: Path) -> None:
    path = npz(tmp_path, **{"x" if name == "y" else "y": np.zeros((1, 2), np.int64)})
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(f"{name}.npy", "text")
    refused(path, ": not an .npz of plain numbers, an .npz or .csv file is needed")


@pytest.mark.parametrize("suffix", ["csv", "npz"])
def test_pipe_is_not_waited_for(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"data.{suffix}"
    os.mkfifo(path)
    refused(path, ": is no plain file, an .npz or .csv file is needed")


@pytest.mark.parametrize("suffix", ["csv", "npz"])
def test_device_is_not_read(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"data.{suffix}"
    path.symlink_to("/dev/zero")
    refused(path, ": is no plain file, an .npz or .csv file is needed")


@pytest.mark.parametrize("suffix", ["csv", "npz"])
def test_too_long(suffix: str, tmp_path: Path) -> None:
    """Files without content, as long as none may be."""
    path = tmp_path / f"data.{suffix}"
    with path.open("wb") as stream:
        stream.truncate(1 << 29)
    most = {"csv": "134,217,728", "npz": "268,435,456"}[suffix]
    refused(path, f": too long, at most {most} bytes")


def test_csv_digits_of_other_scripts(tmp_path: Path) -> None:
    path = text(tmp_path, "a,b\n1,\u0662\n")
    refused(path, ": line 2, column 'b': found '\u0662', a number is needed")


def test_samples_of_a_map_may_have_its_shape() -> None:
    net = network([dense([[1] * 6])])
    shaped = parse_network(
        net.model_dump() | {"version": 2, "input": net.input.model_dump() | {"shape": [1, 2, 3]}}
    )
    x = np.arange(12).reshape(2, 1, 2, 3)
    np.testing.assert_array_equal(as_data(x, None, shaped).x, x.reshape(2, 6))
    with pytest.raises(HwgenError, match="shape 2 x 1 x 2 x 3, samples x 6 features"):
        as_data(x, None, net)
