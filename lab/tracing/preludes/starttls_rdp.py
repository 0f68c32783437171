"""How TLS begins with RDP: an X.224 Connection Request that asks for it.

Sources: MS-RDPBCGR sections 2.2.1.1 (request), 2.2.1.2 (confirm, failure codes) and 5.4.2.1 (TLS).
"""

from __future__ import annotations

import struct

from lab.tracing.preludes.prelude_stream import PreludeStream

_TLS, _CREDSSP = 1, 2  # PROTOCOL_SSL, and PROTOCOL_HYBRID, which begins with TLS too
_NEGOTIATION = struct.pack("<BBHI", 1, 0, 8, _TLS | _CREDSSP)
_CONNECTION_REQUEST, _CONNECTION_CONFIRM = 0xE0, 0xD0
_X224 = bytes((6 + len(_NEGOTIATION), _CONNECTION_REQUEST)) + bytes(5) + _NEGOTIATION
_REQUEST = struct.pack(">BBH", 3, 0, 4 + len(_X224)) + _X224
_LEAST, _MOST = 11, 512
_RESPONSE, _FAILURE = 2, 3
_FAILURES = {
    1: "SSL_REQUIRED_BY_SERVER",
    2: "SSL_NOT_ALLOWED_BY_SERVER",
    3: "SSL_CERT_NOT_ON_SERVER",
    4: "INCONSISTENT_FLAGS",
    5: "HYBRID_REQUIRED_BY_SERVER",
    6: "SSL_WITH_USER_AUTH_REQUIRED_BY_SERVER",
}
_TURN_ON = "let the server use TLS (security_layer=tls in xrdp.ini; a certificate in Windows)"


async def upgrade_rdp(stream: PreludeStream) -> None:
    """Ask for TLS, or for CredSSP over it; the server chooses."""
    await stream.send(_REQUEST)
    what = "answer to the Connection Request (a Connection Confirm)"
    header = await stream.exactly(4, what)
    length = int.from_bytes(header[2:], "big")
    if header[0] != 3 or not _LEAST <= length <= _MOST:
        raise stream.unexpected(header + stream.take_held())
    confirm = await stream.exactly(length - 4, what)
    if confirm[1] != _CONNECTION_CONFIRM:
        raise stream.unexpected(header + confirm)
    negotiation = confirm[7:15]
    if len(negotiation) < 8:
        raise stream.lacks(
            b"", "answers without a choice: it has RDP's own security only", _TURN_ON
        )
    kind, _, _, value = struct.unpack("<BBHI", negotiation)
    if kind == _FAILURE:
        name = _FAILURES.get(value, "a failure")
        raise stream.refused(f"{name} ({value})".encode(), _TURN_ON)
    if kind != _RESPONSE:
        raise stream.unexpected(header + confirm)
    if not value:
        raise stream.lacks(b"", "chooses RDP's own security, without TLS", _TURN_ON)
