"""TLS 1.2 connections that resume a session are opened by the master secret of the first."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from lab.tls.events import Event, MessageSeen, SealedSeen
from lab.tls.observer import Observer
from lab.tls.sessions import MAX_SESSIONS, Sessions
from tests.support.harness import (
    EventBuffer,
    Identities,
    Pair,
    client_context,
    server_context,
)


def connections(
    identities: Identities, directory: Path, *, tickets: bool, count: int
) -> list[EventBuffer]:
    """The first is a full handshake, and each of the others resumes the session before it."""
    version = ssl.TLSVersion.TLSv1_2
    client = client_context(identities, identities.client, version=version)
    server = server_context(identities)
    if not tickets:
        client.options |= ssl.OP_NO_TICKET
    recordings: list[EventBuffer] = []
    for number in range(count):
        session = recordings[-1].session if recordings else None
        pair = Pair(client, server, directory / f"{number}.log", session)
        assert pair.handshake()
        assert pair.client.session_reused == bool(number)
        pair.exchange()
        recordings.append(pair.close())
    return recordings


def observe(recording: EventBuffer, sessions: Sessions, key_log: str) -> list[Event]:
    observer = Observer(sessions=sessions)
    events = observer.learn(key_log)
    return [*events, *recording.replay(observer), *observer.finish()]


@pytest.mark.parametrize("tickets", [True, False])
def test_the_secret_of_the_first_opens_all_that_resume(
    tickets: bool, identities: Identities, tmp_path: Path
) -> None:
    first, *others = connections(identities, tmp_path, tickets=tickets, count=3)
    sessions = Sessions()
    observe(first, sessions, first.key_log)
    for other in others:
        assert observe(other, sessions, "") == other.observe()


def test_secrets_that_come_late_open_the_next_connection(
    identities: Identities, tmp_path: Path
) -> None:
    first, second = connections(identities, tmp_path, tickets=True, count=2)
    sessions = Sessions()
    observer = Observer(sessions=sessions)
    first.replay(observer)
    observer.learn(first.key_log)
    assert observe(second, sessions, "") == second.observe()


def test_a_full_handshake_is_not_opened_by_the_session_that_was_offered(
    identities: Identities, tmp_path: Path
) -> None:
    """A server that does not know the ticket begins a new session, whose secret is not known."""
    (first,) = connections(identities, tmp_path, tickets=True, count=1)
    sessions = Sessions()
    observe(first, sessions, first.key_log)
    client = client_context(identities, identities.client, version=ssl.TLSVersion.TLSv1_2)
    recordings: list[EventBuffer] = []
    for server in (server_context(identities), server_context(identities)):
        session = recordings[0].session if recordings else None
        pair = Pair(client, server, tmp_path / "other.log", session)
        assert pair.handshake()
        recordings.append(pair.close())
    observe(recordings[0], sessions, recordings[0].key_log)
    sealed = [e for e in observe(recordings[1], sessions, "") if isinstance(e, SealedSeen)]
    assert sealed
    assert all("does not open" not in event.inference for event in sealed)


def test_without_the_first_secret_both_stay_sealed(identities: Identities, tmp_path: Path) -> None:
    sessions = Sessions()
    for recording in connections(identities, tmp_path, tickets=False, count=2):
        events = observe(recording, sessions, "")
        read = [event.message.name for event in events if isinstance(event, MessageSeen)]
        assert "Finished" not in read


def test_the_oldest_sessions_are_forgotten() -> None:
    sessions = Sessions()
    for number in range(MAX_SESSIONS + 1):
        sessions.remember(str(number).encode(), b"s")
    assert (sessions.find(b"0"), sessions.find(b"1")) == (None, b"s")
