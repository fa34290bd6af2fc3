"""A design's Verilog and manifest: generated, or as an earlier run left them in the cache."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from hwgen.rtl.architecture import Architecture
from hwgen.rtl.manifest import Manifest
from hwgen.spec.network import Network
from hwgen.support.cache import Cache, key_of
from hwgen.support.files import write_together
from hwgen.support.fingerprint import fingerprint
from hwgen.synth import CellLibrary


@dataclass(frozen=True, kw_only=True)
class RtlDesign:
    """Verilog-2005 and what there is to know of it.

    Parameters
    ----------
    verilog
        The text; the same network and architecture give the same bytes.
    manifest
        Ports, cycles and layouts; ``manifest.verilog`` is the file's name without a folder.
    """

    verilog: str
    manifest: Manifest

    def write(self, folder: Path, beside: Mapping[str, str] | None = None) -> Manifest:
        """Write the Verilog and ``manifest.json`` into ``folder``; the manifest, with its paths.

        ``beside`` are further files by their names, as :func:`hwgen.sim.testbench.bench_files`
        makes them.

        Raises
        ------
        HwgenError
            The folder cannot be written.
        """
        manifest = self.manifest.moved_to(folder)
        path = Path(manifest.verilog)
        texts = {"manifest.json": manifest.to_text(), **(beside or {})}
        files = {path.with_name(name): text for name, text in texts.items()}
        write_together({path: self.verilog, **files})
        return manifest


def make_design(
    network: Network,
    architecture: Architecture,
    cache: Cache | None = None,
    library: CellLibrary | None = None,
) -> RtlDesign:
    """The design of ``network`` in ``architecture``, from ``cache`` where it can be.

    What the architecture leaves open is chosen for ``library``, if there is one.

    Raises
    ------
    HwgenError
        As of :func:`hwgen.rtl.generate.generate_text`.
    """
    if library is not None:
        architecture = architecture.suited(library.latch_share)
    if cache is None:
        return _generated(network, architecture)
    key = key_of("verilog", network.sha256(), architecture.key(), fingerprint())
    entry = cache.get(key)
    if entry is None:
        design = _generated(network, architecture)
        cache.put(key, {"manifest": design.manifest.to_json(), "verilog": design.verilog})
        return design
    manifest = Manifest.from_json(entry["manifest"])
    return RtlDesign(verilog=entry["verilog"], manifest=manifest)


def _generated(network: Network, architecture: Architecture) -> RtlDesign:
    from hwgen.rtl.generate import generate_text

    text, manifest = generate_text(network, architecture)
    return RtlDesign(verilog=text, manifest=replace(manifest, verilog=Path(manifest.verilog).name))
