"""The schemes of URLs: which begin with TLS, and which by a command."""

from __future__ import annotations

from lab.tracing.schemes import PORTS, SCHEMES, StartTls, nearest_scheme


def test_each_protocol_that_begins_in_the_clear_has_a_scheme_and_a_port() -> None:
    assert set(PORTS) == set(StartTls)
    for protocol in StartTls:
        assert SCHEMES[protocol.value].starttls is protocol


def test_no_scheme_is_near_to_what_looks_like_none() -> None:
    assert nearest_scheme("HTPS") == "https"
    assert nearest_scheme("zzzzzz") == ""
