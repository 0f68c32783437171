"""The flaws of the known truth: what is changed for one, what is true then, and what shows it."""

from __future__ import annotations

from dataclasses import replace

from lab.pki.identity import KeyKind
from lab.x509.verify_codes import VerifyCode as V
from tests.diagnosis.truth.certificates import Root, Sent, ServerCertificate
from tests.diagnosis.truth.client_flaws import (
    CLIENT_FLAWS,
    Flaw,
    Stage,
    has,
    is_told_by_alert,
    is_under,
    under_intermediate,
    with_client,
    with_fields,
)
from tests.diagnosis.truth.setup import (
    UNKNOWN_HOST,
    Asks,
    Clock,
    Engine,
    HostRule,
    Lists,
    Setup,
)


def _is_untrusted(setup: Setup) -> bool:
    spec = setup.certificate
    return setup.sends and not spec.is_self_signed and spec.root not in setup.trusted


def _checks_lists(setup: Setup) -> bool:
    return setup.sends and not setup.certificate.is_self_signed and setup.lists is not Lists.NONE


def _has_lists(setup: Setup) -> bool:
    return _checks_lists(setup) and setup.lists is not Lists.MISSING


def _lacks_a_list(setup: Setup) -> bool:
    if setup.lists is Lists.ROOT_ONLY:
        return setup.certificate.depth > 0
    return setup.lists in (Lists.MISSING, Lists.EXPIRED)


UNTRUSTED = frozenset(
    {
        V.UNABLE_TO_GET_ISSUER_CERT,
        V.UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
        V.UNABLE_TO_VERIFY_LEAF_SIGNATURE,
        V.SELF_SIGNED_CERT_IN_CHAIN,
    }
)

_TRUST_FLAWS = (
    Flaw(
        name="CA not trusted",
        stage=Stage.CERTIFICATE,
        change=with_client(root=Root.OTHER, is_self_signed=False),
        holds=_is_untrusted,
        codes=frozenset({"client-ca-not-trusted"}),
        verify=UNTRUSTED,
        shows=lambda _: False,
    ),
    Flaw(
        name="CA of the same name",
        stage=Stage.CERTIFICATE,
        change=with_client(root=Root.SAME_NAME, is_self_signed=False, sent=Sent.WHOLE),
        holds=lambda setup: setup.sends and setup.certificate.root is Root.SAME_NAME,
        codes=frozenset({"client-ca-not-trusted"}),
        verify=UNTRUSTED | {V.CERT_SIGNATURE_FAILURE},
        shows=lambda _: False,
    ),
    Flaw(
        name="server knows the intermediate only",
        stage=Stage.CERTIFICATE,
        change=lambda setup: replace(
            under_intermediate()(setup), trusts_intermediate_only=True, trusted=()
        ),
        holds=lambda setup: setup.sends and setup.trusts_intermediate_only,
        codes=frozenset({"client-ca-not-trusted"}),
        verify=UNTRUSTED,
        shows=lambda _: False,
    ),
    Flaw(
        name="CA expired",
        stage=Stage.CERTIFICATE,
        change=lambda setup: with_client(root=Root.EXPIRED, is_self_signed=False, sent=Sent.WHOLE)(
            replace(setup, trusted=(*setup.trusted, Root.EXPIRED))
        ),
        holds=has(lambda spec: spec.root is Root.EXPIRED and not spec.is_self_signed),
        codes=frozenset({"client-certificate-expired", "client-ca-expired"}),
        verify=frozenset({V.CERT_HAS_EXPIRED}),
        shows=lambda setup: setup.certificate.sent is Sent.WITH_ROOT,
    ),
    Flaw(
        name="revoked",
        stage=Stage.CERTIFICATE,
        change=lambda setup: with_client(is_revoked=True, is_self_signed=False)(
            replace(setup, lists=Lists.FRESH)
        ),
        holds=lambda setup: _has_lists(setup) and setup.certificate.is_revoked,
        codes=frozenset({"client-certificate-revoked"}),
        verify=frozenset({V.CERT_REVOKED}),
        shows=is_told_by_alert,
    ),
    Flaw(
        name="intermediate revoked",
        stage=Stage.CERTIFICATE,
        change=lambda setup: under_intermediate(intermediate_is_revoked=True)(
            replace(setup, lists=Lists.FRESH)
        ),
        holds=lambda setup: (
            _has_lists(setup)
            and is_under(setup.certificate)
            and setup.certificate.intermediate_is_revoked
        ),
        codes=frozenset({"client-certificate-revoked"}),
        verify=frozenset({V.CERT_REVOKED}),
        shows=is_told_by_alert,
    ),
    *(
        Flaw(
            name=f"CRL {lists.value}",
            stage=Stage.CERTIFICATE,
            change=lambda setup, lists=lists: replace(  # type: ignore[misc]
                under_intermediate()(setup) if lists is Lists.ROOT_ONLY else setup, lists=lists
            ),
            holds=lambda setup, lists=lists: (  # type: ignore[misc]
                _checks_lists(setup) and setup.lists is lists and _lacks_a_list(setup)
            ),
            codes=frozenset({"client-crl-unusable"}),
            verify=frozenset(
                {V.CRL_HAS_EXPIRED if lists is Lists.EXPIRED else V.UNABLE_TO_GET_CRL}
            ),
            shows=lambda _: False,
        )
        for lists in (Lists.MISSING, Lists.EXPIRED, Lists.ROOT_ONLY)
    ),
    *(
        Flaw(
            name=f"clock {clock.name.lower()}",
            stage=Stage.CERTIFICATE,
            change=with_fields(clock=clock),
            holds=lambda setup, clock=clock: (  # type: ignore[misc]
                setup.sends and setup.clock is clock
            ),
            codes=frozenset({"server-clock"}),
            verify=frozenset(verify),
            shows=lambda _: False,
            engine=Engine.S_SERVER,
        )
        for clock, verify in (
            (Clock.BEHIND, (V.CERT_NOT_YET_VALID, V.CRL_NOT_YET_VALID, V.UNABLE_TO_GET_CRL)),
            (Clock.AHEAD, (V.CERT_HAS_EXPIRED, V.CRL_HAS_EXPIRED, V.UNABLE_TO_GET_CRL)),
        )
    ),
)

