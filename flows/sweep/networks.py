"""The network of a source: read, or quantized from a float model; each once."""

import functools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from hwgen.flows.quantization import labelled, quantize_model
from hwgen.flows.sweep.points import NetworkSource, Settings
from hwgen.frontends.importing import load_float_model
from hwgen.frontends.quantize import FloatModel, parse_format
from hwgen.frontends.quantize import Settings as QuantizeSettings
from hwgen.frontends.quantize.flow import checked
from hwgen.frontends.quantize.samples import as_reals, read_samples
from hwgen.spec.arithmetic import Integers
from hwgen.spec.network import Network, parse_network
from hwgen.support import jsontext
from hwgen.support.cache import Cache, key_of
from hwgen.support.errors import HwgenError


def network_of(source: NetworkSource, cache: Cache | None, code: str) -> Network:
    """The network that ``source`` stands for; ``code`` is the version of hwgen it depends on.

    Raises
    ------
    HwgenError
        The file cannot be loaded, or the model not be quantized with these settings.
    """
    if source.refusal is not None:
        raise HwgenError(*source.refusal)
    if source.model is None:
        return _parsed(source.content, source.ref)
    key = key_of("quantized", source.stamp, code)
    text = _quantized_text(source, source.model, key, cache)
    return _parsed(text, source.ref)


@functools.lru_cache(maxsize=256)
def _parsed(text: bytes, name: str) -> Network:
    return parse_network(jsontext.parse(text, name))


def quantizer_settings(settings: Settings) -> QuantizeSettings:
    """:class:`hwgen.frontends.quantize.Settings` of plain values.

    Raises
    ------
    HwgenError
        A value that is not allowed.
    """
    values = dict(settings)
    if isinstance(values.get("input_format"), str):
        values["input_format"] = vars(parse_format(values["input_format"]))
    try:
        return TypeAdapter(QuantizeSettings).validate_json(json.dumps(values), strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        allowed = first["msg"].replace("Input should be", "must be")
        raise HwgenError("value", f"found {json.dumps(first['input'])}", allowed) from None


def read_model(model: Path, samples: Path) -> tuple[FloatModel, Integers, Integers | None]:
    """A float model with its calibration samples, as they stand in their file.

    Raises
    ------
    HwgenError
        Either file cannot be read, or they do not fit each other.
    """
    floating = load_float_model(model)
    raw, y = read_samples(samples)
    x, _ = as_reals(samples, raw, quantizer_settings(()))
    named, classes = labelled(floating, y, f"{samples}: ")
    checked(named, x, classes)
    return floating, raw, y


@functools.lru_cache(maxsize=256)
def _text_of(key: str) -> list[bytes]:
    return []


def _quantized_text(
    source: NetworkSource, model: FloatModel, key: str, cache: Cache | None
) -> bytes:
    kept = _text_of(key)  # one list a key: filled by the first who comes
    if not kept:
        entry = cache.get(key) if cache else None
        if entry is None:
            entry = _quantize(source, model)
            if cache:
                cache.put(key, entry)
        kept.append(json.dumps(entry).encode())
    return kept[0]


def _quantize(source: NetworkSource, model: FloatModel) -> Any:
    """The network as plain data."""
    samples = source.calibration
    if samples is None:
        raise HwgenError(source.ref, "no calibration samples", "a model needs some")
    x, settings = as_reals(samples.name, samples.x, quantizer_settings(source.settings))
    model, y = labelled(replace(model, name=source.label), samples.y, f"{samples.name}: ")
    found = quantize_model(model, x, y, settings)
    return found.network.model_dump(mode="json")
