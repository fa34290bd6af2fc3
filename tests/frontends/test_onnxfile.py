"""Model files are untrusted: what is read, and what is refused before it does harm."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from hwgen.frontends.importing import load_float_model
from hwgen.frontends.onnx import file as onnxfile
from hwgen.frontends.onnx.convert import import_model
from hwgen.frontends.onnx.file import load_model
from hwgen.support.errors import HwgenError


def model(nodes: list[Any], tensors: list[Any], shape: Any = (1, 3)) -> Any:
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        tensors,
    )
    return helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 21)])


def tensor(name: str, values: Any) -> Any:
    return numpy_helper.from_array(np.array(values, np.float32), name)


def add(*, name: str = "add", inputs: tuple[str, str] = ("x", "c"), output: str = "y") -> Any:
    return helper.make_node("Add", inputs, [output], name)


def external(tmp_path: Path, **entries: str) -> Path:
    """A model with a tensor of three floats kept elsewhere."""
    outside = TensorProto(name="c", data_type=TensorProto.FLOAT, dims=[3])
    outside.data_location = TensorProto.EXTERNAL
    for key, value in entries.items():
        outside.external_data.add(key=key, value=value)
    path = tmp_path / "model" / "m.onnx"
    path.parent.mkdir(exist_ok=True)
    onnx.save(model([add()], [outside]), path)
    return path


def refused(path: Path) -> str:
    with pytest.raises(HwgenError) as error:
        load_model(path)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_content(tmp_path: Path) -> None:
    second = helper.make_node("Clip", ["y1"], ["y"], "", min=-1.0, note="text", sizes=[1, 2])
    first = add(output="y1")
    constant = helper.make_node("Constant", [], ["c"], "k", value_floats=[1.0, 2.0, 3.0])
    half = helper.make_tensor("h", TensorProto.INT4, [3], [-8, 7, 1])
    onnx.save(model([second, first, constant], [half], (None, 3)), tmp_path / "m.onnx")
    graph = load_model(tmp_path / "m.onnx")
    assert [node.op for node in graph.nodes] == ["Add", "Clip"]
    assert [node.name for node in graph.nodes] == ["add", "Clip_0"]
    assert graph.nodes[1].attributes == {"min": -1.0, "note": "text", "sizes": [1, 2]}
    assert graph.inputs[0].shape == (None, 3)
    assert graph.inputs[0].type == "FLOAT"
    assert graph.outputs[0].shape is None
    assert graph.initializers["c"].tolist() == [1.0, 2.0, 3.0]
    assert graph.initializers["h"].tolist() == [-8, 7, 1]
    assert graph.types == {"c": "FLOAT", "h": "INT4"}
    assert graph.opsets == {"": 21}


def test_external_data(tmp_path: Path) -> None:
    path = external(tmp_path, location="sub/w.bin", offset="4", length="12")
    (path.parent / "sub").mkdir()
    (path.parent / "sub" / "w.bin").write_bytes(np.array([9, 1, 2, 3], np.float32).tobytes())
    assert load_model(path).initializers["c"].tolist() == [1.0, 2.0, 3.0]


@pytest.mark.parametrize(
    "location", ["../secret.bin", "sub/../../secret.bin", "/etc/passwd", "C:\\secret", "", "a\0b"]
)
def test_external_data_outside(tmp_path: Path, location: str) -> None:
    (tmp_path / "secret.bin").write_bytes(bytes(12))
    text = refused(external(tmp_path, location=location))
    assert text.endswith("outside of the model's folder, a file in the model's folder is needed")


def test_external_data_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "secret.bin").write_bytes(bytes(12))
    path = external(tmp_path, location="w.bin")
    (path.parent / "w.bin").symlink_to(tmp_path / "secret.bin")
    assert "outside of the model's folder" in refused(path)


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        ({"location": "none.bin"}, "No such file or directory"),
        ({"location": "w.bin", "offset": "4"}, "bytes 4..16 of a file of 12"),
        ({"location": "w.bin", "offset": "-4"}, "offset or length is no number"),
        ({"location": "w.bin", "length": "8"}, "length 8, 12 for its shape and type"),
        ({"location": "."}, "(Is a directory|is no plain file)"),
    ],
)
def test_external_data_that_does_not_fit(
    tmp_path: Path, entries: dict[str, str], reason: str
) -> None:
    path = external(tmp_path, **entries)
    (path.parent / "w.bin").write_bytes(bytes(12))
    assert re.search(reason, refused(path))


@pytest.mark.parametrize("content", [b"", b"\xff" * 64, b"\x80\x04\x95pickle", b"x" * 1000])
def test_not_a_model(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m.onnx").write_bytes(content)
    text = refused(tmp_path / "m.onnx")
    assert re.search(r"m\.onnx: (not an ONNX file|no graph in it), an ONNX model is needed$", text)


def test_missing_and_special_files(tmp_path: Path) -> None:
    assert "No such file" in refused(tmp_path / "m.onnx")
    assert "an ONNX model is needed" in refused(tmp_path)
    assert "is no plain file" in refused(Path("/dev/null"))


def test_truncated(tmp_path: Path) -> None:
    content = model([add()], [tensor("c", [1, 2, 3])]).SerializeToString()
    for length in range(0, len(content), 7):
        (tmp_path / "m.onnx").write_bytes(content[:length])
        with pytest.raises(HwgenError):
            load_model(tmp_path / "m.onnx")


def test_sizes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "m.onnx"
    huge = TensorProto(name="c", data_type=TensorProto.FLOAT, dims=[1 << 40, 1 << 40])
    onnx.save(model([add()], [huge]), path)
    assert "elements, at most" in refused(path)
    huge.dims[:] = [-1, 3]
    onnx.save(model([add()], [huge]), path)
    assert "shape [-1, 3]" in refused(path)
    short = TensorProto(name="c", data_type=TensorProto.FLOAT, dims=[3], raw_data=b"abc")
    onnx.save(model([add()], [short]), path)
    assert "3 bytes of data, 12" in refused(path)
    unsaid = TensorProto(name="c", data_type=TensorProto.FLOAT, dims=[3], float_data=[1.0])
    onnx.save(model([add()], [unsaid]), path)
    assert "data that do not fit its shape" in refused(path)
    pairs = TensorProto(name="c", data_type=TensorProto.COMPLEX64, dims=[0])
    onnx.save(model([add()], [pairs]), path)
    assert "data type COMPLEX64" in refused(path)
    onnx.save(model([add()], [tensor("c", [1, 2, 3])]), path)
    monkeypatch.setattr(onnxfile, "MAX_NODES", 0)
    assert "1 nodes, at most 0" in refused(path)
    monkeypatch.setattr(onnxfile, "MAX_FILE_BYTES", 4)
    assert "bytes, at most 4" in refused(path)


def test_graphs_without_an_order(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    onnx.save(model([add(inputs=("y", "c"))], [tensor("c", [1])]), path)
    assert "waits for its own output" in refused(path)
    onnx.save(model([add(inputs=("x", "z"))], []), path)
    assert "reads 'z', which nothing makes" in refused(path)
    onnx.save(model([add(), add(name="again")], [tensor("c", [1])]), path)
    assert "makes 'y' again" in refused(path)
    onnx.save(model([add()], [tensor("c", [1]), tensor("c", [2])]), path)
    assert "stands twice" in refused(path)


def test_deep_graph(tmp_path: Path) -> None:
    count = 10_000
    names = ["x", *(f"t{i}" for i in range(count - 1)), "y"]
    nodes = [helper.make_node("Relu", [names[i]], [names[i + 1]]) for i in reversed(range(count))]
    onnx.save(model(nodes, []), tmp_path / "m.onnx")
    assert len(load_model(tmp_path / "m.onnx").nodes) == count


def test_names_that_are_not_text(tmp_path: Path) -> None:
    content = model([add(name="abcdef")], [tensor("c", [1])]).SerializeToString()
    (tmp_path / "m.onnx").write_bytes(content.replace(b"abcdef", b"abc\xff\xfef"))
    assert load_model(tmp_path / "m.onnx").nodes[0].name == "abc\ufffd\ufffdf"


def test_texts_are_no_numbers(tmp_path: Path) -> None:
    """Names of classes are read, and refused wherever a number is needed."""
    path = tmp_path / "m.onnx"
    text = TensorProto(name="c", data_type=TensorProto.STRING, dims=[1], string_data=[b"x"])
    onnx.save(model([add()], [text]), path)
    assert load_model(path).initializers["c"].tolist() == ["x"]
    for read in (import_model, load_float_model):
        with pytest.raises(HwgenError, match=r"joins several computed|input 1 is no constant"):
            read(path)
