"""What a scenario is: a client, or a server, that is wrong in one named way, and what must follow.

Rules: a scenario is data. What a server *should* do (``norm``) holds for every server; what the
lab's own server does, to the letter (``expectations``), was measured, and holds for the OpenSSL
that it was measured with.

This module must not know the scenarios, nor how one is tried.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from cryptography import x509

from lab.diagnosis.results import Result, Signal
from lab.pki import catalogue
from lab.pki.catalogue import CrlRecipe, Recipe
from lab.pki.lab_ca import LabAuthority
from lab.stream.contexts import ClientAuth, TlsVersion
from lab.tls.code_points import AlertDescription
from lab.tls.events import Endpoint
from lab.tracing.client_hello_edit import HelloChange
from lab.x509.problems import Problem, chain_wording

MEASURED_WITH = frozenset({(3, 0), (3, 3), (3, 5)})
"""The OpenSSL versions, major and minor, that the expectations were measured with: 3.0.19, 3.3.1,
3.5.0 and 3.5.9, at OpenSSL's security level 2."""

COMMAND_WORDS = ("cert", "ca", "crl", "address")
"""What stands in braces in a command: files of the client's certificates and key in one, of the CA
and of the revocation lists, and the server's host:port."""

TrustRecipe = Callable[[LabAuthority], tuple[x509.Certificate, ...]]
"""Which CAs one end trusts."""


class ScenarioFamily(enum.Enum):
    """What kind of thing is wrong."""

    IDENTITY = "identity"
    SETTINGS = "settings"
    SERVER = "the server's side"
    POLICY = "policy"


class Norm(enum.Enum):
    """What any server (or, where the server is wrong, any client) should do."""

    ACCEPT = "accept"
    REFUSE = "refuse"
    EITHER = "either"


def lab_root(ca: LabAuthority) -> tuple[x509.Certificate, ...]:
    """Return the CA alone, as it should be."""
    return (ca.root,)


def many_roots(ca: LabAuthority) -> tuple[x509.Certificate, ...]:
    """Return the CA among others, as in a system's store."""
    return (ca.root, ca.other_root().identity.certificate)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioTexts:
    """The texts of a scenario that its certificate's problem gives, and the codes of its causes."""

    sentence: str
    fix: str
    codes: frozenset[str]


def texts_of(problem: Problem | None, role: Endpoint, sentence: str, fix: str) -> ScenarioTexts:
    """Return the texts for a certificate of ``role``; those that are "" are the problem's.

    Without a problem the certificate is good.
    """
    if problem is None:
        return ScenarioTexts(
            sentence=sentence, fix=fix or "none needed", codes=frozenset({"mutual-tls"})
        )
    leaf = "the certificate" if role is Endpoint.CLIENT else "the server's certificate"
    wording = replace(chain_wording(role.value, role.other.value), leaf=leaf, certificate=leaf)
    summary = problem.summary_in(wording)
    return ScenarioTexts(
        sentence=sentence or summary[0].upper() + summary[1:],
        fix=fix or problem.fix_in(wording),
        codes=frozenset({f"{role.value}-{problem.code}"}),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsClient:
    """A client that shakes hands and asks for the TODO list.

    ``server_name`` is what it calls the server, None for the server's own name. Without
    ``checks_server`` it takes any certificate of the server. ``security_level`` is OpenSSL's, as
    for :class:`~lab.stream.contexts.ClientTls`.
    """

    identity: Recipe | None = None
    trusts: TrustRecipe = lab_root
    server_name: str | None = None
    checks_server: bool = True
    alpn: tuple[str, ...] = ()
    security_level: int | None = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class HelloClient:
    """A client that sends a ClientHello and leaves at the server's first answer."""

    changes: Mapping[TlsVersion, HelloChange]


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
    """How one connection must end; the fields are those of :class:`~lab.tls.outcome.Outcome`.

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One way to be refused, or not to be.

    * ``name`` is for machines and command lines; ``sentence`` says what it is, ``made`` how it is
      made, ``cause`` what it stands for in real life, ``fix`` what mends it.
    * ``command`` shows it in a shell, by the openssl program where that can do it, with words of
      ``COMMAND_WORDS`` in braces; "" where no program at hand can.
    * ``codes`` are those of the diagnoses that name the cause, any of which will do.
    * ``norm`` is what every server should do, ``expectations`` what the lab's own does.
    * ``anywhere`` tells whether it can be tried against a server that is not the lab's own, and
      ``needs`` what that server must have for the norm to hold, "" if nothing.
    * ``about_algorithm`` tells that the key or the signature algorithm of the certificate is the
      point, so that a server which takes none like it need not be tried.
    * ``control`` names the good scenario that must get in, or a refusal of this one proves nothing.
    """

    name: str
    family: ScenarioFamily
    sentence: str
    made: str
    cause: str
    fix: str
    command: str
    norm: Norm
    client: Client
    expectations: Mapping[TlsVersion, Expectation]
    codes: frozenset[str]
    host: Host = field(default_factory=Host)
    anywhere: bool = True
    needs: str = ""
    about_algorithm: bool = False
    control: str = "good"

    def expectation(self, version: TlsVersion, openssl: tuple[int, int]) -> Expectation | None:
        """Return what the lab's server does with this OpenSSL; None: not measured."""
        return self.expectations[version] if openssl in MEASURED_WITH else None
