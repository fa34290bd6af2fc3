"""``python -m hwgen`` is the ``hwgen`` command."""

from hwgen.flows.cli.main import main

main()
