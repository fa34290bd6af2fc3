"""Labels of samples: names of classes, real targets, and columns that hold them."""

from pathlib import Path

import numpy as np
import pytest

from hwgen.spec import labels
from hwgen.spec.data import as_data, load_data, read_arrays
from hwgen.support.errors import HwgenError
from tests.networks import dense, network

NAMED = network([dense([[1, 0], [0, 1]], name="out")], output="argmax").model_copy(
    update={"labels": ["ant", "bee"]}
)
VALUES = network([dense([[1, 0], [0, 1]], name="out")])


@pytest.mark.parametrize("name", ["y", "class", "label", " Class ", "LABEL"])
def test_column_of_labels(name: str, tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text(f"a,b,{name}\n1,2,bee\n3,4, ant\n")
    assert load_data(file, NAMED).y.tolist() == [1, 0]
    file.write_text(f"a,b,{name}\n1,2,1\n3,4,0\n")
    assert load_data(file, NAMED).y.tolist() == [1, 0]


def test_names_and_numbers_are_names(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("a,y\n1,7\n2,b\n3,8\n")
    x, y = read_arrays(file)
    assert x.tolist() == [[1], [2], [3]]
    assert y.tolist() == ["7", "b", "8"]
    assert labels.sorted_labels(y) == ("7", "8", "b")


def test_a_sample_is_no_header(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("5.1,3.5,setosa\n4.9,3.0,setosa\n")
    with pytest.raises(HwgenError, match="no header line, the first line names the columns"):
        read_arrays(file)
    file.write_text("0,1,y\n5.1,3.5,2\n")  # as a table without names of columns is written
    assert read_arrays(file)[0].tolist() == [[5.1, 3.5]]


def test_refused() -> None:
    x = np.array([[1, 2]])
    for y, net, said in (
        (["wasp"], NAMED, r"^f: y\[0\]: found 'wasp', one of ant, bee$"),
        (["ant"], VALUES, "^f: y: found 'ant', class indices, as the network has no labels$"),
        ([0.5], NAMED, "^f: y: real values, the network hands out classes$"),
        ([[0.5, np.inf]], VALUES, "^f: y: NaN or infinity, every value must be finite$"),
    ):
        with pytest.raises(HwgenError, match=said):
            as_data(x, np.array(y), net, "f: ")


def test_targets() -> None:
    x = np.array([[1, 2], [3, 4]])
    found = as_data(x, np.array([[0.5, 1], [2, 3]]), VALUES)
    assert found.y is None
    assert found.targets.tolist() == [[0.5, 1], [2, 3]]
    assert as_data(x, np.array([0, 1]), VALUES).targets is None  # classes
    assert labels.is_regression(np.array([1.0, 2.5]))
    assert not labels.is_regression(np.array([1.0, 2.0]))
