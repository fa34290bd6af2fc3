"""The one exception that users see, as one line."""


def printable(text: object, limit: int = 200) -> str:
    """``text`` on one line, with control characters escaped, at most ``limit`` characters."""
    parts = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(text))
    escaped = "".join(parts)
    return escaped if len(escaped) <= limit else f"{escaped[: limit - 3]}..."


class HwgenError(Exception):
    """An expected failure: bad input, a missing tool, a mismatch.

    Parameters
    ----------
    where
        What was looked at: a file, a path inside it (``layers[1].bias[3]``), an option, a tool.
    found
        What was found there.
    allowed
        What is allowed, or what to do about it.

    The command line prints it as ``hwgen: error: <where>: <found>, <allowed>`` and exits 1.
    """

    def __init__(self, where: str, found: str, allowed: str):
        self.where = printable(where, 240)
        self.found = printable(found, 300)
        self.allowed = printable(allowed, 300)
        super().__init__(f"{self.where}: {self.found}, {self.allowed}")