_REQUEST_FLAWS = (
    Flaw(
        name="no certificate",
        stage=Stage.REQUEST,
        change=with_fields(presents=False),
        holds=lambda setup: (
            not setup.presents
            and setup.is_asked
            and setup.asks in (Asks.REQUIRED, Asks.AFTER_REQUEST)
        ),
        codes=frozenset({"no-client-certificate"}),
    ),
    Flaw(
        name="no fitting key",
        stage=Stage.REQUEST,
        change=lambda setup: with_client(kind=KeyKind.EC_P256)(
            replace(setup, client_signatures="RSA-PSS+SHA256:RSA+SHA256", asks=Asks.REQUIRED)
        ),
        holds=lambda setup: setup.withholds and setup.asks is Asks.REQUIRED,
        codes=frozenset({"no-fitting-client-certificate"}),
        engine=Engine.S_SERVER,
    ),
)


def _server_certificate(kind: ServerCertificate, *codes: str) -> Flaw:
    return Flaw(
        name=f"server certificate: {kind.value}",
        stage=Stage.SERVER_CERTIFICATE,
        change=with_fields(server_certificate=kind),
        holds=lambda setup: setup.server_certificate is kind,
        codes=frozenset(f"server-{code}" for code in codes),
    )


_SERVER_FLAWS = (
    _server_certificate(ServerCertificate.EXPIRED, "certificate-expired"),
    _server_certificate(ServerCertificate.FUTURE, "certificate-not-yet-valid"),
    _server_certificate(ServerCertificate.OTHER_NAME, "name-mismatch"),
    _server_certificate(ServerCertificate.OTHER_ROOT, "ca-not-trusted"),
    _server_certificate(ServerCertificate.SELF_SIGNED, "certificate-self-signed"),
    _server_certificate(ServerCertificate.CLIENTS, "wrong-extended-key-usage"),
)


def _other_suite(setup: Setup) -> Setup:
    if setup.version == "1.3":
        return replace(setup, suites="TLS_AES_128_CCM_SHA256")
    return replace(setup, suites="ECDHE-ECDSA-AES128-GCM-SHA256", server_key=KeyKind.RSA_2048)


def _other_version(setup: Setup) -> Setup:
    return replace(setup, server_versions=("1.3",) if setup.version == "1.2" else ("1.2",))


_HELLO_FLAWS = (
    Flaw(
        name="version",
        stage=Stage.HELLO,
        change=_other_version,
        holds=lambda setup: setup.version not in setup.server_versions,
        codes=frozenset({"no-common-version"}),
        shows=is_told_by_alert,
    ),
    Flaw(
        name="suite",
        stage=Stage.HELLO,
        change=_other_suite,
        holds=lambda setup: bool(setup.suites),
        codes=frozenset({"no-common-cipher-suite"}),
        shows=lambda _: False,
        engine=Engine.S_SERVER,
    ),
    Flaw(
        name="group",
        stage=Stage.HELLO,
        # With an RSA key TLS 1.2 would do without a curve (DHE).
        change=with_fields(group="secp256k1", server_key=KeyKind.EC_P256),
        holds=lambda setup: bool(setup.group),
        codes=frozenset({"no-common-group"}),
        shows=lambda _: False,
        engine=Engine.S_SERVER,
    ),
    Flaw(
        name="ALPN",
        stage=Stage.HELLO,
        change=with_fields(client_alpn=("http/1.1",), server_alpn=("h2",)),
        holds=lambda setup: (
            setup.engine is Engine.S_SERVER
            and bool(setup.client_alpn and setup.server_alpn)
            and setup.agreed_alpn is None
        ),
        codes=frozenset({"no-common-application-protocol"}),
        engine=Engine.S_SERVER,
    ),
    *(
        Flaw(
            name=f"{'unknown' if sni else 'no'} SNI, {rule.name}",
            stage=Stage.HELLO,
            change=with_fields(sni=sni, host_rule=rule),
            holds=lambda setup, sni=sni, rule=rule: (  # type: ignore[misc]
                setup.sni == sni and setup.host_rule is rule
            ),
            codes=frozenset({"unknown-server-name"}),
            shows=lambda setup, rule=rule: (  # type: ignore[misc]
                is_told_by_alert(setup) and rule is HostRule.UNRECOGNIZED_NAME
            ),
            engine=Engine.PYTHON,
        )
        for sni in (None, UNKNOWN_HOST)
        for rule in (
            HostRule.HANDSHAKE_FAILURE,
            HostRule.INTERNAL_ERROR,
            HostRule.UNRECOGNIZED_NAME,
        )
    ),
)

FLAWS = (*CLIENT_FLAWS, *_TRUST_FLAWS, *_REQUEST_FLAWS, *_SERVER_FLAWS, *_HELLO_FLAWS)
