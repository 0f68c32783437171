"""A relay that records one connection: what each end sent, when, and how TCP ended."""

from __future__ import annotations

import contextlib
import selectors
import socket
import struct
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from lab.tls.events import Endpoint, StreamEnd

_PATIENCE = 20.0
_CHUNK = 65536
_RESET = struct.pack("ii", 1, 0)


@dataclass
class Recording:
    """Of one connection, in order of time: pieces of bytes and ends, seconds from its begin."""

    steps: list[tuple[float, Endpoint, bytes | StreamEnd]] = field(default_factory=list)


@contextlib.contextmanager
def recorded(target: int) -> Iterator[tuple[int, Recording]]:
    """A port of loopback that is relayed to ``target`` once, and the record of that.

    The record is whole when the block is left: both ends have ended TCP by then.
    """
    recording = Recording()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(_PATIENCE)
        relay = threading.Thread(target=_relay, args=(listener, target, recording), daemon=True)
        relay.start()
        yield listener.getsockname()[1], recording
        relay.join(_PATIENCE)
        assert not relay.is_alive()


def _relay(listener: socket.socket, target: int, recording: Recording) -> None:
    client, _ = listener.accept()
    server = socket.create_connection(("127.0.0.1", target), timeout=_PATIENCE)
    ends = {Endpoint.CLIENT: client, Endpoint.SERVER: server}
    begin = time.monotonic()
    with client, server, selectors.DefaultSelector() as selector:
        for sender, connection in ends.items():
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            selector.register(connection, selectors.EVENT_READ, sender)
        while selector.get_map():
            ready = selector.select(_PATIENCE)
            if not ready:
                return
            for key, _ in ready:
                step = _pass_on(ends, key.data)
                recording.steps.append((time.monotonic() - begin, key.data, step))
                if isinstance(step, StreamEnd):
                    selector.unregister(key.fileobj)
                    if step is StreamEnd.RESET:
                        return


def _pass_on(ends: dict[Endpoint, socket.socket], sender: Endpoint) -> bytes | StreamEnd:
    """Read once from ``sender`` and hand it to the other end; return what it was."""
    other = ends[sender.other]
    try:
        data = ends[sender].recv(_CHUNK)
    except ConnectionError:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        return StreamEnd.RESET
    with contextlib.suppress(OSError):  # the other end may have gone
        if data:
            other.sendall(data)
        else:
            other.shutdown(socket.SHUT_WR)
    return data or StreamEnd.FIN
