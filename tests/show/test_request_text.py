"""Explained requests as text: side by side, bounded, and no text of a peer's acts on a terminal."""

from __future__ import annotations

import dataclasses
import io
import re
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from lab.api import LabCA
from lab.diagnosis.certificate_selection.results import (
    CertificateAtHand,
    ClientProgram,
    ClientSelection,
    Decision,
)
from lab.diagnosis.results import LaterAnswer, LaterClient
from lab.show.request_text import draw_requests, print_requests
from lab.show.text.paper import NARROWEST, WIDEST, Paper
from lab.tls.code_points import ProtocolVersion
from lab.tls.messages import CertificateRequest
from lab.tracing.certificate_requests.results import (
    CertificateFit,
    ClientAnswer,
    ExplainedRequest,
    NoRequest,
    RequestReport,
    RequestTerms,
    RequestTime,
    UnaskedConnections,
)

CLIENT = LabCA().authority.client()
AT_HAND = CertificateAtHand(
    name="certs/client.crt", chain=(CLIENT.certificate.public_bytes(Encoding.DER),)
)
TERMS = RequestTerms(
    names=("CN=Another CA",),
    names_left_out=0,
    keys=("RSA", "EC secp256r1"),
    unknown_schemes=0,
    signatures=("rsa_pss_rsae_sha256", "ecdsa_secp256r1_sha256"),
    chain_signatures=None,
    types=(),
    filters=0,
)


def selection(decision: Decision, **fields: Any) -> ClientSelection:
    made = ClientSelection(
        client=ClientProgram(code="go", name="Go", versions="Go 1.27"),
        decision=decision,
        certificate=AT_HAND if decision is Decision.SENDS else None,
        rule="it sends the first that the request supports",
        reason=f"the reason to be one that {decision.value}",
        source="Go 1.27",
        measured=True,
    )
    return dataclasses.replace(made, **fields)


def request(
    version: ProtocolVersion, *selections: ClientSelection, **fields: Any
) -> ExplainedRequest:
    made = ExplainedRequest(
        server="10.0.0.2:443",
        version=version,
        time=RequestTime.IN_HANDSHAKE,
        request=CertificateRequest(),
        numbers=(),
        connections=1,
        answers=((ClientAnswer.EMPTY, 1),),
        terms=TERMS,
        fits=(CertificateFit(certificate=AT_HAND, named="", key_fits=True),) if selections else (),
        selections=selections,
    )
    return dataclasses.replace(made, **fields)


TLS12, TLS13 = ProtocolVersion.TLS_1_2, ProtocolVersion.TLS_1_3


def report(*requests: ExplainedRequest, **fields: Any) -> RequestReport:
    made = RequestReport(
        source="x.pcap", dialled=False, certificates=(AT_HAND,), requests=requests, unasked=()
    )
    return dataclasses.replace(made, **fields)


def drawn(shown: RequestReport, width: int = 80) -> str:
    lines = draw_requests(shown, Paper(width=width))
    return "".join(f"{line.plain.rstrip()}\n" for line in lines)


def flat(shown: RequestReport) -> str:
    return " ".join(drawn(shown).split())


def test_what_differs_stands_side_by_side_and_the_rest_once() -> None:
    other = dataclasses.replace(TERMS, keys=("RSA",))
    pair = (
        request(TLS12, selection(Decision.SENDS)),
        request(TLS13, selection(Decision.SENDS_EMPTY), terms=other),
    )
    shown = re.sub(r"[-0-9]{10} [:0-9]{8} UTC", "2027-01-01 00:00:00 UTC", drawn(report(*pair)))
    assert shown.startswith(
        """\
── 10.0.0.2:443 asks for a client certificate ──────────────────────────────────
            TLS 1.2                           TLS 1.3
CA names    CN=Another CA
keys        RSA, EC secp256r1                 RSA
signatures  rsa_pss_rsae_sha256, ecdsa_secp256r1_sha256
at hand     client.crt: CN=mtls-client, EC secp256r1, issued by CN=mTLS Lab Root
            CA, valid until 2027-01-01 00:00:00 UTC, alone
compared    its key is of a kind that is asked for; no CA named issued it, or
            one of its chain

── Who would send one? ─────────────────────────────────────────────────────────
                                        TLS 1.2             TLS 1.3
Go                                      sends client.crt    empty Certificate

── By which rule? ──────────────────────────────────────────────────────────────
Go
  rule        it sends the first that the request supports
  here        TLS 1.2: the reason to be one that sends a certificate
  here        TLS 1.3: the reason to be one that sends an empty Certificate
  measured    Go 1.27
"""
    )


