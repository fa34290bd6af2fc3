"""A generated design, or the one that an earlier run made from the same network."""

from pathlib import Path

from hwgen.rtl.architecture import Architecture
from hwgen.rtl.manifest import Manifest
from hwgen.spec.network import Network
from hwgen.support.cache import Cache, key_of
from hwgen.support.files import write_together
from hwgen.support.fingerprint import fingerprint


def generated(
    network: Network, architecture: Architecture, folder: Path, cache: Cache | None
) -> Manifest:
    """What :func:`hwgen.rtl.generate.generate` writes into ``folder``, from ``cache`` where it can
    be.

    Raises
    ------
    HwgenError
        As of :func:`hwgen.rtl.generate.generate`.
    """
    if cache is None:
        return _generate(network, architecture, folder)
    key = key_of("verilog", network.sha256(), architecture.key(), fingerprint())
    entry = cache.get(key)
    if entry is None:
        manifest = _generate(network, architecture, folder)
        text = Path(manifest.verilog).read_text(encoding="utf-8")
        cache.put(key, {"manifest": manifest.to_json(), "verilog": text})
        return manifest
    manifest = Manifest.from_json(entry["manifest"]).moved_to(folder)
    verilog = Path(manifest.verilog)
    write_together(
        {verilog: entry["verilog"], verilog.with_name("manifest.json"): manifest.to_text()}
    )
    return manifest


def _generate(network: Network, architecture: Architecture, folder: Path) -> Manifest:
    from hwgen.rtl.generate import generate

    return generate(network, architecture, folder)
