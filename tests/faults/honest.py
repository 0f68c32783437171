"""Clients that keep to every rule, while others break them: what they are answered must be right.

Rules: an answer is right where its status, its body and its end are what the requests so far make
them; anything else, an error of TLS or TCP too, is kept in ``wrong`` in words. In turn: both
versions, full and resumed handshakes, connections for one request and for several.

This module must not know pytest, nor what the others do: scripts/soak.py uses it too.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator

from lab.stream.contexts import TlsVersion
from tests.faults.peer import (
    GET,
    Answer,
    Peer,
    Target,
    post,
)

_NAME = "mtls-client"
_KEPT = 6  # requests of one connection
_PAUSE = 0.005  # seconds between rounds, so that the others have the processor too


class Honest:
    """One honest client, again and again.

    It posts an item each ``posts_each`` rounds: every item makes every later list longer.
    """

    def __init__(self, target: Target, *, name: str = "honest", posts_each: int = 8) -> None:
        self.answers = 0
        self.resumed = 0
        self.wrong: list[str] = []
        self._target = target
        self._name = name
        self._posts_each = posts_each
        self._round = 0
        self._posted: dict[int, str] = {}
        self._sessions: dict[TlsVersion, ssl.SSLSession] = {}

    async def until(self, over: asyncio.Event) -> None:
        """Rounds until ``over`` is set; the one that has begun is finished."""
        while not over.is_set():
            await self.one_round()
            await asyncio.sleep(_PAUSE)

    async def one_round(self) -> None:
        """A connection in each version, some requests on each, and a checked goodbye."""
        self._round += 1
        for version in TlsVersion:
            try:
                await self._converse(version)
            except (OSError, EOFError, asyncio.TimeoutError) as error:
                self.wrong.append(f"TLS {version.value}, round {self._round}: {error!r}")

    async def _converse(self, version: TlsVersion) -> None:
        session = self._sessions.pop(version, None) if self._round % 2 else None
        peer = await Peer.connect(self._target.port, self._target.trusted[version], session=session)
        try:
            await peer.handshake()
            for _ in range(_KEPT if self._round % 3 else 1):
                self._check_list(await peer.ask(GET))
            if self._round % self._posts_each == 1:
                await self._post(peer)
            if peer.tls.session_reused:
                self.resumed += 1
            if peer.tls.session is not None:
                self._sessions[version] = peer.tls.session
            await peer.leave()
        finally:
            peer.close()

    async def _post(self, peer: Peer) -> None:
        task = f"{self._name} {self._round}"
        answer = await peer.ask(post(task))
        item = json.loads(answer.body).get("todo", {}) if answer.status == 201 else {}
        number = item.get("id")
        self._expect(
            isinstance(number, int)
            and number not in self._posted
            and item == {"id": number, "task": task, "done": False},
            answer,
        )
        if isinstance(number, int):
            self._posted[number] = task

    def _check_list(self, answer: Answer) -> None:
        value = json.loads(answer.body) if answer.status == 200 else {}
        items = {item["id"]: item["task"] for item in value.get("todos", ())}
        self._expect(
            value.get("client") == _NAME
            and [*items] == [*range(1, len(items) + 1)]
            and all(items.get(number) == task for number, task in self._posted.items()),
            answer,
        )

    def _expect(self, right: bool, answer: Answer) -> None:
        self.answers += 1
        if not right or answer.closes:
            self.wrong.append(f"round {self._round}: {answer.status} {answer.body[:200]!r}")


@contextlib.asynccontextmanager
async def honest_beside(target: Target) -> AsyncIterator[Honest]:
    """An honest client that goes on inside the block, and makes one more round behind it."""
    honest = Honest(target)
    over = asyncio.Event()
    running = asyncio.ensure_future(honest.until(over))
    try:
        yield honest
    finally:
        over.set()
        await running
    await honest.one_round()
