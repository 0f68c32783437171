"""How TLS begins with PostgreSQL and with MySQL or MariaDB.

Sources: PostgreSQL's documentation, "Frontend/Backend Protocol", sections 55.2.10 (SSLRequest) and
55.7 (ErrorResponse); MySQL's "Client/Server Protocol", Protocol::HandshakeV10, ERR_Packet and
Protocol::SSLRequest.
"""

from __future__ import annotations

import struct

from lab.tracing.preludes.prelude_stream import PreludeStream
from lab.tracing.preludes.results import PreludeResult

_SSL_REQUEST = struct.pack(">II", 8, 80877103)
_LEAST_LENGTH = 4

MYSQL_FLAGS = 0x00000001 | 0x00000200 | 0x00000800 | 0x00008000 | 0x00080000
"""What this client can: LONG_PASSWORD, PROTOCOL_41, SSL, SECURE_CONNECTION, PLUGIN_AUTH."""
MYSQL_LARGEST_PACKET = 1 << 24
MYSQL_CHARSET = 45  # utf8mb4_general_ci
MYSQL_SSL = 0x0800
"""The flag of an end that can speak TLS."""
_MOST_GREETING = 1024
_SALT, _FILLER = 8, 1


async def upgrade_postgres(stream: PreludeStream) -> None:
    """Send SSLRequest, which a server answers with S or N."""
    await stream.send(_SSL_REQUEST)
    answer = await stream.exactly(1, "answer to SSLRequest (S)")
    if answer == b"S":
        return
    if answer == b"N":
        remedy = (
            "set ssl = on in postgresql.conf, and reload it; over a Unix socket it never has TLS"
        )
        raise stream.lacks(b"N", "speaks no TLS here", remedy)
    if answer == b"E":
        raise stream.refused(await _postgres_error(stream), "read the server's log")
    raise stream.unexpected(answer + stream.take_held())


async def _postgres_error(stream: PreludeStream) -> bytes:
    """Return the words of an ErrorResponse whose type has been read."""
    header = await stream.exactly(4, "rest of its ErrorResponse")
    length = int.from_bytes(header, "big")
    if not _LEAST_LENGTH <= length <= 1 << 13:  # before version 3: only text, up to a zero byte
        stream.unread(header)
        return await stream.until(b"\0", "end of its ErrorResponse")
    body = await stream.exactly(length - 4, "rest of its ErrorResponse")
    fields = {field[:1]: field[1:] for field in body.split(b"\0") if field}
    words = [fields[name] for name in (b"S", b"C", b"M") if name in fields]
    return b" ".join(words) or body


async def upgrade_mysql(stream: PreludeStream) -> PreludeResult:
    """Read the server's greeting, and send the request for TLS, which no answer follows."""
    packet = await _mysql_packet(stream)
    if packet[:1] == b"\xff":
        code = int.from_bytes(packet[1:3], "little")
        words = packet[3:].removeprefix(b"#")
        raise stream.refused(b"error %d: %s" % (code, words), "read the server's log")
    if packet[:1] != b"\x0a":
        raise stream.unexpected(packet)
    version, separator, rest = packet[1:].partition(b"\0")
    low = rest[4 + _SALT + _FILLER :][:2]  # behind the connection's number and the first salt
    if not separator or len(low) < 2:
        raise stream.unexpected(packet)
    if not int.from_bytes(low, "little") & MYSQL_SSL:
        remedy = "set ssl_cert and ssl_key in its configuration, and start it again"
        raise stream.lacks(version, "speaks no TLS (it lacks the flag CLIENT_SSL)", remedy)
    request = struct.pack("<IIB23x", MYSQL_FLAGS, MYSQL_LARGEST_PACKET, MYSQL_CHARSET)
    await stream.send(len(request).to_bytes(3, "little") + b"\x01" + request)
    return PreludeResult(greeting=packet)


async def _mysql_packet(stream: PreludeStream) -> bytes:
    what = "greeting (a packet of version 10)"
    header = await stream.exactly(4, what)
    length = int.from_bytes(header[:3], "little")
    if header[3] != 0 or not 0 < length <= _MOST_GREETING:
        raise stream.unexpected(header + stream.take_held())
    return await stream.exactly(length, what)
