"""The ``hwgen`` command. Exit codes: 0 done, 1 an expected failure, 2 wrong usage."""

import contextlib
import importlib
import keyword
import os
import signal
import sys
from typing import Any

import click

from hwgen import __version__
from hwgen.support.errors import HwgenError, printable

_COMMANDS = (
    "demo",
    "import",
    "quantize",
    "train",
    "study",
    "codesign",
    "info",
    "predict",
    "generate",
    "verify",
    "synth",
    "prove",
    "power",
    "handoff",
    "sweep",
    "report",
    "compare",
    "pdk",
    "cache",
)


class Interrupted(BaseException):
    """A signal asked us to end."""


class _Lazy(click.Group):
    """A group whose commands are imported when they are called: starting stays fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names, in the order of a user's way through them."""
        return list(_COMMANDS)

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
            error.show()
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
        return _fail(where, error.strerror or type(error).__name__, "is the disk full?")
    except Exception as error:
        if os.environ.get("HWGEN_DEBUG"):
            raise
        found = f"{type(error).__name__}: {printable(error, 160)}"
        return _fail("internal", found, "a bug; HWGEN_DEBUG=1 shows where")
    return 0


def _fail(where: str, found: str, allowed: str) -> int:
    with contextlib.suppress(OSError):
        click.echo(f"hwgen: error: {where}: {found}, {allowed}", err=True)
    return 1


if __name__ == "__main__":
    main()
