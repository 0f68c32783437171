"""Made-up reports on clients, for the faces."""

from __future__ import annotations

from lab.probing.clients.client_mistakes import mistakes_of
from lab.probing.clients.results import (
    ClientConduct,
    ClientFinding,
    ClientReport,
    ClientVerdict,
)
from lab.probing.clients.server_selection import find_server

HOSTILE = "\x1b[31mred\x00</testcase>\u202e"
_CONDUCTS = {
    ClientVerdict.RIGHT: ClientConduct.REFUSED,
    ClientVerdict.CONCEALED: ClientConduct.REFUSED,
    ClientVerdict.SHUT_OUT: ClientConduct.REFUSED,
    ClientVerdict.LET_IN: ClientConduct.ACCEPTED,
    ClientVerdict.UNTOLD: ClientConduct.UNTOLD,
}


def client_finding(
    name: str,
    verdict: ClientVerdict = ClientVerdict.RIGHT,
    conduct: ClientConduct | None = None,
    *,
    matters: bool = True,
    notes: tuple[str, ...] = (),
    output: str = "",
) -> ClientFinding:
    return ClientFinding(
        server=find_server(name),
        conduct=conduct or _CONDUCTS[verdict],
        verdict=verdict,
        by="its request" if verdict is ClientVerdict.LET_IN else "unknown_ca (48)",
        exit_code=0,
        connections=1,
        presented=True,
        matters=matters,
        seconds=0.25,
        notes=notes,
        output=output,
    )


def good() -> ClientFinding:
    return client_finding("good", conduct=ClientConduct.ACCEPTED)


def client_report(*findings: ClientFinding) -> ClientReport:
    return ClientReport(
        command=("curl", "{url}"),
        findings=findings,
        mistakes=mistakes_of(findings),
        seconds=1.5,
    )
