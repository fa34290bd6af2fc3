"""TOML files as frozen models, refused in one line."""

import tomllib
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from hwgen.support.errors import HwgenError
from hwgen.support.files import read_plain
from hwgen.support.messages import shown

_MOST_BYTES = 1_000_000


def _number(value: object) -> object:
    """An integer is a number too, but true and false are not."""
    if isinstance(value, int) and not isinstance(value, bool):
        return float(value) if value.bit_length() <= 64 else value
    return value


def _tuple(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


Number = Annotated[float, BeforeValidator(_number)]
AsTuple = BeforeValidator(_tuple)


class Table(BaseModel):
    """A table of a TOML file; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


Model = TypeVar("Model", bound=Table)


def read_toml(path: Path, model: type[Model], what: str) -> Model:
    """The file ``path`` as ``model``; ``what`` it is, for messages.

    Raises
    ------
    HwgenError
        Unreadable, not TOML, an unknown key, a value that is not allowed.
    """
    path = Path(path)
    try:
        return model.model_validate(toml_values(path, f"{what} is needed"))
    except ValidationError as error:
        raise _refusal(path, error) from None


def toml_values(path: Path, allowed: str, limit: int = _MOST_BYTES) -> dict[str, Any]:
    """The file ``path`` of at most ``limit`` bytes as plain values; ``allowed`` is for refusals.

    Raises
    ------
    HwgenError
        Unreadable, too long, not TOML, nested too deep, a number of thousands of digits.
    """
    content = read_plain(Path(path), allowed, limit)
    try:
        return tomllib.loads(content.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise HwgenError(str(path), f"byte {error.start} is not UTF-8", allowed) from None
    except tomllib.TOMLDecodeError as error:
        found = str(error).replace("Cannot overwrite a value", "a key stands twice")
        raise HwgenError(str(path), f"not TOML: {found}", allowed) from None
    except RecursionError:
        raise HwgenError(str(path), "nested too deep", allowed) from None
    except (ValueError, OverflowError):  # of Python's integers and dates
        raise HwgenError(str(path), "a number out of all ranges", "at most 64 bits") from None


def parse_table(content: dict[str, Any], model: type[Model], where: str) -> Model:
    """Plain data as ``model``, refused like a file called ``where``.

    Raises
    ------
    HwgenError
        An unknown key, a value that is not allowed.
    """
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise _refusal(where, error) from None


def _refusal(path: Path | str, error: ValidationError) -> HwgenError:
    findings = error.errors(include_url=False)
    unknown = [one for one in findings if one["type"] == "extra_forbidden"]
    first = (unknown or findings)[0]  # a key that is misspelt is missing too
    where = ""
    for step in first["loc"]:
        where += f"[{step}]" if isinstance(step, int) else f".{step}" if step.isidentifier() else ""
    where = f"{path}: {where.lstrip('.') or 'top level'}"
    if first["type"] == "extra_forbidden":
        return HwgenError(where, "unknown key", "see docs/train.md and docs/study.md for the keys")
    if first["type"] == "missing":
        return HwgenError(where, "missing", "the key is required")
    own = first.get("ctx", {}).get("error")
    allowed = str(own) if own else first["msg"].replace("Input should be", "must be", 1)
    return HwgenError(where, f"found {shown(first['input'])}", allowed)
