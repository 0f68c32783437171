"""Certificates as cards: what is in them, and what is seen to be wrong."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from lab.show.html.certificate_card import cards
from lab.tls.events import Endpoint
from lab.x509.certificates import describe
from tests.support.harness import Identities


def test_a_card_has_what_matters(identities: Identities) -> None:
    der = identities.client.der
    (card,), rest = cards([der], Endpoint.CLIENT, datetime.now(timezone.utc))
    pairs = dict(card.pairs)
    assert rest == 0
    assert pairs["subject"] == describe(der).subject
    assert pairs["extendedKeyUsage"] == "clientAuth"
    assert card.problems == ()


def test_problems_are_those_of_the_time_and_of_the_end(identities: Identities) -> None:
    der = identities.client.der
    end = describe(der).not_valid_after
    assert end is not None
    (card,), _ = cards([der], Endpoint.SERVER, end + timedelta(days=3, hours=1))
    assert card.problems == (
        "has expired: 3 days before the connection",
        "it has an extendedKeyUsage without serverAuth",
    )


def test_what_is_no_certificate_is_a_card_that_says_so() -> None:
    (card,), _ = cards([b"<script>"], Endpoint.CLIENT, datetime.now(timezone.utc))
    assert card.problems[0].startswith("not a readable certificate")


def test_a_long_chain_is_cut(identities: Identities) -> None:
    chain = [identities.client.der] * 30
    shown, rest = cards(chain, Endpoint.CLIENT, datetime.now(timezone.utc))
    assert (len(shown), rest) == (8, 22)
