"""Tables of constants in hardware."""

from amaranth.hdl import Module, Shape, Value, unsigned
from amaranth.lib import memory


def lookup(m: Module, name: str, index: Value, entries: list[int], shape: Shape) -> Value:
    """A ROM read combinationally: ``entries[index]``, each in ``shape``."""
    init = [entry & ((1 << shape.width) - 1) for entry in entries]
    rom = memory.Memory(shape=unsigned(shape.width), depth=len(entries), init=init)
    m.submodules[name] = rom
    port = rom.read_port(domain="comb")
    m.d.comb += port.addr.eq(index)
    return port.data.as_signed() if shape.signed else port.data
