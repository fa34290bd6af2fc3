"""What an import has to say: problems that refuse it, all in one line, and notes."""

from hwgen.frontends.onnx.file import Node
from hwgen.support.errors import HwgenError, printable

_MOST = 100


class Refused(Exception):
    """A node that cannot be imported; the text says why."""


class ImportRefused(HwgenError):
    """Every node of a model that cannot be imported, in one line."""

    def __init__(self, where: str, problems: list[str], allowed: str):
        super().__init__(where, "", allowed)
        left = len(problems) - _MOST
        more = [f"and {left} more"] if left > 0 else []
        self.found = "; ".join([*problems[:_MOST], *more])
        self.args = (f"{self.where}: {self.found}, {self.allowed}",)


class Report:
    """Collects problems and notes, each said once."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.notes: list[str] = []

    def problem(self, node: Node, reason: str) -> None:
        """``node`` cannot be imported."""
        text = f"{label(node)}: {printable(reason)}"
        if text not in self.problems:
            self.problems.append(text)

    def note(self, who: str, text: str) -> None:
        """Something about ``who`` that its user should know."""
        line = f"{who}: {text}"
        if line not in self.notes:
            self.notes.append(line)


def label(node: Node) -> str:
    """Operator and name of a node."""
    domain = f"{node.domain}." if node.domain and node.domain not in QONNX_DOMAINS else ""
    return printable(f"{domain}{node.op} {node.name!r}", 120)


def advice(node: Node) -> str:
    """Why an operator is not supported, and what to do about it."""
    if node.op in _DYNAMIC:
        return (
            "dynamic quantization, whose scales change with the data; quantize_static of "
            "onnxruntime.quantization gives fixed ones"
        )
    return "an operator that is not supported (docs/import.md#operators has those that are)"


_DYNAMIC = (
    "DynamicQuantizeLinear",
    "DynamicQuantizeMatMul",
    "MatMulInteger",
    "DynamicQuantizeLSTM",
)

QONNX_DOMAINS = ("qonnx.custom_op.general", "onnx.brevitas", "finn.custom_op.general", "qonnx")
