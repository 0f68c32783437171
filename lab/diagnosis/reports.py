"""What the ends of a connection report of themselves, as far as they are watched."""

from __future__ import annotations

from lab.tls.events import Endpoint, Fact, LocalFact

_FAILURES = frozenset({Fact.HANDSHAKE_FAILED, Fact.READ_FAILED, Fact.WRITE_FAILED, Fact.TIMED_OUT})
_NOBODY: frozenset[Endpoint] = frozenset()  # one for all: each takes 216 bytes


class Reports:
    """Gathers the local facts of one connection.

    ``returned`` tells of each end that is watched whether its handshake call returned, ``refusal``
    is the first report that an end rejected the other's certificate. A failure behind the answer
    that a client had asked for is none that matters: the server may close at once.
    """

    __slots__ = ("_answered", "_exceptions", "_failed", "refusal", "returned")

    def __init__(self) -> None:
        self.returned: dict[Endpoint, bool] = {}
        self.refusal: LocalFact | None = None
        self._answered = False
        self._failed: frozenset[Endpoint] = _NOBODY
        self._exceptions: dict[Endpoint, str] = {}

    def take(self, event: LocalFact) -> None:
        """Take the next fact."""
        endpoint, fact = event.endpoint, event.fact
        returned = fact is Fact.HANDSHAKE_RETURNED
        self.returned[endpoint] = self.returned.get(endpoint, False) or returned
        self._answered |= fact is Fact.ANSWERED
        if fact in _FAILURES and not self._answered:
            self._exceptions.setdefault(endpoint, event.reason)
        if fact is Fact.HANDSHAKE_FAILED:
            self._failed |= {endpoint}
        elif fact is Fact.CERTIFICATE_REFUSED:
            self.refusal = self.refusal or event

    def refused(self, endpoint: Endpoint) -> bool:
        """Whether ``endpoint`` reports that it refused the other one."""
        said = self.refusal is not None and self.refusal.endpoint is endpoint
        return said or endpoint in self._failed

    @property
    def exception(self) -> str:
        """The wording of the client's library, else of the server's; "" for none."""
        exceptions = self._exceptions
        return exceptions.get(Endpoint.CLIENT, exceptions.get(Endpoint.SERVER, ""))
