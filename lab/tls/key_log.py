"""The NSS key log format: lines of label, client_random and secret.

Rules: a line that is no such line is passed over, as every reader of this format does; it may be
a comment. What is kept is bounded: secrets of the connection's own client_random, and the newest
few of others, which may come before their ClientHello does.

Source: "The SSLKEYLOGFILE Format for TLS" (draft-ietf-tls-keylogfile).
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Iterator

from lab.tls.key_derivation import DirectionKeys, connection_keys
from lab.tls.record_suites import Suite

MAX_LINE = 512
"""The longest line in characters that can hold a secret: 31 + 64 + 2 * 64 and spaces."""
MAX_UNCLAIMED = 1024
"""How many connections have their secrets kept before their ClientHello is seen."""
MAX_HANDSHAKES = 4
"""How many handshakes of one connection have their secrets kept: TLS 1.2 may renegotiate."""


class SecretLabel(enum.Enum):
    """The labels that the observer can use; the values are those of the format."""

    __hash__ = object.__hash__  # that of Enum is Python code, and slow

    CLIENT_RANDOM = "CLIENT_RANDOM"
    CLIENT_EARLY_TRAFFIC_SECRET = "CLIENT_EARLY_TRAFFIC_SECRET"
    CLIENT_HANDSHAKE_TRAFFIC_SECRET = "CLIENT_HANDSHAKE_TRAFFIC_SECRET"
    SERVER_HANDSHAKE_TRAFFIC_SECRET = "SERVER_HANDSHAKE_TRAFFIC_SECRET"
    CLIENT_TRAFFIC_SECRET_0 = "CLIENT_TRAFFIC_SECRET_0"
    SERVER_TRAFFIC_SECRET_0 = "SERVER_TRAFFIC_SECRET_0"


Secret = tuple[SecretLabel, bytes, bytes]
"""A line's label, client_random and secret; CLIENT_RANDOM marks the master secret of TLS 1.2."""

_LABELS = {label.value: label for label in SecretLabel}


def parse_key_log(text: str) -> Iterator[Secret]:
    """Yield the secrets in ``text``, in its order; other lines are skipped."""
    for line in text.splitlines():
        parts = line.split()
        label = _LABELS.get(parts[0]) if len(parts) == 3 and len(line) <= MAX_LINE else None
        if label is None:
            continue
        try:
            client_random, secret = bytes.fromhex(parts[1]), bytes.fromhex(parts[2])
        except ValueError:
            continue
        # RFC 9846 section 7.1: as long as the hash; RFC 5246 section 8.1: 48 bytes.
        if len(client_random) == 32 and len(secret) in (32, 48, 64):
            yield label, client_random, secret


class KeyRing:
    """The secrets of one connection, and for a while those that may be of it.

    ``secrets`` returns the secrets of a client_random that are known elsewhere.
    """

    __slots__ = ("_derived", "_own", "_secrets", "_unclaimed")

    def __init__(self, secrets: Callable[[bytes], Iterable[Secret]] | None = None) -> None:
        self._secrets = secrets
        self._own: dict[bytes, dict[SecretLabel, bytes]] = {}
        self._unclaimed: dict[bytes, dict[SecretLabel, bytes]] = {}
        self._derived: dict[tuple[bytes, bytes, Suite], tuple[DirectionKeys, DirectionKeys]] = {}

    def claim(self, client_random: bytes) -> None:
        """Take the secrets of ``client_random`` as this connection's.

        A connection has one, and TLS 1.2 a new one with each renegotiation: the newest stay.
        """
        if client_random in self._own:
            return
        own = self._own[client_random] = self._unclaimed.pop(client_random, {})
        if self._secrets is not None:
            own.update((label, secret) for label, _, secret in self._secrets(client_random))
        if len(self._own) > MAX_HANDSHAKES:
            del self._own[next(iter(self._own))]

    def learn(self, key_log: str) -> bool:
        """Keep the secrets in ``key_log``; return whether one of them is this connection's."""
        found = False
        for label, client_random, secret in parse_key_log(key_log):
            secrets = self._own.get(client_random)
            if secrets is not None:
                found = True
            else:
                secrets = self._unclaimed.setdefault(client_random, {})
                if len(self._unclaimed) > MAX_UNCLAIMED:
                    del self._unclaimed[next(iter(self._unclaimed))]
            secrets[label] = secret
        return found

    def get(self, label: SecretLabel, client_random: bytes) -> bytes | None:
        """Return the secret of this connection with ``label``, or None while it is not known."""
        return self._own.get(client_random, {}).get(label)

    def connection_keys(
        self, master_secret: bytes, client_random: bytes, server_random: bytes, suite: Suite
    ) -> tuple[DirectionKeys, DirectionKeys]:
        """Derive the keys of both directions of TLS 1.2, once for the two that ask."""
        inputs = master_secret, client_random + server_random, suite
        keys = self._derived.get(inputs)
        if keys is None:
            keys = connection_keys(master_secret, client_random, server_random, suite)
            self._derived = {inputs: keys}
        return keys
