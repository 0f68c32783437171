"""``python -m lab.server``: the TODO service over mutual TLS, with every handshake in its log."""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import sys
from collections.abc import Sequence
from datetime import datetime, timezone
from functools import partial

from lab.cli.command_line import port_number, refuse, run
from lab.cli.identity_options import named_folder
from lab.cli.log_output import logging_to_stderr
from lab.cli.server_options import limits_of, parser
from lab.diagnosis.diagnose import diagnose
from lab.diagnosis.outcome import OutcomeJudge
from lab.diagnosis.results import Cause, Outcome
from lab.http import log_entries
from lab.pki.errors import PkiError
from lab.pki.files.set_writing import ensure_set
from lab.serving.process import CannotServe, Serving, runner, serve
from lab.serving.server_files import ServerFiles
from lab.show.text.server_log import JsonFormatter, StageLog, TextFormatter
from lab.stream.contexts import ClientAuth, TlsVersion
from lab.tls.events import Event
from lab.todo.allow_list import AllowList, NotAName
from lab.todo.application import Policy
from lab.todo.results import HomeView, HtmlPage

DOOR = "lab.server"


def main(argv: Sequence[str] | None = None, *, prog: str = "python -m lab.server") -> int:
    """Serve until asked to stop; returns the exit code."""
    try:
        port_number(os.environ.get("MTLS_SERVER_PORT") or "8443")
    except argparse.ArgumentTypeError as error:
        return refuse(DOOR, f"MTLS_SERVER_PORT {error}; set it to one, or unset it")
    options = parser(prog).read(sys.argv[1:] if argv is None else argv)
    if not options.host:
        return refuse(DOOR, "--host is empty; name an address, 0.0.0.0 for all of IPv4")
    if options.min_tls > options.max_tls:
        return refuse(DOOR, f"--min-tls {options.min_tls} is above --max-tls {options.max_tls}")
    if options.client_auth == "on-demand" and options.max_tls == "1.2":
        return refuse(
            DOOR, "--client-auth on-demand asks in TLS 1.3 only, which --max-tls 1.2 rules out"
        )
    try:
        run_loop = runner(options.loop)
        with server_log(options.log_format, verbose=options.verbose):
            run_loop(serve(serving(options)))
    except (NotAName, PkiError, CannotServe) as error:
        return refuse(DOOR, str(error))
    except KeyboardInterrupt:  # before the handlers were in place
        return 130
    return 0


def server_log(log_format: str, *, verbose: bool) -> contextlib.AbstractContextManager[None]:
    """Return a block inside which the server's log, and all else that is logged, is on stderr."""
    # What no line of ours shows need not be looked up for each.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    log_entries.LOGGER.setLevel(logging.DEBUG if verbose else logging.INFO)
    return logging_to_stderr(
        _formatter(log_format),
        _lines_dropped,
    )


def _lines_dropped(count: int, reason: str) -> logging.LogRecord:
    """Tell that ``count`` lines before this one are not in the log."""
    return log_entries.record_of(
        "LOG",
        f"{count} line{'s'[: count != 1]} dropped: {reason}",
        level=logging.WARNING,
        event="lines_dropped",
        count=count,
        reason=reason,
    )


def _formatter(log_format: str) -> logging.Formatter:
    if log_format == "json":
        return JsonFormatter()
    if sys.stderr.isatty():
        from lab.show.text.terminal_log import TerminalFormatter

        return TerminalFormatter("SERVER", sys.stderr)
    return TextFormatter("SERVER")


def serving(options: argparse.Namespace) -> Serving:
    """The settings that the options ask for. Raises NotAName, PkiError or CannotServe."""
    refused_only = options.log_handshakes == "refused" and not options.verbose
    return Serving(
        host=options.host,
        port=options.port,
        policy=_policy(options),
        files=_files(options),
        limits=limits_of(options),
        store=options.store,
        monitor_port=options.monitor_port,
        reuse_port=options.reuse_port,
        handshake_log=partial(
            StageLog,
            logger=log_entries.LOGGER,
            judge=OutcomeJudge,
            explain=_causes,
            refused_only=refused_only,
        ),
        page=_page,
        verbose=options.verbose,
        failures_only=refused_only,
    )


def _page(view: HomeView) -> HtmlPage:
    """Make the home page. Imported only here: templates take time to load, and memory."""
    from lab.show.html.home_page import home_page

    return home_page(view)


def _causes(events: Sequence[Event], outcome: Outcome) -> Sequence[Cause]:
    return diagnose(events, outcome, now=datetime.now(timezone.utc))


def _policy(options: argparse.Namespace) -> Policy | None:
    if not options.allow_cn and not options.allow_san:
        return None
    if options.client_auth == ClientAuth.NONE.value:
        raise NotAName(
            "--allow-cn and --allow-san need client certificates; leave out --client-auth none"
        )
    return AllowList.of(common_names=options.allow_cn, alternative_names=options.allow_san)


def _files(options: argparse.Namespace) -> ServerFiles:
    if options.crl is not None and options.client_auth == ClientAuth.NONE.value:
        raise CannotServe("--crl needs client certificates; leave out --client-auth none")
    if options.key is not None and options.cert is None:
        raise CannotServe("--key goes with --cert; name the certificate that it belongs to")
    if options.cert is None or options.ca is None:
        named_folder(options.certs)
        if ensure_set(options.certs, now=datetime.now(timezone.utc)):
            made = f"No certificates in {options.certs}: made a new CA, server and client there"
            log_entries.LOGGER.info(made)
    return ServerFiles(
        directory=options.certs,
        certificate=options.cert,
        key=options.key,
        authorities=options.ca,
        crl=options.crl,
        client_auth=ClientAuth(options.client_auth),
        minimum=TlsVersion(options.min_tls),
        maximum=TlsVersion(options.max_tls),
    )


if __name__ == "__main__":
    raise SystemExit(run(main, DOOR))
