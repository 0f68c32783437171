"""Fixtures for pytest, and an assertion: does my server refuse the clients that it should refuse?

pytest loads this module in every run where the lab is installed, so it imports the lab only when a
fixture or the assertion is used. ``mtls_ca`` is a CA; ``mtls_identity(scenario="expired")`` is a
client's identity of that CA, good or broken; ``mtls_server`` is the lab's server, which trusts it;
``mtls_tap("host:port")`` is a tap in front of a server.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from lab.api import LabCA, LabIdentity, LabServer, LabTap, Report, Trust
    from lab.probing.results import Finding

_MOST_DRAWN = 3


@pytest.fixture(scope="session")
def mtls_ca() -> LabCA:
    """Return a CA of this run, which nothing trusts but what is told to."""
    from lab.api import LabCA

    return LabCA()


@pytest.fixture
def mtls_identity(mtls_ca: LabCA) -> Callable[..., LabIdentity]:
    """Return ``LabCA.client`` of ``mtls_ca``: it issues a client's identity.

    Its arguments are ``scenario``, as ``lab.probe --list`` names them, and ``common_name``.
    """
    return mtls_ca.client


@pytest.fixture
def mtls_server(mtls_ca: LabCA) -> Iterator[LabServer]:
    """Yield the lab's server, which demands client certificates of ``mtls_ca``."""
    from lab.api import LabServer

    with LabServer(trust=mtls_ca) as server:
        yield server


@pytest.fixture
def mtls_tap() -> Iterator[Callable[[str | LabServer], LabTap]]:
    """Yield a function that starts a tap in front of a server; all end with the test."""
    from lab.api import LabTap

    with contextlib.ExitStack() as stack:
        yield lambda target: stack.enter_context(LabTap(target=target))


def assert_refuses_bad_clients(
    address: str,
    ca: LabCA,
    *,
    starttls: str | None = None,
    only: Sequence[str] = (),
    skip: Sequence[str] = (),
    trust: Trust | None = None,
    verify: bool = True,
    sni: str | None = None,
    request: str | None = None,
    versions: Sequence[str] = ("1.2", "1.3"),
    crl_loaded: bool = False,
) -> None:
    """Fail unless the server at ``address`` refuses each client that it should refuse.

    The arguments are those of ``lab.api.probe_server``, and ``starttls`` that of ``route_of``; the
    server must trust ``ca``. The failure shows the table of ``lab.probe``, and the handshakes of
    what is wrong. Where the probe is inconclusive, a scenario of ``only`` could not be judged or no
    bad certificate was refused, it fails, too: nothing was shown then. It blocks: where the server
    runs on the event loop of the test, call it by ``asyncio.to_thread``. Raises what
    ``probe_server`` and ``route_of`` raise.
    """
    __tracebackhide__ = True
    from lab.api import ArgumentError, probe_server, route_of

    if not address:  # of which probe_server makes the lab's own server
        raise ArgumentError(f"address is {address!r}; give the server's host:port")
    report = probe_server(
        address,
        route=route_of(starttls=starttls),
        ca=ca,
        only=only,
        skip=skip,
        trust=trust,
        verify=verify,
        sni=sni,
        request=request,
        versions=versions,
        crl_loaded=crl_loaded,
    )
    unjudged = set(only) - {one.scenario.name for one in report.findings if _is_judged(one)}
    if not report.passed or unjudged or not (only or report.bad_refused):
        raise AssertionError(_failure(report))


def _is_judged(finding: Finding) -> bool:
    from lab.probing.results import Verdict

    return finding.verdict not in (Verdict.NOT_TRIED, Verdict.UNPREPARED, Verdict.UNTOLD)


def _failure(report: Report) -> str:
    """Return the table of a report, and pictures of what is wrong in it."""
    from lab.show.text.probe_text import print_report
    from lab.show.text.trace_text import print_trace

    text = io.StringIO()
    kind = "does something wrong" if report.faulty else "could not be judged"
    print(f"{report.target} {kind}\n", file=text)
    print_report(report, text)
    wrong = [one for one in report.findings if not (one.fine and _is_judged(one))]
    wrong.sort(key=lambda finding: not finding.verdict.faulty)
    for finding in [one for one in wrong if one.trace is not None][:_MOST_DRAWN]:
        print(f"\n{finding.scenario.name}: {finding.verdict.value}\n", file=text)
        assert finding.trace is not None
        print_trace(finding.trace, text)
    return text.getvalue()
