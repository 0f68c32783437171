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


SECRETS = {
    Endpoint.CLIENT: {
        Stage.EARLY: SecretLabel.CLIENT_EARLY_TRAFFIC_SECRET,
        Stage.HANDSHAKE: SecretLabel.CLIENT_HANDSHAKE_TRAFFIC_SECRET,
        Stage.APPLICATION: SecretLabel.CLIENT_TRAFFIC_SECRET_0,
    },
    Endpoint.SERVER: {
        Stage.HANDSHAKE: SecretLabel.SERVER_HANDSHAKE_TRAFFIC_SECRET,
        Stage.APPLICATION: SecretLabel.SERVER_TRAFFIC_SECRET_0,
    },
}
"""The label of the secret that a sender's records are under, where one traffic secret is."""
FOLLOWING = {
    Stage.EARLY: (Stage.EARLY, Stage.HANDSHAKE, Stage.APPLICATION),
    Stage.HANDSHAKE: (Stage.HANDSHAKE, Stage.APPLICATION),
    Stage.APPLICATION: (Stage.APPLICATION,),
    Stage.CONNECTION: (Stage.CONNECTION,),
}
"""Which keys may be in use behind missing bytes, by those before."""
