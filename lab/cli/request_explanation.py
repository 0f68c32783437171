"""``python -m lab.explain --request``: what a server asks of clients, and who would send what."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from lab.api import (
    BOTH_VERSIONS,
    ConnectionFailedError,
    LabError,
    RequestReport,
    explain_request_async,
)
from lab.cli.command_line import CAPTURE_SUFFIXES, complete, names_file, output, refuse, say
from lab.cli.identity_options import password_of_files
from lab.cli.route_options import ROUTE_OPTIONS, named_route, with_proxy_note
from lab.pki.errors import PkiError
from lab.show.documents.request_json import request_document
from lab.show.request_text import print_requests
from lab.tracing.target import TargetError

_SUFFIXES = (*CAPTURE_SUFFIXES, ".json")
_OF_SERVER = {"versions": "--tls1.2 or --tls1.3", "sni": "--sni", **ROUTE_OPTIONS}
_OF_FILE = {"keylog": "--keylog"}


def explain_request_named(door: str, options: argparse.Namespace) -> int:
    """Explain the request that ``options`` name, print it, and return the exit code."""
    if problem := _misplaced(options):
        return refuse(door, problem)
    try:
        report = complete(
            explain_request_async(
                _source(options.request),
                route=named_route(options),
                certificates=options.cert,
                keys=options.key,
                password=password_of_files(options.password_file) if options.cert else None,
                versions=options.versions or BOTH_VERSIONS,
                sni=options.sni,
                timeout=options.timeout,
                key_log=options.keylog,
            )
        )
    except ConnectionFailedError as error:
        return refuse(door, with_proxy_note(error, options))
    except (LabError, PkiError, TargetError) as error:
        return refuse(door, str(error))
    except KeyboardInterrupt:
        return 130
    if not (report.requests or report.unasked):
        return refuse(door, f"{report.source} has no connection with TLS")
    _print(report, options)
    return 0 if report.tells else refuse(door, _untold(report))


def _misplaced(options: argparse.Namespace) -> str:
    """Return what is wrong with the options together; "" if nothing is."""
    if options.key and not options.cert:
        return "--key goes with --cert: give the certificate that it belongs to"
    is_file = isinstance(_source(options.request), Path)
    others = _OF_SERVER if is_file else _OF_FILE
    given = next((option for name, option in others.items() if vars(options)[name]), "")
    kind = "of a server that is dialled" if is_file else "of a capture"
    read = "is read as a file" if is_file else "is taken for a server"
    return given and f"{given} is {kind}; {options.request} {read}"


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
