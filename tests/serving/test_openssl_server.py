"""``openssl s_server`` as a server of the lab: what it asks for, and whom it lets in."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography import x509

from lab.api import LabCA, Trace, trace_server_async
from lab.pki.catalogue import good_server
from lab.pki.identity import certificates_pem
from lab.serving.openssl_server import NoOpenSslServer, openssl_server
from lab.tls.code_points import SignatureScheme
from lab.tls.events import MessageSeen
from lab.tls.messages import CertificateRequest
from lab.x509.names import distinguished_name
from tests.support.openssl import needs_openssl

CA = LabCA()
OTHER = CA.authority.other_root(x509.Name.from_rfc4514_string("CN=Another CA")).identity.certificate


async def traces_of(folder: Path, named: bytes | None, *options: str) -> tuple[Trace, ...]:
    root, identity = certificates_pem([CA.authority.root]), good_server(CA.authority)
    async with openssl_server(
        folder, identity, client_ca=root, named=named, options=options
    ) as port:
        server = f"127.0.0.1:{port}"
        return await trace_server_async(server, identity=CA.client(), trust=CA, sni="localhost")


def request_of(trace: Trace) -> CertificateRequest:
    messages = [event.message for event in trace.events if isinstance(event, MessageSeen)]
    return next(each for each in messages if isinstance(each, CertificateRequest))


@needs_openssl
@pytest.mark.parametrize("named", [None, certificates_pem([OTHER])], ids=["no names", "another"])
async def test_it_names_the_cas_that_it_is_given_and_trusts_others(
    tmp_path: Path, named: bytes | None
) -> None:
    """In both versions; the lab's client, as OpenSSL does, sends what it was given all the same."""
    for trace in await traces_of(tmp_path, named):
        names = request_of(trace).certificate_authorities
        assert [*map(distinguished_name, names)] == (["CN=Another CA"] if named else [])
        assert (trace.outcome.accepted, trace.outcome.http_status) == (True, 200)


@needs_openssl
async def test_it_asks_for_signature_algorithms(tmp_path: Path) -> None:
    for trace in await traces_of(tmp_path, None, "-client_sigalgs", "RSA-PSS+SHA256"):
        asked = request_of(trace).supported_signature_algorithms
        assert list(asked) == [SignatureScheme.RSA_PSS_RSAE_SHA256]
        assert trace.causes[0].code == "no-fitting-client-certificate"


@needs_openssl
async def test_a_curve_that_the_server_does_not_take(tmp_path: Path) -> None:
    """In TLS 1.3 the key of secp256r1 cannot sign so; in TLS 1.2 the curve does not matter."""
    older, newer = await traces_of(tmp_path, None, "-client_sigalgs", "ECDSA+SHA384")
    assert older.outcome.accepted
    assert newer.causes[0].summary.startswith("the client withholds its certificate: the key can")


@needs_openssl
async def test_what_it_says_against_an_option_is_told(tmp_path: Path) -> None:
    with pytest.raises(NoOpenSslServer, match="-no_such_option"):
        await traces_of(tmp_path, None, "-no_such_option")


async def test_where_there_is_no_such_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NoOpenSslServer, match="install it"):
        await traces_of(tmp_path, None)
