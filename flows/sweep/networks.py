"""The network of a source: read, or quantized from a float model; each once."""

import functools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from hwgen.flows.sweep.points import Content, Settings, Source, called
from hwgen.spec.network import Network, parse_network
from hwgen.support import jsontext
from hwgen.support.cache import Cache, key_of
from hwgen.support.errors import HwgenError
from hwgen.support.temporary import temporary_folder


@functools.lru_cache(maxsize=256)
def _parsed(text: bytes, name: str) -> Network:
    return parse_network(jsontext.parse(text, name))


def network_of(source: Source, cache: Cache | None, code: str) -> Network:
    """The network that ``source`` stands for.

    Raises
    ------
    HwgenError
        The file cannot be loaded, or the model not be quantized with these settings.
    """
    if source.refusal is not None:
        raise HwgenError(*source.refusal)
    if source.calibration is None:
        return _parsed(source.file.data, source.ref)
    key = key_of("quantized", source.stamp, code)
    text = _quantized_text(source, key, cache)
    return _parsed(text, source.ref)


def quantizer_settings(settings: Settings) -> Any:
    """:class:`hwgen.frontends.quantize.Settings` of plain values.

    Raises
    ------
    HwgenError
        A value that is not allowed.
    """
    from hwgen.frontends.quantize import Settings as Quantization
    from hwgen.frontends.quantize import parse_format

    values = dict(settings)
    if isinstance(values.get("input_format"), str):
        values["input_format"] = vars(parse_format(values["input_format"]))
    try:
        return TypeAdapter(Quantization).validate_json(json.dumps(values), strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        allowed = first["msg"].replace("Input should be", "must be")
        raise HwgenError("value", f"found {json.dumps(first['input'])}", allowed) from None


def check_model(model: Path, samples: Path) -> None:
    """Refuse what cannot be quantized at all.

    Raises
    ------
    HwgenError
        Either file cannot be read, or they do not fit each other.
    """
    from hwgen.frontends.quantize import load_float_model
    from hwgen.frontends.quantize.flow import checked
    from hwgen.frontends.quantize.samples import as_reals, read_samples

    floating = load_float_model(model)
    raw, y = read_samples(samples)
    x, _ = as_reals(samples, raw, quantizer_settings(()))
    checked(floating, x, y)


@functools.lru_cache(maxsize=256)
def _text_of(key: str) -> list[bytes]:
    return []


def _quantized_text(source: Source, key: str, cache: Cache | None) -> bytes:
    kept = _text_of(key)  # one list a key: filled by the first who comes
    if not kept:
        entry = cache.get(key) if cache else None
        if entry is None:
            entry = _quantize(source).model_dump(mode="json")
            if cache:
                cache.put(key, entry)
        kept.append(json.dumps(entry).encode())
    return kept[0]


def _quantize(source: Source) -> Network:
    from hwgen.frontends.quantize import load_float_model, run
    from hwgen.frontends.quantize.samples import as_reals, read_samples

    samples = source.calibration
    if samples is None:
        raise HwgenError(source.ref, "no calibration samples", "a model needs some")
    with temporary_folder("quantize") as name:
        with called(_written(source.file, Path(name) / "model"), source.file.name) as model:
            floating = load_float_model(model)
        with called(_written(samples, Path(name) / "samples"), samples.name) as data:
            raw, y = read_samples(data)
    x, settings = as_reals(Path(samples.name), raw, quantizer_settings(source.settings))
    classes = y is not None and y.dtype.kind in "iu"
    output = "argmax" if classes else floating.output
    floating = replace(floating, name=source.label, output=output)
    return run(floating, x, y, settings, lambda _: None).network


def _written(content: Content, path: Path) -> Path:
    path = path.with_suffix(content.suffix)
    path.write_bytes(content.data)
    return path
