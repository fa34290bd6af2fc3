"""A network as anybody would write it down: products with constants, sums, comparisons.

The baseline that areas are compared with. It has the ports of a ``--bare`` core.
"""

from hwgen.spec.formats import index_width
from hwgen.spec.network import Network


def plain_verilog(network: Network) -> str:
    """Combinational Verilog of an ``argmax`` network of relu and raw layers, half_up, saturating.

    Raises
    ------
    ValueError
        The network has anything else.
    """
    x = network.input
    lines, names = [], []
    for i in range(x.features):
        names.append(f"x{i}")
        declared = _declare(f"x{i}", x.bits, x.signed)
        lines.append(f"{declared} = x[{i * x.bits} +: {x.bits}];")
    for index in range(len(network.layers)):
        names = _layer(network, index, names, lines)
    width = index_width(len(names))
    lines += [f"reg [{width - 1}:0] best;", f"reg signed [{_ACCUMULATOR - 1}:0] top;"]
    lines += ["always @* begin", f"  best = 0; top = {names[0]};"]
    lines += [f"  if ({n} > top) begin best = {i}; top = {n}; end" for i, n in enumerate(names)]
    lines += ["end", "assign y = best;"]
    ports = f"input [{x.features * x.bits - 1}:0] x, output [{width - 1}:0] y"
    return f"module plain({ports});\n" + "\n".join(f"  {line}" for line in lines) + "\nendmodule\n"


_ACCUMULATOR = 24


def _declare(name: str, bits: int, signed: bool) -> str:
    return f"wire {'signed ' if signed else ''}[{bits - 1}:0] {name}"


def _layer(network: Network, index: int, inputs: list[str], lines: list[str]) -> list[str]:
    layer = network.layers[index]
    signed = network.input_format(index).signed
    terms = [name if signed else f"$signed({{1'b0, {name}}})" for name in inputs]
    width = network.accumulator_width(index)
    names = []
    for j, (row, bias) in enumerate(zip(layer.weight_values.tolist(), layer.bias, strict=True)):
        products = [f"{term} * ({weight})" for term, weight in zip(terms, row, strict=True)]
        lines.append(
            f"{_declare(f'acc{index}_{j}', width, True)} = {bias} + {' + '.join(products)};"
        )
        names.append(f"acc{index}_{j}")
    if layer.output is None and layer.activation == "none":
        return names
    if layer.output is None or (layer.activation, layer.output.signed) != ("relu", False):
        raise ValueError("only relu into an unsigned format has a plain description")
    if (layer.output.rounding, layer.output.overflow) != ("half_up", "saturate"):
        raise ValueError("only half_up and saturate have a plain description")
    fractions = layer.accumulator_fraction(network.input_format(index).fraction_bits)
    rescaled = []
    for j, (name, fraction) in enumerate(zip(names, fractions, strict=True)):
        shift = fraction - layer.output.fraction_bits
        if shift <= 0:
            raise ValueError("only shifts to the right have a plain description")
        target, rounded = f"y{index}_{j}", f"r{index}_{j}"
        half = f"{1 << (shift - 1)}"
        lines.append(f"{_declare(rounded, width + 1, True)} = ({name} + {half}) >>> {shift};")
        top = layer.output.format.maximum
        value = f"{rounded} < 0 ? 0 : {rounded} > {top} ? {top} : {rounded}"
        lines.append(f"{_declare(target, layer.output.bits, False)} = {value};")
        rescaled.append(target)
    return rescaled