def test_what_was_cited_is_not_called_measured() -> None:
    cited = selection(Decision.UNKNOWN, measured=False, source="RFC 0")
    shown = drawn(report(request(TLS13, cited)))
    assert "  cited       RFC 0\n" in shown and "measured" not in shown
    assert "Go                                      cannot be told\n" in shown


def test_a_request_that_came_later_has_no_table() -> None:
    later = request(TLS13, time=RequestTime.AFTER_HANDSHAKE)
    client = LaterClient(
        name="Go",
        post_handshake=LaterAnswer.NO,
        renegotiation=LaterAnswer.IF_TOLD,
        setting="a setting",
        measured="Go 1.27",
    )
    shown = flat(report(later, later_clients=(client,)))
    assert "TLS 1.3, after the handshake" in shown
    assert "was measured for requests in the handshake" in shown
    assert "Go: no / with a setting (Go 1.27)" in shown
    assert "Who would send one?" not in shown
    assert "Who can be asked later?" not in flat(report(request(TLS13)))


def test_connections_of_a_capture() -> None:
    answers = ((ClientAnswer.EMPTY, 1200), (ClientAnswer.UNSEEN, 1))
    many = request(TLS12, numbers=(1, 2, 3, 4, 5), connections=1201, answers=answers)
    lack = UnaskedConnections(
        server="10.0.0.3:443",
        version=None,
        lack=NoRequest.ENDED_BEFORE,
        detail="the \x1b[31mreason",
        numbers=(7,),
        connections=1,
    )
    shown = flat(report(many, unasked=(lack,), left_out=1234))
    assert "seen in connections 1, 2, 3, 4, 5 and 1,196 more" in shown
    assert "clients sent an empty Certificate: 1,200; cannot be told: 1" in shown
    assert "It ended before the server could ask: the \\x1b[31mreason" in shown
    assert "1,234 further connections differ from these" in shown


def test_no_certificate_at_hand() -> None:
    bare = dataclasses.replace(TERMS, names=(), keys=(), filters=2, chain_signatures=("ed25519",))
    bare = dataclasses.replace(bare, unknown_schemes=3)
    shown = flat(report(request(TLS12), request(TLS13, terms=bare), certificates=()))
    assert "TLS 1.2 key one of: RSA, EC secp256r1" in shown
    assert "TLS 1.3 key one of: none that is known here; 3 signature algorithms are not" in shown
    assert "known here issuer any, as far as the request says" in shown
    assert "signed by ed25519 extensions 2 extensions" in shown
    same = flat(report(request(TLS12), request(TLS13), certificates=()))
    assert same.count("issuer one of the CAs named") == 1


def test_many_names_are_bounded() -> None:
    terms = dataclasses.replace(TERMS, names=("CN=" + "x" * 9000,) * 20, names_left_out=2000)
    shown = drawn(report(request(TLS12, terms=terms)))
    assert "and 2,000 more" in " ".join(shown.split()) and len(shown) < 12_000


@pytest.mark.parametrize("width", [NARROWEST, 80, WIDEST])
def test_lines_fit_the_paper(width: int) -> None:
    long = request(TLS12, selection(Decision.SENDS), selection(Decision.BREAKS_OFF))
    wide = dataclasses.replace(long, terms=dataclasses.replace(TERMS, names=("世界" * 90,)))
    lines = list(draw_requests(report(long, wide, request(TLS13)), Paper(width=width)))
    assert max(line.cell_len for line in lines) <= width


def test_hostile_text_is_escaped() -> None:
    hostile = "\x1b]0;x\x07\u202e[bold red]\n"
    terms = dataclasses.replace(TERMS, names=(hostile,), signatures=(hostile,))
    named = dataclasses.replace(AT_HAND, name=f"x/{hostile}")
    fit = CertificateFit(certificate=named, named=hostile, key_fits=None)
    sent = selection(Decision.SENDS, certificate=named, reason=hostile)
    shown = drawn(report(request(TLS12, sent, terms=terms, fits=(fit,), server=hostile)))
    assert "[bold red]" in shown
    assert all(line.isprintable() for line in shown.splitlines())


def test_it_is_written_to_a_file() -> None:
    file = io.StringIO()
    shown = report(request(TLS12, selection(Decision.SENDS)))
    print_requests(shown, file)
    assert file.getvalue() == drawn(shown)
