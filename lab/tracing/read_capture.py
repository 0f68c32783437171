"""Reading a capture: a file or a stream goes in, a trace of each TLS connection comes out.

Rules: a connection is traced as it ends, and forgotten then, so that memory does not grow with the
file. Secrets must be known by the time their records come. Hence key logs are read first, and of a
regular file so are the secrets that the capture itself holds, wherever they stand in it. Of a
stream those count that have come before; the key log is followed as it grows, meanwhile.
"""

from __future__ import annotations

import contextlib
import io
import os
import stat
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from lab.capture.capture import Capture
from lab.capture.file_reader import FileReader
from lab.capture.results import (
    CaptureError,
    CaptureItem,
    Flow,
    FlowBytes,
    FlowClosed,
    FlowEnd,
    FlowGap,
    NotDecoded,
    SecretsFound,
)
from lab.tls.events import MessageSeen
from lab.tls.key_log import MAX_LINE, Secret
from lab.tls.key_log_index import KeyLogIndex
from lab.tls.messages import ClientHello
from lab.tls.sessions import Sessions
from lab.tracing.flow_trace import FlowTrace
from lab.tracing.results import CaptureSummary, KeyLogUse, Trace

_CHUNK = 1 << 18
_OF_FLOW = (FlowBytes, FlowEnd, FlowGap)  # a union of types is made anew wherever it is written


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which connections are traced: those with all that is given; None: any.

    ``number`` is a connection's place in the capture, ``host`` the address and ``port`` the port
    of either of its ends.
    """

    number: int | None = None
    host: str | None = None
    port: int | None = None

    def takes(self, flow: Flow) -> bool:
        """Return whether a connection is among them."""
        ends = (flow.client, flow.server)
        return (
            self.number in (None, flow.number)
            and (self.host is None or any(self.host == end.host for end in ends))
            and (self.port is None or any(self.port == end.port for end in ends))
        )


def key_log_beside(capture: Path) -> Path | None:
    """Return the key log of the same name beside a capture: of x.pcap, x.keylog or x.pcap.keylog.

    Of x.pcap.gz they are the same. None where there is none.
    """
    plain = capture.with_suffix("") if capture.suffix.lower() == ".gz" else capture
    candidates = (plain.with_suffix(".keylog"), plain.with_name(f"{plain.name}.keylog"))
    return next((path for path in candidates if path != capture and path.is_file()), None)


_Bytes = io.FileIO | io.BytesIO


class KeyLogFile:
    """A key log on disk, and the index of what was read of it. Raises OSError.

    With ``data`` it is in memory, and ``path`` is its name only.
    """

    def __init__(self, path: Path, *, beside: bool = False, data: bytes | None = None) -> None:
        self.path = path
        self.beside = beside
        self._file: _Bytes = path.open("rb", buffering=0) if data is None else io.BytesIO(data)
        # What comes through a pipe cannot be read again at some place.
        is_regular = _is_regular(self._file)
        self._again: _Bytes | None = None
        if is_regular:
            self._again = path.open("rb", buffering=0) if data is None else io.BytesIO(data)
        self.index = KeyLogIndex(self._read_at if is_regular else None)
        self._begun = b""

    def read(self) -> Iterator[bytes]:
        """Yield whole lines that are new, many at a time, once they are in the index."""
        while data := self._file.read(_CHUNK):
            self.index.add(data)
            lines, end, begun = (self._begun + data).rpartition(b"\n")
            self._begun = begun if len(begun) <= MAX_LINE else b""  # no secret is as long
            if end:
                yield lines

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        if self._again is not None:
            self._again.close()

    @property
    def use(self) -> KeyLogUse:
        """What the log has, and what was found in it."""
        return KeyLogUse(
            name=str(self.path),
            beside=self.beside,
            secrets=self.index.count,
            used=self.index.used,
        )

    def _read_at(self, offset: int, size: int) -> bytes:
        assert self._again is not None
        self._again.seek(offset)
        return self._again.read(size) or b""


class CaptureReader:
    """Reads one capture, and traces the connections of ``selection``.

    ``file`` is read from where it stands; a regular file from its beginning, twice if it may hold
    secrets itself, as is one in memory. ``key_log`` is an open key log; the caller closes both.
    With ``keep_records`` traces have the records with their bytes.
    """

    def __init__(
        self,
        file: BinaryIO,
        *,
        key_log: KeyLogFile | None = None,
        selection: Selection | None = None,
        keep_records: bool = False,
    ) -> None:
        self._file = file
        self._key_log = key_log
        self._selection = selection or Selection()
        self._keep_records = keep_records
        self._is_stream = not _is_regular(file)
        self._capture = Capture()
        self._flows: dict[int, FlowTrace] = {}
        self._own = KeyLogIndex()
        self._sessions = Sessions()
        self._others: Counter[str] = Counter()
        self._connections = self._tls = 0
        self._complete = True

    @property
    def is_stream(self) -> bool:
        """Whether the capture comes as a stream, which may go on for long."""
        return self._is_stream

    @property
    def summary(self) -> CaptureSummary:
        """What was read so far."""
        logs = [self._key_log.use] if self._key_log is not None else []
        if secrets := self._own.count:
            used = self._own.used
            logs.append(KeyLogUse(name="", beside=False, secrets=secrets, used=used))
        return CaptureSummary(
            connections=self._connections,
            tls=self._tls,
            others=tuple(self._others.most_common()),
            key_logs=tuple(replace(log, complete=self._complete) for log in logs),
        )

    def traces(self) -> Iterator[Trace]:
        """Yield a trace of each connection with TLS in it, as it ends.

        Raises ``CaptureError`` for what is no capture, or a damaged one, in the latter case behind
        what was in front of the damage, or where reading fails.
        """
        self._read_key_log()
        if not self._is_stream:
            self._read_own_secrets()
        try:
            while data := _next(self._file):
                if self._is_stream:
                    self._read_key_log()
                yield from self._take(self._capture.feed(data))
        except CaptureError:
            yield from self._take(self._rest())
            raise
        yield from self._take(self._capture.end())

    def _rest(self) -> Iterator[CaptureItem]:
        """Yield what came in front of the damage."""
        try:
            yield from self._capture.end()
        except CaptureError:
            return

    def _read_key_log(self) -> None:
        """Read what is new in the key log; open connections of a stream may wait for it."""
        if self._key_log is None:
            return
        for lines in self._key_log.read():
            for flow in self._flows.values():
                flow.learn(lines.decode("ascii", "replace"))
        if not self._is_stream:
            self._key_log.index.end()

    def _read_own_secrets(self) -> None:
        """Read the secrets in the file itself, then go back to its beginning."""
        reader = FileReader(packets=False)
        with contextlib.suppress(CaptureError):  # told when the packets are read
            # A pcap file, whose packets are all of one link type, holds none.
            while not reader.one_link_type and (data := _next(self._file)):
                for item in reader.feed(data):
                    if isinstance(item, SecretsFound):
                        self._add_own(item)
        if isinstance(self._file, io.BytesIO):
            self._file.seek(0)
        else:
            os.lseek(self._file.fileno(), 0, os.SEEK_SET)

    def _add_own(self, found: SecretsFound) -> None:
        self._own.add(found.key_log.encode("ascii", "replace"))
        self._own.end()  # a block need not end in a line end
        for flow in self._flows.values():
            flow.learn(found.key_log)

    def _take(self, items: Iterable[CaptureItem]) -> Iterator[Trace]:
        number = self._selection.number
        for item in items:
            if isinstance(item, _OF_FLOW):  # as most are
                if number is None or item.flow == number:
                    self._feed(item)
            elif isinstance(item, FlowClosed):
                yield from self._close(item)
            elif isinstance(item, NotDecoded):
                self._others[item.what] += 1
            elif self._is_stream:
                self._add_own(item)

    def _feed(self, item: FlowBytes | FlowGap | FlowEnd) -> None:
        flow = self._flows.get(item.flow)
        if flow is None:
            follow = self._is_stream and self._key_log is not None
            flow = self._flows[item.flow] = FlowTrace(
                secrets=self._secrets_of,
                sessions=self._sessions,
                secrets_follow=follow,
                keep_records=self._keep_records,
            )
        flow.take(item)

    def _secrets_of(self, client_random: bytes) -> Iterable[Secret]:
        found = self._key_log.index.secrets(client_random) if self._key_log is not None else []
        return found or self._own.secrets(client_random)

    def _close(self, item: FlowClosed) -> Iterator[Trace]:
        flow = self._flows.pop(item.flow.number, None)
        self._connections += 1
        if not item.tls:
            self._others[item.other] += 1
            return
        self._tls += 1
        if flow is not None and self._selection.takes(item.flow):
            flow.finish(item.flow.last)
            trace = flow.trace(item.flow)
            if trace is not None:
                self._complete = self._complete and _has_client_hello(trace)
                yield trace


def _has_client_hello(trace: Trace) -> bool:
    return any(
        isinstance(event, MessageSeen) and isinstance(event.message, ClientHello)
        for event in trace.events
    )


def _is_regular(file: BinaryIO | _Bytes) -> bool:
    """Tell whether a file can be read again: it is on a disk, or in memory."""
    return isinstance(file, io.BytesIO) or stat.S_ISREG(os.fstat(file.fileno()).st_mode)


def _next(file: BinaryIO) -> bytes:
    """Return what comes next in a file, at once where that is little, b"" at its end."""
    if isinstance(file, io.BytesIO):
        return file.read(_CHUNK)
    try:
        return os.read(file.fileno(), _CHUNK)
    except OSError as error:
        raise CaptureError(f"cannot be read: {error.strerror or error}") from error
