"""The stages of a direction: which keys its records are under."""

from __future__ import annotations

import enum

from lab.tls.events import Endpoint
from lab.tls.key_log import SecretLabel


class Stage(enum.Enum):
    """Which keys a direction is under."""

    __hash__ = object.__hash__  # that of Enum is Python code, and slow

    PLAIN = "none"
    EARLY = "early traffic"
    HANDSHAKE = "handshake traffic"
    APPLICATION = "application traffic"
    CONNECTION = "TLS 1.2 or before"
    UNKNOWN = "some, of a version that was not captured"


# Names of their own: to look up a member of an Enum takes CPython 3.11 a tenth of a microsecond.
PLAIN, EARLY, HANDSHAKE, APPLICATION, CONNECTION, UNKNOWN = Stage

SECRETS = {
    Endpoint.CLIENT: {
        EARLY: SecretLabel.CLIENT_EARLY_TRAFFIC_SECRET,
        HANDSHAKE: SecretLabel.CLIENT_HANDSHAKE_TRAFFIC_SECRET,
        APPLICATION: SecretLabel.CLIENT_TRAFFIC_SECRET_0,
    },
    Endpoint.SERVER: {
        HANDSHAKE: SecretLabel.SERVER_HANDSHAKE_TRAFFIC_SECRET,
        APPLICATION: SecretLabel.SERVER_TRAFFIC_SECRET_0,
    },
}
"""The label of the secret that a sender's records are under, where one traffic secret is."""


def secret_label(sender: Endpoint, stage: Stage) -> SecretLabel:
    """Return the label of the secret that the keys of a stage come from."""
    return SECRETS[sender].get(stage, SecretLabel.CLIENT_RANDOM)


FOLLOWING = {
    EARLY: (EARLY, HANDSHAKE, APPLICATION),
    HANDSHAKE: (HANDSHAKE, APPLICATION),
    APPLICATION: (APPLICATION,),
    CONNECTION: (CONNECTION,),
}
"""Which keys may be in use behind missing bytes, by those before."""
