"""Causes of a refused ClientHello: what client and server do not have in common."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from lab.diagnosis.causes.no_common_parameters import Mismatch, mismatches
from lab.diagnosis.evidence import summarize
from lab.diagnosis.results import ONE_OF_SEVERAL
from lab.tls.code_points import AlertDescription as Alert
from lab.tls.code_points import (
    AlertLevel,
    ExtensionType,
    NamedGroup,
    NameType,
    ProtocolVersion,
    SignatureScheme,
)
from lab.tls.events import Fact
from lab.tls.extensions import (
    ApplicationLayerProtocols,
    Extension,
    ServerName,
    ServerNameList,
    SignatureAlgorithms,
    SupportedGroups,
)
from tests.support.events import (
    CLIENT,
    SERVER,
    alert,
    client_hello,
    fact,
    outcome_and_causes,
    stream_ended,
)

TLS13 = ProtocolVersion.TLS_1_3
VERSION, SUITE, GROUP = "no-common-version", "no-common-cipher-suite", "no-common-group"
SCHEME, NAME = "no-common-signature-algorithm", "unknown-server-name"
PROTOCOL = "no-common-application-protocol"


def groups(*offered: NamedGroup) -> Extension:
    return SupportedGroups(named_group_list=offered)


def schemes(*accepted: SignatureScheme) -> Extension:
    return SignatureAlgorithms(
        extension_type=ExtensionType.SIGNATURE_ALGORITHMS, supported_signature_algorithms=accepted
    )


# Offers that a server of today takes one of.
USUAL = (
    groups(NamedGroup.X25519),
    schemes(SignatureScheme.RSA_PSS_RSAE_SHA256),
    ApplicationLayerProtocols(protocol_name_list=(b"h2",)),
)


def found(
    extensions: Sequence[Extension] = USUAL, description: Alert | None = None, said: str = ""
) -> list[Mismatch]:
    events = [client_hello(TLS13, *extensions), fact(SERVER, Fact.HANDSHAKE_FAILED, said)]
    return mismatches(summarize(events), description)


def codes(mismatched: Sequence[Mismatch]) -> list[str]:
    return [mismatch.code for mismatch in mismatched]


@pytest.mark.parametrize(
    ("description", "expected"),
    [
        (Alert.PROTOCOL_VERSION, [VERSION]),
        (Alert.HANDSHAKE_FAILURE, [SUITE, GROUP, SCHEME, VERSION, NAME]),
        (Alert.INSUFFICIENT_SECURITY, [SUITE, GROUP]),
        (Alert.UNRECOGNIZED_NAME, [NAME]),
        (Alert.MISSING_EXTENSION, [NAME]),
        (Alert.NO_APPLICATION_PROTOCOL, [PROTOCOL]),
        (Alert.INTERNAL_ERROR, [NAME]),
        (None, []),
    ],
)
def test_an_alert_speaks_for_what_the_rfcs_have_it_for(
    description: Alert | None, expected: list[str]
) -> None:
    assert codes(found(description=description)) == expected


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("UNSUPPORTED_PROTOCOL", VERSION),
        ("VERSION_TOO_LOW", VERSION),
        ("NO_SUITABLE_GROUPS", GROUP),
        ("NO_SUITABLE_KEY_SHARE", GROUP),
        ("NO_SUITABLE_SIGNATURE_ALGORITHM", SCHEME),
        ("NO_SHARED_SIGNATURE_ALGORITHMS", SCHEME),
    ],
)
def test_what_the_server_says_comes_first(reason: str, expected: str) -> None:
    said = f"[SSL: {reason}] some words"
    assert codes(found(said=said)) == [expected]
    assert codes(found(said=said, description=Alert.HANDSHAKE_FAILURE)) == [expected]


@pytest.mark.parametrize("group", list(NamedGroup))
def test_an_offer_of_unusual_groups_alone_is_narrow(group: NamedGroup) -> None:
    usual = group in (NamedGroup.X25519, NamedGroup.SECP256R1, NamedGroup.SECP384R1)
    assert codes(found([groups(group)])) == ([] if usual else [GROUP])
    assert codes(found([groups(group, NamedGroup.X25519)])) == []


@pytest.mark.parametrize("scheme", list(SignatureScheme))
def test_an_offer_of_unusual_signature_algorithms_alone_is_narrow(scheme: SignatureScheme) -> None:
    usual = scheme in (
        SignatureScheme.ECDSA_SECP256R1_SHA256,
        SignatureScheme.RSA_PSS_RSAE_SHA256,
        SignatureScheme.RSA_PKCS1_SHA256,
    )
    assert codes(found([schemes(scheme)])) == ([] if usual else [SCHEME])
    assert codes(found([schemes(scheme, SignatureScheme.RSA_PKCS1_SHA256)])) == []


def test_what_is_accepted_in_certificates_alone_is_no_narrow_offer() -> None:
    in_certificates = SignatureAlgorithms(
        extension_type=ExtensionType.SIGNATURE_ALGORITHMS_CERT,
        supported_signature_algorithms=(SignatureScheme.ED25519,),
    )
    assert codes(found([in_certificates])) == []
    assert codes(found([in_certificates, schemes(SignatureScheme.RSA_PKCS1_SHA256)])) == []


def test_what_the_client_does_not_offer_is_not_missing_in_common() -> None:
    assert codes(found([], Alert.HANDSHAKE_FAILURE)) == [SUITE, VERSION, NAME]
    (unoffered,) = found([], Alert.NO_APPLICATION_PROTOCOL)
    assert unoffered.summary.startswith("the server requires an application protocol (ALPN)")
    assert unoffered.offer == "the client sent no ALPN"


def test_without_a_client_hello_nothing_is_said() -> None:
    assert mismatches(summarize([]), Alert.HANDSHAKE_FAILURE) == []


def test_the_offer_is_told() -> None:
    name = ServerNameList(
        server_name_list=(ServerName(name_type=NameType.HOST_NAME, name=b"a\x1b.example"),)
    )
    (named,) = found([name], Alert.UNRECOGNIZED_NAME)
    assert named.offer == r"the client sent the server_name a\x1b.example"
    assert named.summary.startswith("the server is not configured for the host name")
    (unnamed,) = found([], Alert.UNRECOGNIZED_NAME)
    assert unnamed.offer == "the client sent no server_name"
    assert unnamed.summary.startswith("the server requires a host name")
    (protocols,) = found(
        [ApplicationLayerProtocols(protocol_name_list=(b"h2", b"\x1b"))],
        Alert.NO_APPLICATION_PROTOCOL,
    )
    assert protocols.offer == r"the client offers h2, \x1b"
    (versions,) = found(description=Alert.PROTOCOL_VERSION)
    assert versions.offer == "the client offers TLS 1.3"
    suites, offered, accepted, *_ = found(description=Alert.HANDSHAKE_FAILURE)
    assert suites.offer == "the client offers TLS_AES_128_GCM_SHA256"
    assert offered.offer == "the client offers x25519"
    assert accepted.offer == "the client accepts rsa_pss_rsae_sha256"


@pytest.mark.parametrize(("number", "end"), [(5, "x5"), (6, "x6"), (7, "x6 and 1 more")])
def test_six_of_a_long_offer_are_named(number: int, end: str) -> None:
    names = tuple(f"x{at}".encode() for at in range(1, number + 1))
    offer = [ApplicationLayerProtocols(protocol_name_list=names)]
    (protocols,) = found(offer, Alert.NO_APPLICATION_PROTOCOL)
    assert protocols.offer.endswith(end)


def test_versions_without_a_name_are_left_out() -> None:
    """GREASE among them (RFC 8701)."""
    events = [client_hello(ProtocolVersion(0x7A7A))]
    (versions,) = mismatches(summarize(events), Alert.PROTOCOL_VERSION)
    assert versions.offer == "the client offers no version that is known here"


@pytest.mark.parametrize(
    ("description", "first"),
    [
        (Alert.PROTOCOL_VERSION, VERSION),
        (Alert.HANDSHAKE_FAILURE, SUITE),
        (Alert.UNRECOGNIZED_NAME, NAME),
    ],
)
def test_before_any_server_hello_no_certificate_is_the_cause(
    description: Alert, first: str
) -> None:
    _, causes = outcome_and_causes([client_hello(), alert(SERVER, description)])
    assert causes[0].code == first
    assert "refused-at-hello" not in [cause.code for cause in causes]
    assert causes[0].evidence[0].startswith("the server sent the alert")
    assert "client certificates are not the cause" in causes[0].evidence[1]
    assert causes[0].evidence[2].startswith("the client ")
    several = len(causes) > 1
    assert all((ONE_OF_SEVERAL in cause.evidence) is several for cause in causes)


@pytest.mark.parametrize("number", [50, 200])
def test_an_unknown_alert_at_the_hello_explains_nothing(number: int) -> None:
    _, causes = outcome_and_causes([client_hello(), alert(SERVER, Alert(number))])
    assert [cause.code for cause in causes] == ["refused-at-hello"]


def test_a_silent_end_at_the_hello_is_explained_by_what_is_narrow_at_most() -> None:
    _, causes = outcome_and_causes([client_hello(), stream_ended(SERVER)])
    assert [cause.code for cause in causes] == ["refused-without-alert"]
    narrow = client_hello(TLS13, groups(NamedGroup.SECP521R1))
    _, causes = outcome_and_causes([narrow, stream_ended(SERVER)])
    assert [cause.code for cause in causes] == ["refused-without-alert", GROUP]
    assert not any(
        "certificate" in cause.code
        for cause in outcome_and_causes([narrow, stream_ended(CLIENT)])[1]
    )


def test_a_warning_at_the_hello_is_a_word_of_the_server() -> None:
    warning = alert(SERVER, Alert.UNRECOGNIZED_NAME, AlertLevel.WARNING)
    _, causes = outcome_and_causes([client_hello(), warning, stream_ended(SERVER)])
    assert not any("without a word" in cause.summary for cause in causes)
    assert "it had sent the warning unrecognized_name" in causes[0].evidence[0]
