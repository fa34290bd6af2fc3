"""From a network and an architecture to Verilog and a manifest."""

import re
from pathlib import Path

from amaranth.back import rtlil

from hwgen import __version__
from hwgen.rtl.architecture import Architecture
from hwgen.rtl.interface import Port
from hwgen.rtl.manifest import Manifest, formats_of
from hwgen.rtl.names import layer_module, top_module
from hwgen.rtl.requantize import check_tables
from hwgen.rtl.top import Top
from hwgen.rtl.verilog import verilog_of
from hwgen.spec.network import Network
from hwgen.support.files import check_folder, write_together


def build(network: Network, architecture: Architecture) -> Top:
    """The top component of ``network`` in ``architecture``.

    Raises
    ------
    HwgenError
        The network does not go into that architecture.
    """
    check_tables(network)
    architecture.check(network)
    return architecture.build(network)


def generate(network: Network, architecture: Architecture, directory: Path) -> Manifest:
    """Write ``<top>.v`` and ``manifest.json`` into ``directory``; byte-identical on every run.

    Raises
    ------
    HwgenError
        The folder cannot be written, or the network holds something too large for hardware.
    """
    check_folder(directory)
    text, manifest = generate_text(network, architecture)
    manifest = manifest.moved_to(Path(directory))
    path = Path(manifest.verilog)
    write_together({path: text, path.with_name("manifest.json"): manifest.to_text()})
    return manifest


def generate_text(network: Network, architecture: Architecture) -> tuple[str, Manifest]:
    """The Verilog of a design, and its manifest; no file is written.

    Raises
    ------
    HwgenError
        The network holds something too large for hardware.
    """
    top = top_module(network.name)
    component = build(network, architecture)
    text = verilog_text(component, top, network, architecture)
    return text, Manifest(
        top=top,
        verilog=f"{top}.v",
        arch=architecture,
        latency_cycles=component.latency,
        interval_cycles=component.interval,
        ports=_ports(text, top),
        input=architecture.input_layout(network),
        output=architecture.output_layout(network),
        accumulator_bits=[network.accumulator_width(i) for i in range(len(network.layers))],
        network_sha256=network.sha256(),
        formats=formats_of(network),
        layer_modules=layer_modules(network, top, text),
    )


def layer_modules(network: Network, prefix: str, text: str) -> list[str]:
    """Modules of the layers that have one in the Verilog ``text``.

    One that only hands on what others computed has none: a last layer of ``serial``, whose weights
    and biases stand in the tables of all layers.
    """
    names = [f"{prefix}_{layer_module(i, one.name)}" for i, one in enumerate(network.layers)]
    return [name for name in names if f"module {name} " in text]


def verilog_text(component: Top, top: str, network: Network, architecture: Architecture) -> str:
    """Verilog-2005 of ``component``: module ``top``, and ``top_<submodule>`` for what is in it."""
    parts = {name: [line] for name, line in component.parts.items()}
    layers = {
        layer_module(i, layer.name): [
            f"Layer {i}, {_plain(layer.name)}: {layer.fan_in} inputs {network.input_format(i)}, "
            f"{layer.outputs} outputs."
        ]
        for i, layer in enumerate(network.layers)
    }
    body = verilog_of(rtlil.convert(component, name=top, emit_src=False), parts | layers)
    return "".join(f"// {line}\n" for line in header(component, network, architecture)) + body


def header(component: Top, network: Network, architecture: Architecture) -> list[str]:
    """What the first lines of the Verilog tell: origin, ports, cycles, terms of use."""
    source, result = architecture.input_layout(network), architecture.output_layout(network)
    x, y = ("x", "y") if architecture.bare else ("s_axis_tdata", "m_axis_tdata")
    features = f"{network.input.features} features {network.input.format}"
    decides = network.output == "argmax"
    meaning = "index of the largest output" if decides else f"outputs {network.output_range()}"
    return [
        f"Network {_plain(network.name)}, {architecture}; written by hwgen {__version__}.",
        f"Network sha256 {network.sha256()}",
        f"Input {x}: {features}; {source}.",
        f"Output {y}: {meaning}; {result}.",
        "(u4.2 is unsigned, 4 bits, 2 of them after the point; s is two's complement.)",
        f"Latency {component.latency}, interval {component.interval} clock cycles.",
        "This text is yours to use in any way; the authors of hwgen claim nothing on it.",
    ]


def _plain(name: str) -> str:
    """A name from a file, fit to stand in a comment: letters, digits, spaces, ``_.+-``."""
    return re.sub(r"[^A-Za-z0-9 _.+-]", "_", name)[:60]


def _ports(text: str, top: str) -> list[Port]:
    """The ports of module ``top`` as they stand in the Verilog ``text``."""
    module = text[text.index(f"module {top} (") :]
    head = module[: module.index(");")]
    found = re.findall(r"(input|output) +(?:reg|wire) (?:\[(\d+):0\] )?(\w+)", head)
    return [
        Port(name=name, direction=direction, width=int(high or 0) + 1)
        for direction, high, name in found
    ]
