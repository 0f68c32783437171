"""What a scenario is: a client, or a server, that is wrong in one named way, and what must follow.

Rules: a scenario is data. What a server *should* do (``norm``) holds for every server; what the
lab's own server does, to the letter (``expectations``), was measured, and holds for the OpenSSL
that it was measured with.

The versions differ in one thing. In TLS 1.2 the client's handshake call fails with the server's
verdict on its certificate; in TLS 1.3 it has returned before the server judges (RFC 9846 section
4.5.3), and the client learns at its first read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from cryptography import x509

from lab.diagnosis.results import Result, Signal
from lab.pki import catalogue
from lab.pki.catalogue import CrlRecipe, Recipe
from lab.pki.lab_ca import LabAuthority
from lab.probing.results import Norm, ScenarioDescription, ScenarioFamily
from lab.stream.contexts import ClientAuth, TlsVersion
from lab.tls.code_points import AlertDescription
from lab.tls.events import Endpoint
from lab.tracing.client_hello_edit import HelloChange
from lab.x509.problems import Problem, chain_wording
from lab.x509.verify_codes import VerifyCode

MEASURED_WITH = frozenset({(3, 0), (3, 3), (3, 5)})
"""The OpenSSL versions, major and minor, that the expectations were measured with: 3.0.19, 3.3.1,
3.5.0 and 3.5.9, at OpenSSL's security level 2."""

COMMAND_WORDS = ("cert", "ca", "crl", "address")
"""What stands in braces in a command: files of the client's certificates and key in one, of the CA
and of the revocation lists, and the server's host:port."""

TrustRecipe = Callable[[LabAuthority], tuple[x509.Certificate, ...]]
"""Which CAs one end trusts."""


def lab_root(ca: LabAuthority) -> tuple[x509.Certificate, ...]:
    """Return the CA alone, as it should be."""
    return (ca.root,)


def many_roots(ca: LabAuthority) -> tuple[x509.Certificate, ...]:
    """Return the CA among others, as in a system's store."""
    return (ca.root, ca.other_root().identity.certificate)


def other_root(ca: LabAuthority) -> tuple[x509.Certificate, ...]:
    """Return another CA alone, which issued for neither end."""
    return (ca.other_root().identity.certificate,)


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsClient:
    """A client that shakes hands and asks for the TODO list.

    ``server_name`` is what it calls the server, None for the server's own name. Without
    ``checks_server`` it takes any certificate of the server. ``security_level`` is OpenSSL's, as
    for :class:`~lab.stream.contexts.ClientTls`. With ``outlives`` it asks when its certificate,
    valid in the handshake, has expired.
    """

    identity: Recipe | None = None
    trusts: TrustRecipe = lab_root
    server_name: str | None = None
    checks_server: bool = True
    alpn: tuple[str, ...] = ()
    security_level: int | None = 0
    outlives: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HelloClient:
    """A client that sends a ClientHello and leaves at the server's first answer.

    ``first`` bytes of it arrive alone, as in a TCP segment of their own; 0: all come at once.
    """

    changes: Mapping[TlsVersion, HelloChange]
    first: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BareClient:
    """A client that sends these bytes and waits for the server's end; TLS they are not."""

    data: bytes


Client = TlsClient | HelloClient | BareClient


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """The lab's server, as a scenario needs it; by default as it always is.

    ``handshake_timeout`` is in seconds.
    """

    identity: Recipe = catalogue.good_server
    trusts: TrustRecipe = lab_root
    revocation_lists: CrlRecipe | None = None
    client_auth: ClientAuth = ClientAuth.REQUIRED
    allow_cn: tuple[str, ...] = ()
    allow_san: tuple[str, ...] = ()
    handshake_timeout: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """How one connection must end; the fields are those of :class:`~lab.diagnosis.results.Outcome`.

    ``alerts`` is the set of which one must be seen, empty for none. ``verify_code`` is the verdict
    of the refusing end's OpenSSL (X509_V_ERR_…), ``reason`` its wording; None and "" where it
    judges no certificate. ``client_returned`` tells whether the client's handshake call returns.
    """

    result: Result
    by: Endpoint | None = None
    signal: Signal | None = None
    alerts: frozenset[AlertDescription] = frozenset()
    verify_code: int | None = None
    reason: str = ""
    http_status: int | None = None
    client_returned: bool = False


Expectations = Mapping[TlsVersion, Expectation]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario(ScenarioDescription):
    """One way to be refused, or not to be.

    * ``command`` may have words of ``COMMAND_WORDS`` in braces.
    * ``codes`` are those of the diagnoses that name the cause, any of which will do.
    * ``norm`` is what every server should do, ``expectations`` what the lab's own does.
    * ``control`` names the good scenario that must get in, or a refusal of this one proves nothing.
    """

    client: Client
    expectations: Expectations
    codes: frozenset[str]
    host: Host = field(default_factory=Host)
    control: str = "good"

    def expectation(self, version: TlsVersion, openssl: tuple[int, int]) -> Expectation | None:
        """Return what the lab's server does with this OpenSSL; None: not measured."""
        return self.expectations[version] if openssl in MEASURED_WITH else None


