"""The lab's server without an observer, for the benchmark: ``lab.server``, options and all."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from lab.cli.server_options import parser
from lab.server import server_log, serving
from lab.serving.process import serve

if __name__ == "__main__":
    options = parser().parse_args()
    with server_log("text", verbose=False):
        asyncio.run(serve(replace(serving(options), handshake_log=None)))
