"""A network with what can be done with it."""

from pathlib import Path
from typing import Any

from numpy.typing import ArrayLike

from hwgen.exports import export
from hwgen.flows.api.design import Design
from hwgen.flows.api.samples import Samples, samples_of
from hwgen.flows.design import make_design
from hwgen.flows.network_info import NetworkInfo, describe_network
from hwgen.flows.plan import Plan, cells_of, plan
from hwgen.flows.plan_points import Limits
from hwgen.flows.prediction import Prediction, predict
from hwgen.flows.synthesis import SynthesisOptions
from hwgen.rtl.architecture import Architecture
from hwgen.rtl.architectures import DEFAULT, make
from hwgen.spec import network as spec
from hwgen.spec.network import MAX_WEIGHTS, load_network, save_network
from hwgen.support.progress import Progress, silent
from hwgen.synth import open_library


class Network(spec.Network):
    """A quantized feed-forward network of integers (docs/network-file.md).

    It is a :class:`hwgen.spec.network.Network` with what the rest of hwgen does for one. Made by
    :func:`hwgen.load`, :func:`hwgen.from_arrays` and their like; never changed afterwards.
    """

    @classmethod
    def of(cls, network: spec.Network) -> "Network":
        """The same network with these methods.

        Parameters
        ----------
        network
            A validated network.

        Returns
        -------
        Network
            With the same layers; nothing is copied.
        """
        if isinstance(network, Network):
            return network
        return cls(**{name: getattr(network, name) for name in type(network).model_fields})

    def design(self, arch: str = DEFAULT.name, **knobs: int | bool) -> Design:
        """Verilog of the network.

        Parameters
        ----------
        arch
            ``"parallel"``, ``"bit-serial"``, ``"serial"`` or another (docs/architectures.md).
        knobs
            What the architecture has: ``pipeline`` (adder levels between registers) and ``bare`` of
            ``parallel``, ``digit`` (bits of an activation in a clock) and ``stages`` (groups of
            layers that work at once) of ``bit-serial``, ``macs`` (multipliers that work at a time)
            of ``serial``.

        Returns
        -------
        Design
            Verilog-2005 text and manifest; to be verified, synthesized and so on.

        Raises
        ------
        HwgenError
            An unknown architecture or knob, a value out of range, a network that does not fit it.
        """
        return self.design_of(make(arch, knobs))

    def design_of(self, architecture: Architecture) -> Design:
        """As :meth:`design`, of an architecture with its knobs set.

        Parameters
        ----------
        architecture
            Such as ``Serial(macs=4)``.

        Returns
        -------
        Design
            As of :meth:`design`.

        Raises
        ------
        HwgenError
            The network does not fit it.
        """
        rtl = make_design(self, architecture)
        return Design(network=self, architecture=architecture, rtl=rtl)

    def export(self, to: str) -> str | bytes:
        """The same integers elsewhere: a C header, a numpy script, or an ONNX model.

        Parameters
        ----------
        to
            ``"c"``: one C99 header, without heap and floats, with a self-test. ``"numpy"``: a
            script that a person can read. ``"onnx"``: a QONNX model, which onnxruntime runs, too.

        Returns
        -------
        str or bytes
            The content of the file.

        Raises
        ------
        HwgenError
            There is no such export, or the network holds something that it cannot say.
        """
        return export(self, to)

    def predict(self, x: Samples, y: ArrayLike | None = None) -> Prediction:
        """Run the golden model: the very integers that every design of the network computes.

        Parameters
        ----------
        x
            Samples [samples, features]: reals, which are quantized to the input format (half to
            even, saturating), or integers, which are codes of it; or the name of a data file.
        y
            Classes [samples], indices or labels; of a ``values`` network real targets [samples] or
            [samples, outputs]; None where unknown.

        Returns
        -------
        Prediction
            ``results``: class indices [samples], or integers [samples, outputs]; ``accuracy`` or
            ``r2`` and ``mean_absolute_error`` where ``y`` is known.

        Raises
        ------
        HwgenError
            Another number of features, a value that is not finite, a code out of range, a class
            that the network does not have.
        """
        return predict(self, samples_of(self, x, y))

    def plan(
        self,
        *,
        max_cycles: int | None = None,
        max_area: float | None = None,
        max_energy: float | None = None,
        clock: float | None = None,
        rate: float | None = None,
        map: int = 0,
        pdk: str | None = None,
        progress: Progress = silent,
    ) -> Plan:
        """Every design of the network, estimated, and the one to take (docs/plan.md).

        Parameters
        ----------
        max_cycles
            Clocks from one input to the next, at most.
        max_area
            um2 of cells, at most; then the fastest design is taken, else the smallest.
        max_energy
            pJ of an inference, at most; estimated.
        clock, rate
            Clock period in ns, and inferences a second at that.
        map
            How many designs are mapped to cells, the best first; their areas then decide.
        pdk
            A built-in library, as of :meth:`Design.synth`.
        progress
            Called with a line whenever something new begins.

        Returns
        -------
        Plan
            ``points``, ``front`` and ``chosen``; a table in a notebook.

        Raises
        ------
        HwgenError
            A rate without a clock, or no such library.
        """
        library = open_library(pdk, ())
        limits = Limits(
            max_cycles=max_cycles, max_area=max_area, max_energy=max_energy, clock=clock, rate=rate
        )
        options = SynthesisOptions().check() if map else SynthesisOptions()
        mapper = cells_of(self, library, options, progress=progress)
        return plan(self, library, limits, count=map, mapper=mapper, progress=progress)

    def info(self) -> NetworkInfo:
        """Layers, formats, accumulator widths, parameters and weight bits.

        Returns
        -------
        NetworkInfo
            Figures of the whole and of each layer; a table in a notebook.
        """
        return describe_network(self)

    def save(self, path: str | Path) -> Path:
        """Write the network file, whole or not at all.

        Parameters
        ----------
        path
            Where, such as ``digits.json``.

        Returns
        -------
        Path
            The same.

        Raises
        ------
        HwgenError
            It cannot be written.
        """
        save_network(self, Path(path))
        return Path(path)

    def _repr_html_(self) -> str:
        return self.info()._repr_html_()

    def __repr__(self) -> str:
        sizes = [self.input.features, *(layer.outputs for layer in self.layers)]
        shape = "-".join(map(str, sizes))
        return f"<hwgen.Network {self.name!r}: {shape}, {self.parameter_count:,} parameters>"

    def __str__(self) -> str:
        return repr(self)


def load(path: str | Path, max_weights: int = MAX_WEIGHTS) -> Network:
    """Read a network file.

    Parameters
    ----------
    path
        The file (docs/network-file.md).
    max_weights
        Networks with more weights are refused before anything is built.

    Returns
    -------
    Network
        Validated: every accumulator is wide enough for any input.

    Raises
    ------
    HwgenError
        Naming the file, the path inside it, what was found and what is allowed.
    """
    return Network.of(load_network(Path(path), max_weights))


def network_of(content: dict[str, Any]) -> Network:
    """A network from the content of a network file.

    Parameters
    ----------
    content
        Plain data as JSON has it.

    Returns
    -------
    Network
        Validated.

    Raises
    ------
    HwgenError
        Naming the path, what was found and what is allowed.
    """
    return Network.of(spec.parse_network(content))
