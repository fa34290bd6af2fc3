"""What holds for the whole run of the command line."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass
class State:
    """How much is said on stderr, whether the one JSON object has been printed, the words given."""

    quiet: bool = False
    verbose: bool = False
    printed: bool = False
    arguments: tuple[str, ...] = ()

    def reset(self, arguments: Sequence[str] = ()) -> None:
        """As at the beginning, with the command line's words."""
        self.quiet = self.verbose = self.printed = False
        self.arguments = tuple(arguments)


STATE = State()
