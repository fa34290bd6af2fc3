"""What a wheel holds besides ``hwgen/``: the folders beside it that a checkout links into it.

An editable install takes the links: a second copy of these folders would hide the checkout.
"""

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

INSIDE = {
    "sim": "hwgen/sim",
    "synth": "hwgen/synth",
    "flows": "hwgen/flows",
    "examples/digits.json": "hwgen/flows/examples/digits.json",
    "examples/digits-test.npz": "hwgen/flows/examples/digits-test.npz",
}


class FoldersBeside(BuildHookInterface):  # type: ignore[type-arg]
    """Puts :data:`INSIDE` into wheels."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the folders where the wheel is not an ``editable`` one."""
        if version != "editable":
            build_data["force_include"].update(INSIDE)
