"""Certificates on demand: the client of a connection is asked for its own once it needs one.

In TLS 1.3 that is post-handshake authentication (RFC 9846 section 4.7.2). In TLS 1.2 a server has
to renegotiate for it, and Python's ``ssl`` has no call for that, nor a client that says it can.
"""

from __future__ import annotations

from collections.abc import Callable

from lab.http.late_authentication import LateAuthentication
from lab.http.message import RequestHead, Response, error_response
from lab.stream.contexts import ServerContexts
from lab.stream.on_demand_stream import OnDemandStream, TooMuchBefore
from lab.stream.tls_stream import TlsStream
from lab.todo.application import HOME, PATH
from lab.todo.results import CertificateCheck
from lab.x509.client_identity import ClientIdentity, UnreadableCertificate

_SHOWN = 300  # characters of what is wrong with a certificate
_NEEDED = f"{PATH} needs a client certificate, requested after the handshake"
_TLS12 = error_response(
    403,
    f"{_NEEDED} by post-handshake authentication in TLS 1.3; this connection is TLS 1.2, where a "
    "server has to renegotiate for it, as Apache does for a <Location> with SSLVerifyClient, and "
    "Python's ssl module cannot do that as a server; connect with TLS 1.3 and offer "
    "post-handshake authentication",
)
_NOT_OFFERED = error_response(
    403,
    f"{_NEEDED} by post-handshake authentication, and this client cannot be asked then: its "
    "ClientHello has no post_handshake_auth extension (RFC 9846 section 4.3.6); Python offers it "
    "with SSLContext.post_handshake_auth, openssl s_client with -enable_pha, curl where it is "
    "built with OpenSSL",
)
_DECLINED = error_response(
    403, f"{_NEEDED}, and the client sent none when it was asked on this connection"
)


class OnDemand:
    """Asks the client at the other end of ``stream`` for its certificate, at most once.

    ``contexts`` gives those that the server uses now; ``most`` is how many bytes of data are kept
    that come before the certificate.
    """

    def __init__(
        self, stream: TlsStream, *, contexts: Callable[[], ServerContexts], most: int
    ) -> None:
        self._stream = stream
        self._contexts = contexts
        self._most = most
        self._asked = False

    @property
    def authentication(self) -> LateAuthentication:
        """How HTTP has the client asked."""
        return LateAuthentication(
            concerns=_needs_certificate, ask=self._ask, is_mid_answer=self._is_mid_answer
        )

    @property
    def check(self) -> CertificateCheck | None:
        """What came of it; None where the client was not asked."""
        if not self._asked:
            return None
        if self._stream.peer_certificate is None:
            return CertificateCheck.DECLINED_LATER
        return CertificateCheck.VERIFIED_LATER

    def _is_mid_answer(self) -> bool:
        return isinstance(self._stream, OnDemandStream) and self._stream.is_mid_answer

    async def _ask(self) -> ClientIdentity | Response:
        stream, asking = self._stream, self._contexts().asking
        if stream.ssl_object.version() != "TLSv1.3":
            return _TLS12
        if asking is None or not isinstance(stream, OnDemandStream) or not stream.can_be_asked:
            return _NOT_OFFERED
        if self._asked:
            return _DECLINED
        self._asked = True
        try:
            if not await stream.request_certificate(asking, self._most):
                return _DECLINED
            assert stream.peer_certificate is not None
            return ClientIdentity.from_der(stream.peer_certificate)
        except TooMuchBefore:
            message = f"more than {self._most} bytes came before the client's certificate"
            return error_response(413, message, last=True)
        except UnreadableCertificate as error:
            # OpenSSL reads more than we can; who the client is stays unknown.
            return error_response(403, str(error)[:_SHOWN], last=True)


def _needs_certificate(head: RequestHead) -> bool:
    """Whether a request reads or changes the list: all of ``/todo``, and the form of ``/``."""
    return head.path == PATH or (head.path == HOME and head.method == "POST")
