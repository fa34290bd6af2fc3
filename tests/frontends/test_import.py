"""Imported networks compute what the models' own executors compute, or are refused by name."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper

from hwgen.flows.cli.main import run
from hwgen.frontends.onnx.convert import import_model, parse_format
from hwgen.frontends.onnx.finish import Imported, ImportOptions
from hwgen.spec import golden
from hwgen.spec.data import quantize
from hwgen.spec.network import load_network
from hwgen.support.errors import HwgenError
from tests.fixtures import graphs
from tests.fixtures.graphs import QONNX, Chain

FOLDER = Path(__file__).parents[1] / "fixtures" / "onnx"
MODELS = sorted(path.stem for path in FOLDER.glob("*.onnx"))
ANY_NORM = "brevitas_4bit_any_norm"


def real_outputs(result: Imported, x: Any) -> Any:
    """The golden outputs for real inputs, as real values; classes for an argmax."""
    entry = result.network.input
    real = x.reshape(len(x), -1)
    codes = quantize(real, entry.format, scale=entry.scale, zero_point=entry.zero_point)
    outputs = golden.predict(result.network, codes)
    if result.network.output == "argmax":
        return outputs
    return result.scale * (outputs + result.offset)


def imported(chain: Chain, tmp_path: Path, **options: Any) -> Imported:
    return import_model(chain.save(tmp_path / "m.onnx"), ImportOptions(**options))


def refused(chain: Chain, tmp_path: Path, **options: Any) -> str:
    """The one line that a chain is refused with, without the file's name."""
    with pytest.raises(HwgenError) as error:
        imported(chain, tmp_path, **options)
    text = str(error.value)
    assert "\n" not in text
    return text.removeprefix(f"{tmp_path / 'm.onnx'}: ")


def start(bits: int = 4, scale: float = 0.25, **more: Any) -> Chain:
    return Chain((1, 3)).then_quant(scale, bits, **more)


WEIGHTS = np.array([[0.5, -0.25, 0.75], [-1.0, 0.25, 0.5]])


def dense(chain: Chain, bias: Any = (0.0, 0.0), scale: Any = 0.25, bits: int = 4) -> Chain:
    weights = chain.quant(chain.constant(WEIGHTS), scale, bits)
    return chain.then("Gemm", weights, chain.constant(np.array(bias)), transB=1)


@pytest.mark.parametrize("name", MODELS)
def test_equals_the_models_executor(name: str) -> None:
    result = import_model(FOLDER / f"{name}.onnx")
    with np.load(FOLDER / f"{name}.npz") as archive:
        x, y = archive["x"], archive["y"]
    assert np.array_equal(real_outputs(result, x), y)


def test_there_are_models() -> None:
    assert len(MODELS) >= 40


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
@pytest.mark.parametrize("kind", ["tensor", "channel"])
def test_brevitas_widths(bits: int, kind: str) -> None:
    network = import_model(FOLDER / f"brevitas_{bits}bit_{kind}.onnx").network
    assert [layer.weight_bits for layer in network.layers] == [bits] * 3
    assert network.layers[0].activation == "relu"
    assert network.layers[0].output is not None
    assert (network.layers[0].output.bits, network.layers[0].output.signed) == (bits, False)


def test_batch_norm_of_any_gain_is_taken_into_the_weights() -> None:
    result = import_model(FOLDER / f"{ANY_NORM}.onnx", ImportOptions(snap_scales=True))
    with np.load(FOLDER / f"{ANY_NORM}.npz") as archive:
        x, y = archive["x"], archive["y"]
    outputs = real_outputs(result, x)
    assert np.corrcoef(outputs.ravel(), y.ravel())[0, 1] > 0.9
    assert any("taken into the weights" in note for note in result.notes)


def test_float_bias_is_rounded_exactly_and_said_so(tmp_path: Path) -> None:
    chain = dense(start(), (0.1, -0.3)).then_quant(0.5, 6)
    result = imported(chain, tmp_path)
    (note,) = result.notes
    assert "2 of 2 biases are no multiples" in note
    assert "exactly the same" in note
    assert result.network.layers[0].output.rounding == "half_up"  # type: ignore[union-attr]
    assert result.network.layers[0].bias == [1, -5]


