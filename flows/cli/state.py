"""What holds for the whole run of the command line."""

from dataclasses import dataclass


@dataclass
class State:
    """How much is said on stderr, and whether the one JSON object has been printed."""

    quiet: bool = False
    verbose: bool = False
    printed: bool = False

    def reset(self) -> None:
        """As at the beginning."""
        self.quiet = self.verbose = self.printed = False


STATE = State()
