"""What is said of a session, for each that may become of it."""

from __future__ import annotations

from cryptography.hazmat.primitives.serialization import Encoding

from lab.pki.lab_ca import new_lab_authority
from lab.show.text.resumption_text import resumption_pairs
from lab.tracing.results import IdentitySource, Resumption, SessionKind, SessionUse
from tests.support.pki_fixtures import utc_now


def said(resumption: Resumption) -> dict[str, str]:
    return dict(resumption_pairs(resumption))


def test_none_was_issued() -> None:
    assert said(Resumption(use=SessionUse.NOT_ISSUED)) == {
        "session": "the server issued none, so there is nothing to resume"
    }


def test_a_full_handshake_names_nobody() -> None:
    words = said(
        Resumption(
            use=SessionUse.NOT_RESUMED,
            kind=SessionKind.TICKET_12,
            lifetime=300,
            certificate_requested=True,
        )
    )
    assert words == {
        "session": "TLS 1.2 ticket of the first connection, good for 300 s by the server's word: "
        "not resumed, the server made a full handshake",
        "certificate": "asked for",
    }


def test_whom_the_server_sees() -> None:
    certificate = new_lab_authority(utc_now()).client().certificate.public_bytes(Encoding.DER)
    seen = {
        (source, identity, asked): said(
            Resumption(
                use=SessionUse.RESUMED,
                kind=SessionKind.ID,
                certificate_requested=asked,
                identity=certificate if identity else None,
                source=source,
            )
        )["identity"]
        for source in IdentitySource
        for identity in (True, False)
        for asked in (True, False)
    }
    told, guessed = IdentitySource.SERVER, IdentitySource.ANSWER
    assert seen[told, True, False].endswith("has from the session (its own facts)")
    assert seen[told, True, True].endswith("the server asked for (its own facts)")
    assert seen[told, False, False].startswith("none: ")
    assert seen[guessed, True, False].endswith(", whom the server's answer names")
    assert "cannot be told" in seen[IdentitySource.UNKNOWN, False, False]


def test_a_connection_that_ended_too_early_tells_nothing() -> None:
    words = said(Resumption(use=SessionUse.UNKNOWN, kind=SessionKind.TICKET_13))
    assert words["session"].endswith("whether it was resumed cannot be told")
    assert words["certificate"] == "whether it was asked for is not known"
