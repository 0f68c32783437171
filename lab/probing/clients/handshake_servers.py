"""Servers whose handshake, request for a certificate, or conduct behind it is put to the test."""

from __future__ import annotations

import ssl

from cryptography import x509
from cryptography.x509.oid import NameOID

from lab.pki import catalogue
from lab.pki.lab_ca import LabAuthority
from lab.probing.clients.results import ServerFamily
from lab.probing.clients.tested_server import (
    Behind,
    ClearServer,
    HandmadeServer,
    OpenSslServer,
    ServerUnderTest,
    Spoilt,
    Told,
)
from lab.probing.results import Norm
from lab.probing.scenarios.scenario import other_root
from lab.stream.contexts import ClientAuth, TlsVersion

MANY_NAMES = 1000
_ED448 = 0x0808
_ANYBODY = "whoever is between the two can be the server, and read and change all that passes"
_OLD = "let the client speak TLS 1.2 and 1.3 only"
_LIBRARY = "use another TLS library: no setting of one that is in order allows this"
_ANY_PROTOCOL = b"lab-not-offered"


def _name(text: str) -> bytes:
    organization = x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Example Trust")
    common_name = x509.NameAttribute(NameOID.COMMON_NAME, text)
    return x509.Name([organization, common_name]).public_bytes()


def _others(_: LabAuthority) -> tuple[bytes, ...]:
    return tuple(_name(f"Another Trusted CA {number}") for number in range(1, 4))


def _many(ca: LabAuthority) -> tuple[bytes, ...]:
    names = [_name(f"Trusted CA {number:04}") for number in range(1, MANY_NAMES)]
    return (*names, ca.root.subject.public_bytes())


HANDSHAKE_SERVERS = (
    *(
        ServerUnderTest(
            name=f"tls1.{minor}-only",
            family=ServerFamily.HANDSHAKE,
            sentence=f"The server speaks TLS 1.{minor} only",
            made=f"as the good one, TLS 1.{minor} only",
            norm=Norm.REFUSE,
            reason="RFC 8996 sections 4 and 5: it must not be negotiated",
            risk="whoever is between the two can have both speak a version with known attacks",
            fix=_OLD,
            server=OpenSslServer(minimum=version, maximum=version, weak=True),
            told=Told.BY_OFFER,
        )
        for minor, version in ((0, ssl.TLSVersion.TLSv1), (1, ssl.TLSVersion.TLSv1_1))
    ),
    ServerUnderTest(
        name="no-encryption",
        family=ServerFamily.HANDSHAKE,
        sentence="The server takes ciphers without encryption only",
        made="TLS 1.2, ECDHE-ECDSA-NULL-SHA and the like only: no cipher in common, as a rule",
        norm=Norm.REFUSE,
        reason="RFC 9325 section 4.1: must not be negotiated",
        risk="all that passes can be read",
        fix="let the client offer its library's default ciphers",
        server=OpenSslServer(ciphers="eNULL:!aNULL", maximum=ssl.TLSVersion.TLSv1_2),
        told=Told.BY_OFFER,
    ),
    ServerUnderTest(
        name="anonymous",
        family=ServerFamily.HANDSHAKE,
        sentence="The server takes ciphers without authentication only, and shows no certificate",
        made="TLS 1.2, AECDH-AES256-SHA and the like only: no cipher in common, as a rule",
        norm=Norm.REFUSE,
        reason="RFC 5246 appendix A.5: must not be used unless the application asks for it",
        risk=_ANYBODY,
        fix="let the client offer its library's default ciphers",
        server=OpenSslServer(ciphers="aNULL:!eNULL", maximum=ssl.TLSVersion.TLSv1_2),
        told=Told.BY_OFFER,
    ),
    ServerUnderTest(
        name="plain-http",
        family=ServerFamily.HANDSHAKE,
        sentence="The server speaks HTTP without TLS",
        made="answers a ClientHello with HTTP/1.1 400 in the clear",
        norm=Norm.REFUSE,
        reason="RFC 9110 section 4.2.2: https is never sent in the clear",
        risk="whoever is between the two can have the client do without TLS",
        fix="do not try again with http:// where https:// fails",
        server=ClearServer(),
    ),
    ServerUnderTest(
        name="key-exchange-signature",
        family=ServerFamily.HANDSHAKE,
        sentence="The server's signature over its key exchange is wrong (TLS 1.2)",
        made="as the good one, one bit of the signature in ServerKeyExchange flipped on its way",
        norm=Norm.REFUSE,
        reason="RFC 5246 section 7.4.3: it shows that the server has the certificate's key",
        risk=_ANYBODY,
        fix=_LIBRARY,
        server=OpenSslServer(maximum=ssl.TLSVersion.TLSv1_2, spoils_signature=True),
        only=TlsVersion.TLS12,
        told=Told.BY_KEY_EXCHANGE,
    ),
    ServerUnderTest(
        name="certificate-verify",
        family=ServerFamily.HANDSHAKE,
        sentence="The server signs with another key than that of its certificate (TLS 1.3)",
        made="the good certificate, and CertificateVerify by another key",
        norm=Norm.REFUSE,
        reason="RFC 9846 section 4.5.2: it shows that the server has the certificate's key",
        risk=_ANYBODY,
        fix=_LIBRARY,
        server=HandmadeServer(spoilt=Spoilt.VERIFY_KEY),
        only=TlsVersion.TLS13,
    ),
    ServerUnderTest(
        name="finished-wrong",
        family=ServerFamily.HANDSHAKE,
        sentence="The server's Finished is wrong (TLS 1.3)",
        made="as the good one, the last byte of Finished changed",
        norm=Norm.REFUSE,
        reason="RFC 9846 section 4.5.3: it must be verified",
        risk="whoever is between the two can change what they agree on",
        fix=_LIBRARY,
        server=HandmadeServer(spoilt=Spoilt.FINISHED),
        only=TlsVersion.TLS13,
    ),
    ServerUnderTest(
        name="alpn-not-offered",
        family=ServerFamily.HANDSHAKE,
        sentence="The server chooses a protocol by ALPN that the client did not offer (TLS 1.3)",
        made="EncryptedExtensions has the protocol lab-not-offered",
        norm=Norm.EITHER,
        reason="RFC 7301 section 3.2 forbids it to servers; a client that offered no ALPN must "
        "refuse (RFC 9846 section 4.3), of one that offered others it is said nowhere",
        server=HandmadeServer(alpn=_ANY_PROTOCOL),
        only=TlsVersion.TLS13,
    ),
)

