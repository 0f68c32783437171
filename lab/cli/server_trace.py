"""Tracing a server that is dialled: the lab's own or any other, in each TLS version.

This module must not know captures.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

from lab.api import (
    BOTH_VERSIONS,
    ConnectionFailedError,
    LabCA,
    LabError,
    LabIdentity,
    LabServer,
    Trace,
    Trust,
    trace_server_async,
)
from lab.cli.command_line import complete, output, refuse, refuse_os_error, say
from lab.cli.identity_options import identity_of
from lab.cli.picture_files import SameFileError, picture_files
from lab.cli.route_options import named_route, with_proxy_note
from lab.pki.errors import PkiError
from lab.pki.files.lab_set import DEFAULT_DIRECTORY, Role, SetPaths, load_role
from lab.show.documents.trace_json import document
from lab.show.text.comparison import print_comparisons
from lab.show.text.trace_text import print_brief, print_trace
from lab.tracing.target import LOOPBACK, TargetError, default_target, parse_target
from lab.tracing.trace_server import listens


@dataclass(frozen=True, slots=True, kw_only=True)
class _Subject:
    """What to trace: a server that runs, or the lab's own, to be started here.

    ``trust`` is the default CA of the server, ``client`` the identity of ``--with-cert``.
    """

    server: str | LabServer
    trust: Trust | None
    client: Callable[[], LabIdentity]
    notice: str


def trace_server_named(door: str, options: argparse.Namespace) -> int:
    """Trace the server of ``options``, print what was seen, and return the exit code."""
    try:
        with picture_files(options) as pictures:
            subject = _subject(options.target)
            traces = complete(_traces(subject, options, keep_records=pictures.keep_records))
            pictures.write(traces)
    except ConnectionFailedError as error:
        return refuse(door, with_proxy_note(error, options))
    except (TargetError, PkiError, LabError, SameFileError) as error:
        return refuse(door, str(error))
    except OSError as error:  # of a picture
        return refuse_os_error(door, error)
    except KeyboardInterrupt:
        return 130
    if options.json:
        say([json.dumps(document(traces), indent=2)])
    elif options.brief:
        with output() as file:
            print_brief(traces, file)
    else:
        say([textwrap.fill(subject.notice, 80), ""])
        _report(traces)
    if options.expect is None or all(trace.meets(options.expect) for trace in traces):
        return 0
    print(f"{door}: not as expected ({options.expect})", file=sys.stderr)
    return 1


def _subject(named: str | None) -> _Subject:
    lab_ca = DEFAULT_DIRECTORY / "ca.crt"
    trust = lab_ca if lab_ca.exists() else None
    if named is not None:
        notice = f"Tracing {parse_target(named).address}."
        return _Subject(server=named, trust=trust, client=_lab_client, notice=notice)
    lab = default_target(os.environ)
    if lab.host != LOOPBACK:
        notice = f"Tracing {lab.authority}, which MTLS_SERVER_HOST names."
        return _Subject(server=lab.authority, trust=trust, client=_lab_client, notice=notice)
    if listens(lab.host, lab.port):
        notice = f"Tracing the server that listens at {lab.authority}."
        return _Subject(server=lab.authority, trust=trust, client=_lab_client, notice=notice)
    notice = (
        f"Nothing listens at {lab.authority}: tracing the lab's own server, started in this "
        "process, with {}. Both ends are shown."
    )
    if not SetPaths(directory=DEFAULT_DIRECTORY).existing():
        ca = LabCA()
        notice = notice.format("certificates made for the occasion")
        return _Subject(server=LabServer(trust=ca), trust=ca, client=ca.client, notice=notice)
    files = load_role(DEFAULT_DIRECTORY, Role.SERVER, now=datetime.now(timezone.utc))
    own = LabServer(trust=files.ca_path, identity=LabIdentity(identity=files.identity))
    notice = notice.format(f"those in {DEFAULT_DIRECTORY}")
    return _Subject(server=own, trust=files.ca_path, client=_lab_client, notice=notice)


def _lab_client() -> LabIdentity:
    files = load_role(DEFAULT_DIRECTORY, Role.CLIENT, now=datetime.now(timezone.utc))
    return LabIdentity(identity=files.identity)


async def _traces(
    subject: _Subject, options: argparse.Namespace, *, keep_records: bool
) -> tuple[Trace, ...]:
    identity = subject.client() if options.with_cert else identity_of(options)
    own = subject.server if isinstance(subject.server, LabServer) else contextlib.nullcontext()
    async with own:
        return await trace_server_async(
            subject.server,
            route=named_route(options),
            identity=identity,
            trust=options.ca or subject.trust,
            system_trust=options.target is not None and not options.ca,
            verify=not options.insecure,
            versions=options.versions or BOTH_VERSIONS,
            sni=options.sni,
            alpn=() if options.alpn is None else options.alpn.split(","),
            request=options.request,
            after=options.after,
            write_first=options.write_first,
            post_handshake_auth=not options.no_post_handshake_auth,
            security_level=options.security_level,
            client_ca=options.client_ca,
            client_crl=options.client_crl,
            timeout=options.timeout,
            resume=options.resume,
            key_log=options.keylog,
            pcapng=options.pcapng,
            keep_records=keep_records,
        )


def _report(traces: Sequence[Trace]) -> None:
    with output() as file:
        for trace in traces:
            print_trace(trace, file)
            print(file=file)
        print_comparisons(traces, file)
