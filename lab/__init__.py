"""A laboratory for mutual TLS: see each handshake message, and why a client is refused.

Rules: this file and ``lab.cli.interpreter`` must parse on Python 3.6, or an old interpreter would
show a traceback in place of the line that says which one to use.
"""

import sys

__version__ = "0.1.0"

if getattr(sys, "argv", [])[:1] == ["-m"]:  # while runpy looks for the module to run
    from lab.cli.interpreter import refuse_unfit_interpreter

    refuse_unfit_interpreter()