REQUEST_SERVERS = (
    ServerUnderTest(
        name="ca-names-exclude-client",
        family=ServerFamily.REQUEST,
        sentence="The server names CAs, and the client's is not among them (TLS 1.3)",
        made="three names of other CAs in CertificateRequest; no certificate will do as well",
        norm=Norm.EITHER,
        reason="RFC 9846 section 4.5.1.2: a certificate should be of one of them; clients send it "
        "all the same, send none, or break off",
        server=HandmadeServer(authorities=_others),
        only=TlsVersion.TLS13,
    ),
    ServerUnderTest(
        name="thousand-ca-names",
        family=ServerFamily.REQUEST,
        sentence=f"The server names {MANY_NAMES:,} CAs, the client's among them (TLS 1.3)",
        made="CertificateRequest of about 55,000 bytes",
        norm=Norm.ACCEPT,
        reason="RFC 9846 section 4.3.4: names may take 65,535 bytes",
        fix="raise the client's limit of messages, such as jdk.tls.maxHandshakeMessageSize in Java",
        server=HandmadeServer(authorities=_many),
        only=TlsVersion.TLS13,
    ),
    ServerUnderTest(
        name="no-signature-in-common",
        family=ServerFamily.REQUEST,
        sentence="The server takes a signature algorithm that the client's key cannot (TLS 1.3)",
        made="CertificateRequest with ed448 alone; no certificate will do as well",
        norm=Norm.EITHER,
        reason="RFC 9846 section 4.5.1: without a fitting certificate an empty Certificate is "
        "sent; clients do, or break off",
        server=HandmadeServer(schemes=(_ED448,)),
        only=TlsVersion.TLS13,
    ),
    ServerUnderTest(
        name="asked-later",
        family=ServerFamily.REQUEST,
        sentence="The server asks for the certificate behind the request (TLS 1.3)",
        made="post-handshake authentication where the client offers it, else HTTP 403",
        norm=Norm.EITHER,
        reason="RFC 9846 section 4.7.2: a client says whether it can be asked then",
        server=OpenSslServer(minimum=ssl.TLSVersion.TLSv1_3, behind=Behind.ASK_LATER),
        only=TlsVersion.TLS13,
        told=Told.BY_ANSWER,
    ),
)

LATER_SERVERS = (
    ServerUnderTest(
        name="client-refused",
        family=ServerFamily.AFTER,
        sentence="The server refuses the client's certificate, in TLS 1.3 behind its handshake",
        made="as the good one, and trusts another CA than the client's: alert unknown_ca, or "
        "certificate_required where none was sent",
        norm=Norm.REFUSE,
        reason="RFC 9846 section 6.2: a fatal alert ends the connection; the client must tell",
        risk="a request that was never answered is taken for a success",
        fix="read the answer, and exit with another code than 0 where none came",
        server=OpenSslServer(trusts=other_root, client_auth=ClientAuth.REQUIRED),
        told=Told.BY_EXIT_CODE,
    ),
    ServerUnderTest(
        name="certificate-on-return",
        family=ServerFamily.AFTER,
        sentence="The server gives a ticket, and has a certificate of an unknown CA the next time",
        made="the first answer is 303 with Location and Connection: close; who connects then "
        "meets another key for tickets and a certificate of another root",
        norm=Norm.REFUSE,
        reason="RFC 9846 section 4.5.1.3: each certificate that is sent is judged",
        risk=_ANYBODY,
        fix="verify in each full handshake, whatever a session before had shown",
        server=OpenSslServer(behind=Behind.SEND_ELSEWHERE, returning=catalogue.server_untrusted_ca),
        told=Told.BY_RETURN,
    ),
    ServerUnderTest(
        name="no-close-notify",
        family=ServerFamily.AFTER,
        sentence="The server ends TCP without close_notify behind a whole answer",
        made="Content-Length fits; TCP FIN, and no close_notify",
        norm=Norm.EITHER,
        reason="RFC 9112 section 9.8: a response that is complete by its length is complete; RFC "
        "9846 section 6.1 wants close_notify",
        server=OpenSslServer(behind=Behind.NO_GOODBYE),
        told=Told.BY_ANSWER,
    ),
    ServerUnderTest(
        name="answer-cut-off",
        family=ServerFamily.AFTER,
        sentence="The server's answer is cut off, and TCP ends without close_notify",
        made="Content-Length says 1,000 bytes, 19 come",
        norm=Norm.REFUSE,
        reason="RFC 9112 section 8: an incomplete message must be recorded as such",
        risk="whoever is between the two can cut an answer, and it is taken for a whole one",
        fix="compare what was read with Content-Length (urllib3 2 does; requests with urllib3 1 "
        "does not), and exit with another code than 0",
        server=OpenSslServer(behind=Behind.CUT_OFF),
        told=Told.BY_ANSWER,
    ),
)