def test_float_bias_of_raw_sums_is_as_fine_as_comparing_needs(tmp_path: Path) -> None:
    result = imported(dense(start(), (0.1, -0.3)), tmp_path)
    assert any("no two sums compare otherwise" in note for note in result.notes)
    layer = result.network.layers[0]
    assert (layer.weight_shift, layer.bias) == (2, [round(0.1 * 64), round(-0.3 * 64)])
    assert result.scale == 2.0**-6


def test_scales_are_taken_as_they_are_or_snapped(tmp_path: Path) -> None:
    chain = dense(start(scale=0.3), scale=0.2).then_quant(0.5, 6)
    exact = imported(chain, tmp_path)
    assert exact.network.input.scale == pytest.approx(0.3)
    assert exact.network.layers[0].output.multiplier != 1  # type: ignore[union-attr]
    result = imported(chain, tmp_path, snap_scales=True)
    assert "Quant 'quant_0': scale 0.3 -> 0.25, snapped to powers of two" in result.notes
    assert any("values quantized anew" in note for note in result.notes)
    snapped = imported(dense(start(scale=0.25), scale=0.25).then_quant(0.5, 6), tmp_path)
    assert result.network.layers[0].weights == snapped.network.layers[0].weights
    assert result.network == snapped.network


def test_every_node_in_the_way_is_named(tmp_path: Path) -> None:
    chain = dense(start(scale=0.3)).then("Softplus").then("Erf").then_quant(0.7, 4)
    text = refused(chain, tmp_path)
    assert "Softplus 'softplus_3': an operator that is not supported" in text
    assert "Erf 'erf_4': an operator that is not supported" in text
    assert text.endswith("2 problems, and no network is written")


def test_many_problems_are_all_named(tmp_path: Path) -> None:
    chain = dense(start())
    for _ in range(60):
        chain.then("Softplus")
    assert refused(chain, tmp_path).count("not supported") == 60


def test_signs_become_one_bit(tmp_path: Path) -> None:
    chain = start()
    weights = chain.node("BipolarQuant", chain.constant(WEIGHTS), chain.constant(0.5), domain=QONNX)
    chain.then("Gemm", weights, transB=1)
    layer = imported(chain, tmp_path).network.layers[0]
    assert (layer.weight_bits, layer.codebook, layer.codebook_bits) == (1, [-1, 1], 2)
    assert layer.weight_values.tolist() == [[1, -1, 1], [-1, 1, 1]]


def test_relu_drops_the_sign_bit(tmp_path: Path) -> None:
    chain = dense(start()).then("Relu").then_quant(0.5, 4, signed=True)
    output = imported(chain, tmp_path).network.layers[0].output
    assert output is not None
    assert (output.bits, output.signed) == (3, False)


def test_narrow_range(tmp_path: Path) -> None:
    chain = dense(start()).then_quant(0.03125, 4, signed=True, narrow=True)
    output = imported(chain, tmp_path).network.layers[0].output
    assert output is not None
    assert output.thresholds is not None
    assert {len(steps) - steps.count(min(steps)) for steps in output.thresholds} <= {13, 14}
    ternary = dense(start()).then_quant(0.5, 2, signed=True, narrow=True)
    layer = imported(ternary, tmp_path).network.layers[0]
    assert layer.activation == "hard_tanh"
    (note, *_) = imported(dense(start(bits=4, narrow=True)), tmp_path).notes
    assert note == "Quant 'quant_0': input codes are -7..7; others must not be given"


@pytest.mark.parametrize("function", ["Sigmoid", "Tanh"])
def test_tables(tmp_path: Path, function: str) -> None:
    direct = dense(start()).then(function).then_quant(0.0625, 4, signed=True)
    chain = dense(start()).then(function).then_quant(0.125, 5, signed=True)
    output = imported(chain, tmp_path).network.layers[0].output
    assert output is not None
    assert output.thresholds is not None or output.shift is not None
    result = imported(chain, tmp_path, round_tables=True)
    assert any("gives other codes for" in note for note in result.notes)
    assert result.network.layers[0].activation == function.lower()
    assert imported(direct, tmp_path).network.layers[0].activation == function.lower()
    before = dense(start()).then_quant(0.125, 6).then(function).then_quant(0.125, 5)
    network = imported(before, tmp_path).network
    assert [layer.activation for layer in network.layers] == [function.lower()]
    finer = dense(start()).then_quant(0.25, 3).then(function).then_quant(0.0625, 5)
    assert len(imported(finer, tmp_path).network.layers) == 1