_GOOD_HOST = Host()


def scenario(
    name: str,
    client: Client | Recipe,
    expectations: Expectations,
    problem: Problem | None = None,
    *,
    family: ScenarioFamily,
    sentence: str = "",
    made: str,
    cause: str,
    fix: str = "",
    command: str,
    norm: Norm = Norm.REFUSE,
    codes: Iterable[str] = (),
    role: Endpoint = Endpoint.CLIENT,
    host: Host = _GOOD_HOST,
    anywhere: bool = True,
    needs: str = "",
    about_algorithm: bool = False,
    control: str = "good",
) -> Scenario:
    """Return a scenario. Its ``problem`` gives the texts that are "", and the code of its cause.

    ``role`` is the end whose certificate has the problem.
    """
    if problem is not None:
        leaf = "the certificate" if role is Endpoint.CLIENT else "the server's certificate"
        wording = replace(chain_wording(role.value, role.other.value), leaf=leaf, certificate=leaf)
        summary = problem.summary_in(wording)
        sentence = sentence or summary[0].upper() + summary[1:]
        fix = fix or problem.fix_in(wording)
        codes = (*codes, f"{role.value}-{problem.code}")
    return Scenario(
        name=name,
        family=family,
        sentence=sentence,
        made=made,
        cause=cause,
        fix=fix or "none needed",
        command=command,
        norm=norm,
        client=TlsClient(identity=client) if callable(client) else client,
        expectations=expectations,
        codes=frozenset(codes) or frozenset({"mutual-tls"}),
        host=host,
        anywhere=anywhere,
        needs=needs,
        about_algorithm=about_algorithm,
        control=control,
    )


# For names and addresses Python's ssl has words of its own.
_MISMATCHES = {
    VerifyCode.HOSTNAME_MISMATCH: "Hostname mismatch, certificate is not valid for 'localhost'.",
    VerifyCode.IP_ADDRESS_MISMATCH: "IP address mismatch, certificate is not valid for "
    "'127.0.0.1'.",
}


def accepted() -> Expectations:
    """Expect that the handshake is completed, and HTTP answers 200."""
    end = Expectation(result=Result.ACCEPTED, http_status=200, client_returned=True)
    return dict.fromkeys(TlsVersion, end)


def answered(status: int) -> Expectations:
    """Expect that the handshake is completed, and HTTP refuses."""
    end = Expectation(
        result=Result.REJECTED,
        by=Endpoint.SERVER,
        signal=Signal.HTTP_STATUS,
        http_status=status,
        client_returned=True,
    )
    return dict.fromkeys(TlsVersion, end)


def refused(
    *alerts: AlertDescription, code: VerifyCode | None = None, reason: str = ""
) -> Expectations:
    """Expect that the server refuses the client's certificate with one of ``alerts``."""
    return {
        TlsVersion.TLS12: _alert(Endpoint.SERVER, alerts, code, reason, returned=False),
        TlsVersion.TLS13: _alert(Endpoint.SERVER, alerts, code, reason, returned=True),
    }


def refused_at_hello(alert: AlertDescription) -> Expectations:
    """Expect that the server refuses the ClientHello, before any certificate is seen."""
    end = _alert(Endpoint.SERVER, (alert,), None, "", returned=False)
    return dict.fromkeys(TlsVersion, end)


def refused_by_client(alert: AlertDescription, *, code: VerifyCode) -> Expectations:
    """Expect that the client refuses the server's certificate."""
    end = _alert(Endpoint.CLIENT, (alert,), code, "", returned=False)
    return dict.fromkeys(TlsVersion, end)


def ended(result: Result, by: Endpoint, signal: Signal) -> Expectations:
    """Expect no alert: one end stops, or does not even begin."""
    end = Expectation(result=result, by=by, signal=signal)
    return dict.fromkeys(TlsVersion, end)


def by_version(tls12: Expectations, tls13: Expectations) -> Expectations:
    """Join expectations where the versions differ in more than the above."""
    return {TlsVersion.TLS12: tls12[TlsVersion.TLS12], TlsVersion.TLS13: tls13[TlsVersion.TLS13]}


def _alert(
    by: Endpoint,
    alerts: tuple[AlertDescription, ...],
    code: VerifyCode | None,
    reason: str,
    *,
    returned: bool,
) -> Expectation:
    return Expectation(
        result=Result.REJECTED,
        by=by,
        signal=Signal.ALERT,
        alerts=frozenset(alerts),
        verify_code=code,
        reason=reason if code is None else _MISMATCHES.get(code, code.words),
        client_returned=returned,
    )
