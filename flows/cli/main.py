"""The ``hwgen`` command. Exit codes: 0 done, 1 an expected failure, 2 wrong usage."""

import contextlib
import errno
import importlib
import keyword
import os
import signal
import sys
import warnings
from typing import Any

import click

from hwgen import __version__
from hwgen.support.errors import HwgenError, printable

_COMMANDS = {
    "demo": "All of it on a digits network: Verilog, regression, area.",
    "import": "Read a QONNX or QDQ ONNX model as a network.",
    "quantize": "Turn a float ONNX model into a network, without training.",
    "train": "Train the network that a TOML file describes.",
    "study": "Train and quantize in every way that a TOML file lists.",
    "info": "Layers, formats, accumulator widths, parameters.",
    "predict": "Run the golden model on data.",
    "plan": "Estimate every design, and name the one to take.",
    "generate": "Write Verilog, and a manifest of ports and cycles.",
    "verify": "Simulate the Verilog against the golden model.",
    "synth": "Map to standard cells: netlist and area report.",
    "prove": "Prove the netlist equal to the RTL and to the arithmetic.",
    "power": "Estimate the energy of an inference.",
    "handoff": "Write a project for a layout flow.",
    "sweep": "Map, check and measure the designs that a TOML file lists.",
    "report": "Show the results of a sweep.",
    "compare": "Compare the points that two sweeps share.",
    "pdk": "Show the cell libraries.",
    "cache": "Look at or empty the cache.",
}
"""In the order of a user's way through them; listed without importing any."""


class Interrupted(BaseException):
    """A signal asked us to end."""


class _Lazy(click.Group):
    """A group whose commands are imported when they are called: starting stays fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Their names."""
        return list(_COMMANDS)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands."""
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """The command ``name``."""
        if name not in _COMMANDS:
            return None
        attribute = f"{name}_" if keyword.iskeyword(name) else name
        command: click.Command = getattr(
            importlib.import_module(f"hwgen.flows.cli.{attribute}"), attribute
        )
        return command


@click.group(
    cls=_Lazy,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Example: hwgen synth examples/digits.json --arch serial -o build/digits",
)
@click.version_option(__version__, message="hwgen %(version)s")
def hwgen() -> None:
    """Tiny quantized neural networks as ASIC hardware: Verilog, proof of exactness, area."""


def main() -> None:
    """Run the command line and exit; a signal that asks us to end interrupts, and is cleaned up."""
    _listen(_interrupt)
    sys.unraisablehook = _unraisable
    if not sys.warnoptions:  # of numpy, say; what is wrong is told in one line
        warnings.simplefilter("ignore")
    code = run(sys.argv[1:])
    _settle()
    sys.exit(code)


def _settle() -> None:
    """What a stream could not take has been told; the interpreter would tell it again at exit."""
    for stream in filter(None, (sys.stdout, sys.stderr)):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _listen(handler: Any) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM):
        signal.signal(number, handler)


def _interrupt(number: int, _: object) -> None:
    """Once is enough, as what follows cleans up; but an import may swallow all that is raised."""
    interrupt = Interrupted(signal.Signals(number).name)
    _come_again(interrupt, 5.0)
    raise interrupt


def _unraisable(lost: Any) -> None:
    """An interrupt that fell into a finalizer, where exceptions are lost, comes again."""
    if not isinstance(lost.exc_value, Interrupted):
        sys.__unraisablehook__(lost)
        return
    _come_again(lost.exc_value, 0.01)


def _come_again(interrupt: Interrupted, seconds: float) -> None:
    """Raise it once more if the command still runs then; other signals are ignored."""

    def again(number: int, frame: object) -> None:
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
        raise Interrupted(*interrupt.args)

    _listen(signal.SIG_IGN)
    signal.signal(signal.SIGALRM, again)
    signal.setitimer(signal.ITIMER_REAL, seconds)


def run(arguments: list[str]) -> int:
    """Run the command line with ``arguments``; the exit code."""
    try:
        hwgen.main(arguments, prog_name="hwgen", standalone_mode=False)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.UsageError as error:
        with contextlib.suppress(OSError):
            click.UsageError(printable(error.format_message(), 400), error.ctx).show()
        return 2
    except Interrupted as interrupt:
        signal.setitimer(signal.ITIMER_REAL, 0)
        return _fail("hwgen", f"interrupted ({interrupt})", "files that were written are complete")
    except HwgenError as error:
        return _fail(error.where, error.found, error.allowed)
    except MemoryError:
        return _fail("memory", "not enough of it", "a smaller network is needed")
    except BrokenPipeError:
        return 1
    except OSError as error:
        where = str(error.filename or "output")
        return _fail(where, error.strerror or type(error).__name__, _remedy(error))
    except Exception as error:
        if os.environ.get("HWGEN_DEBUG"):
            raise
        found = f"{type(error).__name__}: {printable(error, 160)}"
        return _fail("internal", found, "a bug; HWGEN_DEBUG=1 shows where")
    return 0


def _remedy(error: OSError) -> str:
    """What to do about what the system refused."""
    return {
        errno.ENOSPC: "is the disk full?",
        errno.EDQUOT: "a disk with room is needed",
        errno.ENAMETOOLONG: "a shorter name is needed",
        errno.EMFILE: "more open files must be allowed",
        errno.ENOMEM: "more memory is needed",
    }.get(error.errno or 0, "a file or folder of your own is needed")


def _fail(where: str, found: str, allowed: str) -> int:
    with contextlib.suppress(OSError):
        click.echo(f"hwgen: error: {where}: {found}, {allowed}", err=True)
    return 1


if __name__ == "__main__":
    main()
