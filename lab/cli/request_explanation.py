"""``python -m lab.explain --request``: what a server asks of clients, and who would send what."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from lab.api import BOTH_VERSIONS, LabError, RequestReport, explain_request_async
from lab.cli.command_line import CAPTURE_SUFFIXES, complete, names_file, output, refuse, say
from lab.cli.identity_options import password_of_files
from lab.pki.errors import PkiError
from lab.show.documents.request_json import request_document
from lab.show.request_text import print_requests

_SUFFIXES = (*CAPTURE_SUFFIXES, ".json")


def explain_request_named(door: str, options: argparse.Namespace) -> int:
    """Explain the request that ``options`` name, print it, and return the exit code."""
    if options.key and not options.cert:
        return refuse(door, "--key goes with --cert: give the certificate that it belongs to")
    try:
        report = complete(
            explain_request_async(
                _source(options.request),
                certificates=options.cert,
                keys=options.key,
                password=password_of_files(options.password_file) if options.cert else None,
                versions=options.versions or BOTH_VERSIONS,
                sni=options.sni,
                timeout=options.timeout,
                key_log=options.keylog,
            )
        )
    except (LabError, PkiError) as error:
        return refuse(door, str(error))
    except KeyboardInterrupt:
        return 130
    if not (report.requests or report.unasked):
        return refuse(door, f"{report.source} has no connection with TLS")
    _print(report, options)
    return 0 if report.tells else refuse(door, _untold(report))


def _source(text: str) -> str | Path:
    return Path(text) if names_file(text, _SUFFIXES) else text


def _print(report: RequestReport, options: argparse.Namespace) -> None:
    if options.json:
        say([json.dumps(request_document(report), indent=2)])
        return
    with output() as file:
        print_requests(report, file)


def _untold(report: RequestReport) -> str:
    return f"{report.source}: whether a certificate is asked for cannot be told, as is said above"
