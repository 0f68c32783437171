"""The lab's tap for tests: between a client and a server of theirs, in a thread of this process."""

from __future__ import annotations

import contextlib
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path

from lab.api.lab_identities import library_errors
from lab.api.server_in_thread import LabServer, LoopThread
from lab.tracing.results import Trace
from lab.tracing.tap.tap_key_log import KeyLogFollower
from lab.tracing.tap.tap_listener import Tap, TapSettings
from lab.tracing.target import LOOPBACK, Target, parse_target

_GRACE = 0.5  # seconds that connections in flight have when the block ends


@dataclass(kw_only=True, eq=False, repr=False)
class LabTap:
    """A tap that relays connections to ``target`` inside a ``with`` block, and explains each.

    ``target`` is "host:port" or a ``LabServer``. The tap runs on an event loop in a thread of its
    own, so that clients may block. It cannot decrypt what nobody gives it the secrets of: have the
    client write them to ``key_log`` (``context.keylog_filename``, or SSLKEYLOGFILE for a program).

    The block raises ``ArgumentError`` where the target is none, and ``LabError`` where the tap
    cannot listen.
    """

    target: str | LabServer
    _stack: contextlib.ExitStack = field(default_factory=contextlib.ExitStack, init=False)
    _changed: threading.Condition = field(default_factory=threading.Condition, init=False)
    _traces: list[Trace] = field(default_factory=list, init=False)
    _port: int = field(default=0, init=False)
    _folder: Path = field(default=Path(), init=False)

    @property
    def address(self) -> str:
        """``host:port`` for clients to connect to, while the tap runs. Raises ``RuntimeError``."""
        if not self._port:
            raise RuntimeError("the tap does not run: use it as a context manager")
        return Target(host=LOOPBACK, port=self._port).authority

    @property
    def key_log(self) -> Path:
        """The file to which a client or a server may write its secrets, while the tap runs."""
        return self._folder / "keys.log"

    @property
    def traces(self) -> tuple[Trace, ...]:
        """The connections that have ended and are explained, in that order."""
        with self._changed:
            return tuple(self._traces)

    def wait(self, count: int = 1, timeout: float = 10.0) -> tuple[Trace, ...]:
        """Return ``traces`` once they are ``count`` or more.

        Raises ``TimeoutError`` after ``timeout`` seconds.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._traces) >= count, timeout):
                many = len(self._traces)
                raise TimeoutError(f"{many} of {count} connections have ended in {timeout:g} s")
            return tuple(self._traces)

    def __enter__(self) -> LabTap:
        if self._port:
            raise RuntimeError("the tap runs already")
        self._traces.clear()
        try:
            with library_errors():
                self._open()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._port = 0
        self._stack.close()

    def _open(self) -> None:
        named = self.target if isinstance(self.target, str) else self.target.address
        temporary = tempfile.TemporaryDirectory(prefix="mtls-lab-")
        self._folder = Path(self._stack.enter_context(temporary))
        follower = KeyLogFollower(self.key_log)
        self._stack.callback(follower.close)
        settings = TapSettings(
            listen=Target(host=LOOPBACK, port=0), target=parse_target(named), key_log=follower
        )
        thread = LoopThread()
        self._stack.callback(thread.stop)
        tap = thread.call(_new_tap(settings, self)).result()
        self._port = thread.call(tap.open()).result().port
        self._stack.callback(lambda: thread.call(tap.close(_GRACE)).result())

    def take(self, trace: Trace) -> None:
        """Take a connection that has ended; the tap's thread calls this."""
        with self._changed:
            self._traces.append(trace)
            self._changed.notify_all()


async def _new_tap(settings: TapSettings, taker: LabTap) -> Tap:
    return Tap(settings, taker.take, lambda _: None)
