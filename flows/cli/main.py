"""The ``hwgen`` command. Exit codes: 0 done, 1 an expected failure, 2 wrong usage."""

import contextlib
import errno
import importlib
import json
import keyword
import os
import signal
import sys
import warnings
from typing import Any

import click

from hwgen import __version__
from hwgen.flows.cli.command import Group, verbosity, write_sections
from hwgen.flows.cli.state import STATE
from hwgen.support.errors import HwgenError, printable

SECTIONS: dict[str, dict[str, str]] = {
    "First": {
        "demo": "Take the digits network to Verilog, proof and area in every architecture.",
    },
    "Networks": {
        "import": "Read a quantized ONNX model as a network that computes the same integers.",
        "quantize": "Turn a float ONNX network into a network file, without training.",
        "train": "Train a network for hardware, and check what comes out of it.",
        "study": "Train and quantize in every way that a file lists, as a table and a picture.",
        "codesign": "Train networks under the price of their silicon: accuracy against area.",
        "info": "Show layers, formats, accumulator widths, parameters and weight bits.",
        "export": "Write a network as C or numpy that computes the very same integers.",
        "predict": "Run the golden model on data; say the accuracy where classes are known.",
    },
    "Designs": {
        "plan": "Estimate every design of a network, and name the one to take.",
        "generate": "Write a network as Verilog, and a manifest of its ports and cycles.",
        "verify": "Simulate the Verilog and compare it with the golden model, value for value.",
        "synth": "Map to standard cells: netlist, area report, a picture of where the area goes.",
        "prove": "Prove netlist = RTL = arithmetic, and that no accumulator overflows.",
        "power": "Estimate the energy of an inference from simulating the netlist on data.",
        "place": "Place the cells in rows: an estimate of the layout, its wires and their delay.",
        "handoff": "Write a project for a layout flow: Verilog, constraints, size, pins.",
    },
    "Many designs": {
        "sweep": "Map, check and measure every design of a sweep file.",
        "report": "Show the results of a sweep; write its tables, report and pictures anew.",
        "compare": "Compare two sweeps, metric by metric.",
    },
    "Tools": {
        "pdk": "Show the cell libraries: built-in tables, and PDKs installed below $PDK_ROOT.",
        "cache": "Look at or empty the cache of finished syntheses and simulator objects.",
    },
}
"""Every command with its summary, in the order of a user's way through them."""

COMMANDS = tuple(name for section in SECTIONS.values() for name in section)


class Interrupted(BaseException):
    """A signal asked us to end."""


class _Lazy(Group):
    """A group whose commands are imported when they are called: starting stays fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names, in the order of a user's way through them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """The command ``name``."""
        if name not in COMMANDS:
            return None
        attribute = f"{name}_" if keyword.iskeyword(name) else name
        command: click.Command = getattr(
            importlib.import_module(f"hwgen.flows.cli.{attribute}"), attribute
        )
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Each section with whole summaries; nothing is imported for them."""
        write_sections(formatter, SECTIONS)


@click.group(
    cls=_Lazy,
    params=verbosity(),
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Example: hwgen synth examples/digits.json --arch serial -o build/digits",
)
@click.version_option(__version__, message="hwgen %(version)s")
def hwgen() -> None:
    """Tiny quantized neural networks as ASIC hardware: Verilog, proof of exactness, area."""


def main() -> None:
    """Run the command line and exit; a signal that asks us to end interrupts, and is cleaned up."""
    _handle_signals(_interrupt)
    sys.unraisablehook = _unraisable
    if not sys.warnoptions:  # of numpy, say; what is wrong is told in one line
        warnings.simplefilter("ignore")
    code = run(sys.argv[1:])
    _flush()
    sys.exit(code)


def _flush() -> None:
    """Flush now: what a stream could not take has been told, and would be told again at exit."""
    for stream in filter(None, (sys.stdout, sys.stderr)):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _handle_signals(handler: Any) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM):
        signal.signal(number, handler)


def _interrupt(number: int, _: object) -> None:
    """Once is enough, as what follows cleans up; but an import may swallow all that is raised."""
    interrupt = Interrupted(signal.Signals(number).name)
    _raise_again_in(5.0, interrupt)
    raise interrupt


def _unraisable(lost: Any) -> None:
    """An interrupt that fell into a finalizer, where exceptions are lost, comes again."""
    if not isinstance(lost.exc_value, Interrupted):
        sys.__unraisablehook__(lost)
        return
    _raise_again_in(0.01, lost.exc_value)


def _raise_again_in(seconds: float, interrupt: Interrupted) -> None:
    """Raise ``interrupt`` again if the command still runs then; other signals are ignored."""

    def again(number: int, frame: object) -> None:
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
        raise Interrupted(*interrupt.args)

    _handle_signals(signal.SIG_IGN)
    signal.signal(signal.SIGALRM, again)
    signal.setitimer(signal.ITIMER_REAL, seconds)


def run(arguments: list[str]) -> int:
    """Run the command line with ``arguments``; the exit code."""
    STATE.reset(arguments)
    as_json = "--json" in arguments
    try:
        hwgen.main(arguments, prog_name="hwgen", standalone_mode=False)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.UsageError as error:
        with contextlib.suppress(OSError):
            click.UsageError(printable(error.format_message(), 400), error.ctx).show()
        _print_error(as_json, HwgenError("usage", error.format_message(), "see --help"))
        return 2
    except BrokenPipeError:
        return 1
    except BaseException as error:
        if isinstance(error, Interrupted):
            signal.setitimer(signal.ITIMER_REAL, 0)
        elif isinstance(error, KeyboardInterrupt | SystemExit | GeneratorExit):
            raise
        return _fail(_refusal(error), as_json)
    return 0


def _refusal(error: BaseException) -> HwgenError:
    """What went wrong, in the words of a refusal."""
    if isinstance(error, HwgenError):
        return error
    if isinstance(error, Interrupted):
        return HwgenError("hwgen", f"interrupted ({error})", "files that were written are complete")
    if isinstance(error, MemoryError):
        return HwgenError("memory", "not enough of it", "a smaller network is needed")
    if isinstance(error, OSError):
        where = str(error.filename or "output")
        return HwgenError(where, error.strerror or type(error).__name__, _remedy(error))
    if os.environ.get("HWGEN_DEBUG") or STATE.verbose:
        raise error
    found = f"{type(error).__name__}: {printable(error, 160)}"
    return HwgenError("internal", found, "a bug; HWGEN_DEBUG=1 shows where")


def _remedy(error: OSError) -> str:
    """What to do about what the system refused."""
    return {
        errno.ENOSPC: "is the disk full?",
        errno.EDQUOT: "a disk with room is needed",
        errno.ENAMETOOLONG: "a shorter name is needed",
        errno.EMFILE: "more open files must be allowed",
        errno.ENOMEM: "more memory is needed",
    }.get(error.errno or 0, "a file or folder of your own is needed")


def _fail(error: HwgenError, as_json: bool) -> int:
    with contextlib.suppress(OSError):
        click.echo(f"hwgen: error: {error.where}: {error.found}, {error.allowed}", err=True)
    _print_error(as_json, error)
    return 1


def _print_error(as_json: bool, error: HwgenError) -> None:
    """The one JSON object of a ``--json`` run that has not printed its result."""
    if not as_json or STATE.printed:
        return
    content = {"where": error.where, "found": error.found, "allowed": error.allowed}
    with contextlib.suppress(OSError):
        print(json.dumps({"error": content}, indent=2), flush=True)


if __name__ == "__main__":
    main()
