"""What a proof says."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from hwgen.synth.prove.decide import Decider

Status = Literal["proved", "refuted", "undecided", "not asked"]


@dataclass(frozen=True)
class Verdict:
    """The outcome of a proof.

    Attributes
    ----------
    status
        ``refuted`` only with a counterexample.
    method
        How it was tried.
    limit
        What kept it from an answer.
    counterexample
        ``input``, codes for ``hwgen predict``, and what either side makes of them.
    parts
        What is known of each part, under its own key.
    """

    status: Status
    method: str
    seconds: float
    limit: str = ""
    counterexample: Mapping[str, Any] | None = None
    parts: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The outcome as plain data."""
        optional = {"limit": self.limit, "counterexample": self.counterexample}
        return {
            "status": self.status,
            "method": self.method,
            "seconds": self.seconds,
            **{key: value for key, value in optional.items() if value},
            **self.parts,
        }


class Proof(Protocol):
    """A question that can be answered."""

    def run(self, decider: "Decider", progress: Callable[[str], None]) -> Verdict:
        """Prove or refute it, as far as ``decider`` has time, and tell ``progress``."""
