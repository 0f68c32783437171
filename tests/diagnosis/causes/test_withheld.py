"""What the rules of client selection say of an empty Certificate."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

import pytest
from cryptography import x509

from lab.diagnosis.causes import withheld
from lab.diagnosis.causes.accepted import EMPTY
from lab.diagnosis.certificate_selection import select as rules_of_clients
from lab.diagnosis.certificate_selection.results import (
    CertificateAtHand,
    ClientProgram,
    ClientSelection,
    Decision,
)
from lab.diagnosis.diagnose import diagnose
from lab.diagnosis.outcome import judge
from lab.diagnosis.results import Cause
from lab.pki.identity import certificates_pem
from lab.serving.openssl_server import openssl_server
from lab.tls.code_points import AlertDescription, ClientCertificateType, SignatureScheme
from lab.tls.events import Event, Fact
from lab.tls.messages import CertificateRequest
from lab.tls.observer import Observer
from lab.x509.certificates import describe
from tests.diagnosis.certificate_selection.clients import NssClient, written
from tests.diagnosis.certificate_selection.identities import Identities
from tests.support.events import (
    CLIENT,
    EMPTY_CERTIFICATE,
    SERVER,
    alert,
    client_chain,
    client_hello,
    fact,
    message_seen,
    server_hello,
)
from tests.support.openssl import Relay, needs_openssl
from tests.support.serving import in_thread

NOW = datetime(2026, 11, 30, tzinfo=timezone.utc)
NAMED = x509.Name.from_rfc4514_string("CN=Another CA").public_bytes()
ECDSA, RSA = SignatureScheme.ECDSA_SECP256R1_SHA256, SignatureScheme.RSA_PKCS1_SHA256


def request(*schemes: SignatureScheme, names: tuple[bytes, ...] = (NAMED,)) -> CertificateRequest:
    return CertificateRequest(
        supported_signature_algorithms=schemes or (ECDSA, RSA), certificate_authorities=names
    )


def events_of(asked: CertificateRequest, *more: Event) -> list[Event]:
    refusal = alert(SERVER, AlertDescription.CERTIFICATE_REQUIRED)
    asks = message_seen(SERVER, asked)
    return [*more, client_hello(), server_hello(), asks, EMPTY_CERTIFICATE, refusal]


def cause_of(events: Sequence[Event], certificate: bytes | None = None) -> Cause:
    has = None if certificate is None else True
    causes = diagnose(
        events,
        judge(events),
        now=NOW,
        client_has_certificate=has,
        client_certificate=certificate,
    )
    return next(cause for cause in causes if cause.code == "no-fitting-client-certificate")


class Rules:
    """Rules for a test: what each kind of client decides where CAs are named, and where not."""

    def __init__(self, **decisions: Decision) -> None:
        self.decisions = decisions
        self.unnamed = Decision.SENDS
        self.asked: list[tuple[CertificateRequest, Sequence[CertificateAtHand]]] = []

    def select(
        self, request: CertificateRequest, version: object, at_hand: object, *, now: datetime
    ) -> tuple[ClientSelection, ...]:
        assert isinstance(at_hand, list)
        if request.certificate_authorities:
            self.asked.append((request, at_hand))
        return tuple(
            ClientSelection(
                client=ClientProgram(code=code, name=code.capitalize(), versions=""),
                decision=decision if request.certificate_authorities else self.unnamed,
                certificate=None,
                rule="",
                reason="the request names others",
                source="",
                measured=True,
            )
            for code, decision in self.decisions.items()
        )


@pytest.fixture
def rules(monkeypatch: pytest.MonkeyPatch) -> Rules:
    made = Rules(
        go=Decision.SENDS_EMPTY,
        java=Decision.SENDS_EMPTY,
        grpc=Decision.BREAKS_OFF,
        python=Decision.SENDS,
        nss=Decision.UNKNOWN,
    )
    monkeypatch.setattr(rules_of_clients, "select", made.select)
    withheld._kinds.cache_clear()
    return made


def test_of_a_foreign_client_the_kinds_are_named_that_withhold_here(rules: Rules) -> None:
    said = cause_of(events_of(request())).evidence
    assert (
        "a certificate whose issuer is not named is as a rule withheld by Go and Java, and sent "
        "all the same by Python"
    ) in said
    ((_, (at_hand,)),) = rules.asked
    about = describe(at_hand.chain[0])
    assert (about.problem, about.key_type) == ("", "EC secp256r1")
    assert about.extended_key_usage == ("clientAuth",)
    assert about.not_valid_before and about.not_valid_after
    cause_of(events_of(request()))
    assert len(rules.asked) == 1  # a capture may have many alike


def test_what_is_asked_about_fits_in_all_but_its_issuer(rules: Rules) -> None:
    cause_of(events_of(request(RSA)))
    ((_, (at_hand,)),) = rules.asked
    about = describe(at_hand.chain[0])
    assert (about.key_type, about.key_bits) == ("RSA", 2048)
    assert about.signature_algorithm == "sha256WithRSAEncryption"
    before = len(cause_of(events_of(request(SignatureScheme.ED25519))).evidence)
    assert before == len(cause_of(events_of(request(RSA))).evidence) - 1
    only_rsa = CertificateRequest(
        certificate_types=(ClientCertificateType.RSA_SIGN,),
        supported_signature_algorithms=(ECDSA,),
        certificate_authorities=(NAMED,),
    )
    cause_of(events_of(only_rsa))
    assert len(rules.asked) == 1


def test_who_sends_none_for_another_reason_is_not_named(rules: Rules) -> None:
    rules.unnamed = Decision.SENDS_EMPTY
    assert not any("withheld" in each for each in cause_of(events_of(request())).evidence)


def test_where_no_ca_is_named_no_kind_is(rules: Rules) -> None:
    said = cause_of(events_of(request(names=()))).evidence
    assert "the server names no CA: the issuer of a certificate is no reason to send none" in said
    assert not rules.asked


def test_a_request_of_very_many_names_is_passed_over(rules: Rules) -> None:
    """To compare them takes long, and a peer may send others each time."""
    cause_of(events_of(request(names=(NAMED,) * 2000)))
    assert not rules.asked


def test_our_client_withholds_by_the_rule_of_openssl(rules: Rules) -> None:
    connected = fact(CLIENT, Fact.CONNECTED)
    own = client_chain()
    sends = cause_of(events_of(request(), connected), own)
    assert sends.summary.startswith("the client may have a certificate")
    assert not any("withheld by" in each for each in sends.evidence)
    rules.decisions[withheld.OURS] = Decision.SENDS_EMPTY
    withholds = cause_of(events_of(request(), connected), own)
    assert withholds.summary == "the client withholds its certificate: the request names others"


def test_what_the_rules_that_were_measured_say() -> None:
    """Go, Java and GnuTLS go by the names; programs with OpenSSL send what they are given."""
    withheld._kinds.cache_clear()
    rsa = (SignatureScheme.RSA_PSS_RSAE_SHA256, RSA)
    for asked in (request(), request(*rsa)):
        (said,) = (each for each in cause_of(events_of(asked)).evidence if "withheld" in each)
        withhold, _, send = said.partition(", and sent all the same by ")
        assert withhold == (
            "a certificate whose issuer is not named is as a rule withheld by Go, Java, GnuTLS, "
            "NSS and Chromium on Linux"
        )
        assert send.startswith("OpenSSL programs, Python, Node, rustls")
    # In TLS 1.3 no key signs by it: that the issuer is not named is no reason.
    assert not any("withheld" in each for each in cause_of(events_of(request(RSA))).evidence)


def test_our_client_is_told_the_curve_that_does_not_fit() -> None:
    """In TLS 1.3 a signature algorithm is for one curve: the key's type alone says nothing."""
    asked = request(SignatureScheme.ECDSA_SECP384R1_SHA384)
    cause = cause_of(events_of(asked, fact(CLIENT, Fact.CONNECTED)), client_chain())
    assert cause.summary == (
        "the client withholds its certificate: the key can make none of the signatures that the "
        "server takes"
    )


@pytest.mark.slow
@needs_openssl
@pytest.mark.skipif(
    not all(map(shutil.which, ("tstclnt", "certutil", "pk12util"))),
    reason="NSS's tools are not installed: install libnss3-tools",
)
async def test_a_real_client_that_withholds_is_among_those_that_are_named(tmp_path: Path) -> None:
    """NSS has a good certificate, of a CA that is trusted and not named."""
    identities = Identities(datetime.now(timezone.utc))
    disk = written(tmp_path, identities)
    client = NssClient(tmp_path, named=False)
    own = identities.clients["ec"]
    async with openssl_server(
        tmp_path,
        identities.server,
        client_ca=certificates_pem(own.chain[-1:]),
        named=certificates_pem([identities.server_ca]),
        options=("-tls1_2", "-partial_chain"),
    ) as port:
        relay = Relay(port)
        await in_thread(lambda: client.connect(relay.port, disk.ca, [disk.files["ec"]]))
        relay.join()
    observer = Observer()
    events = [*relay.recording.replay(observer), *observer.finish()]
    said = cause_of(events).evidence
    assert EMPTY in said
    assert any(re.search(r"withheld by .*\bNSS\b.*, and sent", each) for each in said)
