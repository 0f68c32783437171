"""The server's side of HTTP/2 by the library h2, without I/O: each request is answered with 200."""

from __future__ import annotations

import h2.config
import h2.connection
import h2.events


class Http2Answers:
    """``first`` is what the server sends at once; ``answered`` counts the requests."""

    def __init__(self) -> None:
        self._http = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        self._http.initiate_connection()
        self.first = self._http.data_to_send()
        self.answered = 0

    def receive(self, data: bytes) -> bytes:
        """Take what the client sent; return what to send."""
        for event in self._http.receive_data(data):
            if isinstance(event, h2.events.StreamEnded):
                number = event.stream_id or 1
                self._http.send_headers(number, [(":status", "200")], end_stream=True)
                self.answered += 1
        return self._http.data_to_send()