def test_zero_points(tmp_path: Path) -> None:
    chain = Chain((1, 3)).then_qdq(0.25, 128, np.uint8)
    network = imported(dense(chain), tmp_path).network
    assert (network.input.bits, network.input.signed) == (8, True)
    odd = Chain((1, 3)).then_qdq(0.25, 3, np.uint8)
    entry = imported(dense(odd), tmp_path).network.input
    assert (entry.bits, entry.signed, entry.zero_point) == (8, False, 3)


def test_stored_input(tmp_path: Path) -> None:
    chain = Chain((1, 3), TensorProto.UINT8)
    chain.then("DequantizeLinear", chain.constant(0.25), chain.constant(3, np.uint8))
    network = imported(dense(chain), tmp_path).network
    assert (network.input.bits, network.input.signed, network.input.fraction_bits) == (8, False, 2)
    assert network.layers[0].bias == [-3 * 4, 3 * 1]


def test_classes(tmp_path: Path) -> None:
    chain = dense(start()).then("ArgMax", axis=-1, keepdims=0)
    path = chain.save(tmp_path / "m.onnx", output=TensorProto.INT64, rank=1)
    assert import_model(path).network.output == "argmax"
    assert import_model(path, ImportOptions(output="values")).network.output == "values"
    top = dense(start())
    count = top.constant([1], np.int64)
    top.nodes.append(helper.make_node("TopK", [top.last, count], ["v", "i"], "top", axis=1))
    top.last = "i"
    path = top.save(tmp_path / "m.onnx", output=TensorProto.INT64)
    assert import_model(path).network.output == "argmax"
    assert imported(dense(start()), tmp_path, output="argmax").network.output == "argmax"


def test_sums_of_several_scales_are_aligned(tmp_path: Path) -> None:
    scales = np.array([[0.25], [0.0625]])
    result = imported(dense(start(), scale=scales, bits=8), tmp_path)
    assert result.network.layers[0].output is not None
    assert any("brought to one" in note for note in result.notes)


def test_input_without_a_quantizer(tmp_path: Path) -> None:
    chain = dense(Chain((1, 3)))
    assert "Gemm 'gemm_1': reads the model's input, which is not quantized" in refused(
        chain, tmp_path
    )
    network = imported(chain, tmp_path, input_format=parse_format("u4.3")).network
    assert str(network.input.format) == str(parse_format("u4.3"))


@pytest.mark.parametrize("text", ["", "4.4", "u0.1", "s17.0", "u4", "i8.8", "u4.444"])
def test_input_format_wrong(text: str) -> None:
    with pytest.raises(HwgenError, match=r"^input_format: found '.*', u or s, bits"):
        parse_format(text)


def test_refusals_by_node(tmp_path: Path) -> None:
    ones = np.ones(3)
    cases = {
        "Quant 'quant_0': rounding mode 'ODD'": start(mode="ODD"),
        "Quant 'quant_3': several scales": dense(start()).then_quant([0.5, 0.25], 4),
        "MatMul 'matmul_1': weights are not quantized": (chain := start()).then(
            "MatMul", chain.constant(np.full((3, 2), 0.1))
        ),
        "Gemm 'gemm_4': reads values that are not quantized": _twice(dense(start()).then("Relu")),
        "BatchNormalization 'batchnormalization_4': stands behind": (chain := dense(start()))
        .then("Relu")
        .then("BatchNormalization", *(chain.constant(ones) for _ in range(4))),
        "MatMulInteger 'matmulinteger_1': dynamic quantization": start().then("MatMulInteger"),
        "Relu 'relu_4': reads scores that are left out": dense(start())
        .then("Softmax")
        .then("Relu"),
        "Transpose 'transpose_1': moves the axis of the samples": start().then(
            "Transpose", perm=[1, 0]
        ),
        "ArgMax 'argmax_3': along another axis": dense(start()).then("ArgMax", axis=0),
        "Relu 'relu_4': reads integers": (chain := dense(start()))
        .then("QuantizeLinear", chain.constant(0.5), chain.constant(0, np.int8))
        .then("Relu"),
        "Quant 'quant_0': a scale that is not positive": start(scale=-1.0),
        "Quant 'quant_0': bit widths other than": start(bits=2.5),  # type: ignore[arg-type]
    }
    for reason, chain in cases.items():
        assert reason in refused(chain, tmp_path)


def _twice(chain: Chain) -> Chain:
    """One more layer, on the outputs of the first."""
    weights = chain.constant(np.ones((2, 2)))
    return chain.then("Gemm", weights)


