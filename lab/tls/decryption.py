"""Which keys a connection's records are under: and what opens a record.

Rules: one ``Negotiated`` for a connection, one ``RecordDecryption`` for each sender. The observer
reports what changes keys; secrets are looked for in the key ring when a record needs them. "Wait"
is said while a secret may still come.

This module must not know how records are queued, nor what an opened record holds.
"""

from __future__ import annotations

from dataclasses import dataclass

from lab.tls import messages as msg
from lab.tls.cbc_protection import NullOpener
from lab.tls.cipher_suites import CipherSuite
from lab.tls.code_points import ContentType, ExtensionType, ProtocolVersion
from lab.tls.events import Endpoint
from lab.tls.frozen_values import constructor
from lab.tls.key_log import KeyRing, SecretLabel
from lab.tls.negotiated import Negotiated
from lab.tls.opener import Opener, SealBroken
from lab.tls.protection import TrafficOpener, connection_opener, traffic_opener
from lab.tls.reader import WireError
from lab.tls.record_suites import Cipher, Suite, before_tls12, suite_of
from lab.tls.records import Record
from lab.tls.sealed_records import (
    BEFORE_KEYS,
    BROKEN,
    EARLY_DATA,
    UNREADABLE,
    Sealed,
    limit_of,
    sealed_tls12,
    sealed_tls13,
    sealed_unsettled,
)
from lab.tls.sequence_search import SequenceSearch
from lab.tls.stages import (
    APPLICATION,
    CONNECTION,
    EARLY,
    FOLLOWING,
    HANDSHAKE,
    PLAIN,
    SECRETS,
    UNKNOWN,
    Stage,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _ConnectionState:
    """What TLS 1.2 derives one direction's keys from, as it was at the ChangeCipherSpec.

    ``limit`` says in words what of it is not opened here, "" where all is.
    """

    client_random: bytes
    server_random: bytes
    suite: Suite
    encrypt_then_mac: bool
    limit: str


_connection_state = constructor(_ConnectionState)
_TLS13_SUITES = tuple(suite for suite in CipherSuite if suite >> 8 == 0x13)

Opened = tuple[ContentType, bytes]


class RecordDecryption:
    """Opens the records that ``sender`` protected."""

    __slots__ = (
        "_blind",
        "_connection",
        "_early_data",
        "_early_openers",
        "_ring",
        "_search",
        "_sender",
        "_skipped",
        "_state",
        "conceals",
        "epoch",
        "opener",
        "stage",
    )

    def __init__(self, sender: Endpoint, connection: Negotiated, ring: KeyRing) -> None:
        self.stage = PLAIN
        self.epoch = 0
        self.conceals = True  # what is protected is not to be read without keys
        self._sender = sender
        self._connection = connection
        self._ring = ring
        self.opener: Opener | None = None
        self._state: _ConnectionState | None = None
        self._skipped = 0
        self._blind = False
        self._early_data: bool | None = False
        self._early_openers: list[Opener] | None = None
        self._search: SequenceSearch | None = None  # where bytes are missing

    # What changes keys.

    def client_hello(self, *, early_data: bool | None) -> None:
        """Follow the client's hello; None: whether early data follows it is not known."""
        self._early_data, self._early_openers = early_data, None
        if self.stage in (PLAIN, EARLY):
            self._enter(PLAIN if early_data is False else EARLY)

    def server_hello(self) -> None:
        """Use handshake keys from here on, or after the early data: the server chose TLS 1.3."""
        if self.stage is PLAIN:
            self._enter(HANDSHAKE)
            if self._search:
                self._search.change_keys()

    def follow(self, message: msg.HandshakeMessage) -> None:
        """Change keys behind the sender's ``message``, where they change there."""
        if isinstance(message, msg.Finished):
            if self.stage is HANDSHAKE:
                self._enter(APPLICATION)
        elif isinstance(message, msg.EndOfEarlyData):  # RFC 9846 section 4.6
            if self.stage is EARLY:
                self._enter(HANDSHAKE)
        elif (
            isinstance(message, msg.KeyUpdate)
            and self.stage is APPLICATION
            and isinstance(self.opener, TrafficOpener)
        ):
            self.opener = self.opener.updated()
            self.epoch += 1

    def change_cipher_spec(self) -> None:
        """Follow the sender's ChangeCipherSpec of TLS 1.2 or before (RFC 5246 section 7.1)."""
        self._enter(CONNECTION)
        self._skipped = 0
        if self._search:
            self._search.settle()
        random, server = self._connection.client_random, self._connection.server_hello
        self._state = None
        self._blind = self._blind or random is None or server is None
        if random is not None and server is not None:
            suite, version = self._connection.suite, self._connection.context.version
            if version < ProtocolVersion.TLS_1_2:
                suite = before_tls12(suite, version)
            limit = limit_of(suite, server, version)
            if suite.cipher is Cipher.NULL and not limit:
                self.opener, self.conceals = NullOpener(suite), False
            self._state = _connection_state(
                client_random=random,
                server_random=server.random,
                suite=suite,
                encrypt_then_mac=server.has(ExtensionType.ENCRYPT_THEN_MAC),  # RFC 7366
                limit=limit,
            )

    def protect(self) -> None:
        """Follow the sender's ChangeCipherSpec where bytes that named the version are missing."""
        self._enter(UNKNOWN)

    def lose(self, records: int | None, octets: int | None) -> None:
        """Follow missing bytes: so many records, None where nobody can tell, are not seen."""
        self._search = self._search or SequenceSearch()
        self._search.lose(records, octets)

    def _enter(self, stage: Stage) -> None:
        if stage is not self.stage or stage is CONNECTION:
            self.stage = stage
            self.epoch += 1
            self.opener = None
            self.conceals = True

    # Opening.

    def open(self, record: Record) -> Opened | Sealed | None:
        """Open ``record``: return its content, or what can be said of it, or None for "wait".

        None means that a secret is missing which may still be learned. Raises ``WireError`` for
        application data where the version allows none.
        """
        if self._search:
            return self._open_uncertain(record, self._search)
        if self.opener is None or self.stage is EARLY:
            return self._open_first(record)
        try:
            return self.opener.open(record)
        except SealBroken:
            self.opener.sequence += 1
            return Sealed(BROKEN)

    def give_up(self, record: Record) -> Sealed:
        """Leave ``record`` sealed, which ``open`` would have wait: no secret will come in time."""
        if self.stage is EARLY:
            if self._connection.server_hello is None:
                return self._unopened_early(record)
            self._enter(HANDSHAKE)
        if self.stage in (PLAIN, UNKNOWN):
            return UNREADABLE
        # A shut record of TLS 1.3 may hide a change of keys; of TLS 1.2 only a renegotiation.
        if self.stage is not CONNECTION:
            self._blind = True
            return sealed_tls13(record, self._suite(), limit=self._limit)
        self._blind = self._blind or record.content_type is ContentType.CHANGE_CIPHER_SPEC
        self._skipped += 1
        first = self._skipped == 1 and not self._search
        return sealed_tls12(record, self._suite(), first=first, limit=self._limit)

    def _open_first(self, record: Record) -> Opened | Sealed | None:
        """Open a record that needs a key first."""
        if self.stage in (PLAIN, UNKNOWN):
            if self._connection.incomplete:
                return sealed_unsettled(record)
            if self._connection.version is None or self._connection.is_tls13:
                return Sealed(BEFORE_KEYS)
            raise WireError("TLSPlaintext.type", "application_data before the handshake has ended")
        if self.stage is EARLY:
            return self._open_early_or_next(record)
        if self._cannot_open:
            return self.give_up(record)
        if (secret := self._secret()) is None:
            return None
        self.opener = self._new_opener(secret, self.stage)
        return self.open(record) if self.opener else self.give_up(record)

    @property
    def _cannot_open(self) -> bool:
        """Whether no secret can open what comes, whichever may be learned."""
        connection, state = self._connection, self._state
        unknown = connection.client_random is None and connection.incomplete and not state
        limited = not state and connection.suite.cipher is None
        return self._blind or unknown or limited or bool(self._limit)

    @property
    def _limit(self) -> str:
        """What is not opened here, whatever the secret."""
        hello = self._connection.server_hello
        if self._state is not None or hello is None:
            return self._state.limit if self._state else ""
        return limit_of(self._connection.suite, hello, hello.negotiated_version)

    def _open_uncertain(self, record: Record, search: SequenceSearch) -> Opened | Sealed | None:
        """Open ``record``, before which bytes are missing: AEADs and MACs tell its number.

        A change of keys may be among what is missing.
        """
        if self.stage is UNKNOWN or self._connection.version is None:
            return sealed_unsettled(record)
        if self.stage is PLAIN:
            return self._open_past_change(record, search)
        if self._cannot_open:
            return self.give_up(record)
        waiting = False
        for stage in FOLLOWING[self.stage]:
            current = stage is self.stage and self.opener is not None
            opener = self.opener if current else self._opener_of(stage)
            if opener is None:
                waiting = True
            elif opened := search.open(opener, record, current=stage is self.stage):
                if stage is not self.stage:
                    self._enter(stage)
                self.opener = opener
                return opened
        if self.stage is APPLICATION and isinstance(self.opener, TrafficOpener):
            updated = self.opener.updated()  # a KeyUpdate may be missing
            if opened := search.open(updated, record, current=False):
                self.opener = updated
                self.epoch += 1
                return opened
        return None if waiting else search.fail()

    def _open_past_change(self, record: Record, search: SequenceSearch) -> Opened | Sealed | None:
        """Open a record that may be behind a ChangeCipherSpec which is missing."""
        if self._connection.is_tls13:
            return sealed_unsettled(record)
        blind, self._search = self._blind, None  # the search is not over
        self.change_cipher_spec()
        self._search = search
        opened = self._open_uncertain(record, search)
        if isinstance(opened, tuple) or record.content_type is ContentType.APPLICATION_DATA:
            return opened
        self._enter(PLAIN)
        self._state, self._blind = None, blind
        return None if opened is None else UNREADABLE

    def _opener_of(self, stage: Stage) -> Opener | None:
        secret = self._secret(stage)
        return self._new_opener(secret, stage) if secret else None

    def _new_opener(self, secret: bytes, stage: Stage) -> Opener | None:
        state = self._state
        if state is None:
            idle = stage is APPLICATION
            return traffic_opener(self._suite(), secret, idle=idle)
        keys = self._ring.connection_keys(
            secret, state.client_random, state.server_random, state.suite
        )
        opener = connection_opener(
            state.suite,
            keys[0 if self._sender is Endpoint.CLIENT else 1],
            encrypt_then_mac=state.encrypt_then_mac,
        )
        if opener is not None:
            opener.sequence = self._skipped  # records that were given up count too
        return opener

    def _open_early_or_next(self, record: Record) -> Opened | Sealed | None:
        """Open early data, or what follows it: without EndOfEarlyData where it was refused.

        RFC 9846 section 4.3.10: a client whose early data was refused goes on under handshake
        keys, or with a second ClientHello, at once.
        """
        answered = self._connection.server_hello is not None
        if answered and self._limit:
            return self.give_up(record)
        opened = self._open_early(record)
        if opened is not None:
            return opened
        secret = self._secret(HANDSHAKE)
        if not answered:
            # The next secret is there already, or this one is and does not fit.
            hopeless = secret is not None or self._secret(EARLY) is not None
            return self.give_up(record) if hopeless else None
        if secret is None:
            return None
        opener = traffic_opener(self._suite(), secret)
        try:
            opened = opener.open(record) if opener else None
        except SealBroken:
            return self._unopened_early(record)
        if opened is None:
            return self.give_up(record)
        self._enter(HANDSHAKE)
        self.opener = opener
        return opened

    def _open_early(self, record: Record) -> Opened | None:
        """Try the early secret under each suite it may be for: the wire does not name it."""
        secret = self._secret(EARLY)
        if secret is None:
            return None
        if self._early_openers is None:
            offered = self._connection.offered_suites
            suites = {
                suite_of(suite) for suite in _TLS13_SUITES if offered is None or suite in offered
            }
            fitting = [suite for suite in suites if _hash_length(suite) == len(secret)]
            openers = (traffic_opener(suite, secret) for suite in fitting)
            self._early_openers = [opener for opener in openers if opener]
        candidates = [self.opener] if self.opener else self._early_openers
        for candidate in candidates:
            try:
                opened = candidate.open(record)
            except SealBroken:
                continue
            self.opener = candidate
            return opened
        return None

    def _unopened_early(self, record: Record) -> Sealed:
        """Return what can be said of a record before the server's answer counts."""
        if self._connection.incomplete and self._connection.server_hello is None:
            return sealed_unsettled(record)  # the answer may have come, and not been captured
        if self._early_data is None:
            return Sealed("")
        return Sealed(EARLY_DATA, hides_handshake=False, early_data=True)

    def _secret(self, stage: Stage | None = None) -> bytes | None:
        """Return the secret of ``stage``, or of the stage that this direction is in."""
        if self._state is not None:
            return self._master_secret(self._state.client_random)
        random = self._connection.client_random
        label = SECRETS[self._sender].get(stage or self.stage)
        return self._ring.get(label, random) if random and label else None

    def _master_secret(self, client_random: bytes) -> bytes | None:
        """Return the connection's own, or that of the session which it resumes."""
        secret = self._ring.get(SecretLabel.CLIENT_RANDOM, client_random)
        session = self._connection.session
        if session is not None:
            secret = secret or session.resumed()
            if secret is not None:
                session.learn(secret)
        return secret

    def _suite(self) -> Suite:
        return (self._state or self._connection).suite


def _hash_length(suite: Suite) -> int:
    return 48 if suite.hash_name == "sha384" else 32