def test_branches(tmp_path: Path) -> None:
    chain = dense(start())
    other = chain.node("Relu", chain.last)
    chain.then("Add", other)
    text = refused(chain, tmp_path)
    assert "one chain can be had" in text


@pytest.mark.parametrize("domain", ["qonnx", "onnx.brevitas", "finn.custom_op.general", QONNX])
def test_domains_of_quantizers(tmp_path: Path, domain: str) -> None:
    chain = dense(start()).then_quant(0.5, 4)
    expected = imported(chain, tmp_path).network
    for node in chain.nodes:
        if node.op_type == "Quant":
            node.domain = domain
            node.op_type = "IntQuant"
    assert imported(chain, tmp_path).network == expected
    chain.nodes[0].domain = "elsewhere"
    assert "elsewhere.IntQuant 'quant_0': an operator" in refused(chain, tmp_path)


def test_shape_of_the_input(tmp_path: Path) -> None:
    chain = dense(start())
    model = chain.model()
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_param = "n"
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(HwgenError, match=r"input 'x': shape \[1, \?\], sizes of all but"):
        import_model(tmp_path / "m.onnx")


def test_weight_limit(tmp_path: Path) -> None:
    assert "6 weights, at most 5 (max_weights)" in refused(dense(start()), tmp_path, max_weights=5)


def test_hostile_names(tmp_path: Path) -> None:
    chain = dense(start())
    chain.nodes[-1].name = "a\n\x1b[31m';drop"
    network = imported(chain, tmp_path).network
    assert "\n" not in network.layers[0].name
    text = refused(dense(start()).then("Bad\nOp"), tmp_path)
    assert "\n" not in text


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, out = FOLDER / "brevitas_4bit_channel.onnx", tmp_path / "net.json"
    assert run(["import", str(path), "-o", str(out), "--name", "mine", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["name"] == "mine"
    assert result["network"] == str(out)
    assert len(result["notes"]) == 3
    assert load_network(out) == import_model(path, ImportOptions(name="mine")).network
    assert run(["import", str(path), "-o", str(out)]) == 0
    text = capsys.readouterr().out
    assert "brevitas_4bit_channel: 6-7-5-4, " in text
    assert text.count("note: ") == 3
    broken = dense(start()).then("Softplus").save(tmp_path / "broken.onnx")
    assert run(["import", str(broken), "-o", str(tmp_path / "no")]) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith("hwgen: error: ")
    assert captured.err.count("\n") == 1
    assert not (tmp_path / "no").exists()


def live_qonnx(path: Path, entry: str, end: str, x: Any) -> Any:
    wrapper = pytest.importorskip("qonnx.core.modelwrapper")
    execute = pytest.importorskip("qonnx.core.onnx_exec").execute_onnx
    shapes = pytest.importorskip("qonnx.transformation.infer_shapes").InferShapes()
    model = wrapper.ModelWrapper(str(path)).transform(shapes)
    return np.array([execute(model, {entry: row[None]})[end][0] for row in x])


def live_onnxruntime(path: Path, entry: str, _: str, x: Any) -> Any:
    runtime = pytest.importorskip("onnxruntime")
    options = runtime.SessionOptions()
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = runtime.InferenceSession(str(path), options)
    return np.array([session.run(None, {entry: row[None]})[0][0] for row in x])


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("seed", range(1000, 1060))
@pytest.mark.parametrize("kind", ["qonnx", "qdq"])
def test_random_graphs_live(kind: str, seed: int, tmp_path: Path) -> None:
    pytest.importorskip("qonnx" if kind == "qonnx" else "onnxruntime")
    rng = np.random.default_rng(seed)
    chain = graphs.random_qonnx(rng) if kind == "qonnx" else graphs.random_qdq(rng)
    index = chain.nodes[-1].op_type == "ArgMax"
    path = chain.save(
        tmp_path / "m.onnx",
        output=TensorProto.INT64 if index else TensorProto.FLOAT,
        rank=1 if index else 2,
    )
    try:
        result = import_model(path)
    except HwgenError as refusal:
        pytest.skip(str(refusal))
    if any("may differ" in note or "output code means" in note for note in result.notes):
        pytest.skip("; ".join(result.notes))
    x = graphs.samples(rng, 40, chain.shape)
    live = live_qonnx if kind == "qonnx" else live_onnxruntime
    assert np.array_equal(real_outputs(result, x), live(path, "x", chain.last, x))
