"""Reads a capture file of any kind that is known here: pcap or pcapng, each perhaps in gzip.

Rules: what comes out does not depend on how the file was cut. Of compressed data no more is
inflated at a time than is read at once, so that a small file fills no memory.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from lab.capture.pcap_reader import Packet, PcapReader, is_pcap
from lab.capture.pcapng_reader import SECTION_HEADER, PcapngReader
from lab.capture.results import CaptureError, SecretsFound

INFLATED = 2**17
"""How many bytes are inflated at a time."""
_SAMPLE = 64
"""How many bytes say what a file is that is no capture."""
_GZIP = b"\x1f\x8b\x08"
_KEY_LOG = "a TLS key log, not a capture: give it beside the capture that it opens"
_COMPRESSED = "compressed with {}, which is not read: decompress it first"

_CONVERT = "a {} capture, which is not read: editcap -F pcapng turns it into one that is"

# What files that are no pcap, pcapng or gzip begin with, and what to say of them.
_OTHERS: tuple[tuple[bytes, str], ...] = (
    (b"CLIENT_", _KEY_LOG),
    (b"SERVER_", _KEY_LOG),
    (b"EXPORTER_", _KEY_LOG),
    (b"# SSL/TLS secrets", _KEY_LOG),
    (b"-----BEGIN ", "a PEM file, not a capture"),
    (b"\x28\xb5\x2f\xfd", _COMPRESSED.format("zstd")),
    (b"\x04\x22\x4d\x18", _COMPRESSED.format("lz4")),
    (b"\xfd7zXZ\0", _COMPRESSED.format("xz")),
    (b"BZh", _COMPRESSED.format("bzip2")),
    (b"7z\xbc\xaf\x27\x1c", _COMPRESSED.format("7z")),
    (b"PK\3\4", _COMPRESSED.format("ZIP")),
    (b"snoop\0\0\0", _CONVERT.format("snoop")),
    (b"GMBU", _CONVERT.format("Network Monitor")),
    (b"RTSS", _CONVERT.format("Network Monitor")),
    (b"TRSNIFF data", _CONVERT.format("Sniffer")),
    (b"\x7fELF", "a program, not a capture"),
    (b"{", "a JSON document, not a capture"),
    (b"<", "an XML or HTML document, not a capture"),
)


class FileReader:
    """Reads one file, whose bytes may come in pieces of any size.

    Without ``packets`` only the secrets of a pcapng file come out, which takes a tenth of the time.
    """

    def __init__(self, *, packets: bool = True) -> None:
        self._packets = packets
        self._reader: PcapReader | PcapngReader | None = None
        self._gzip: _Inflater | None = None
        self._start = b""
        self._came = False

    @property
    def one_link_type(self) -> bool:
        """Whether all packets are of one link type, as those of a pcap file are."""
        return isinstance(self._reader, PcapReader)

    def feed(self, data: bytes) -> Iterator[Packet | SecretsFound]:
        """Return what ``data``, the next bytes of the file, completes.

        Raises ``CaptureError`` for what is no capture, or a damaged one.
        """
        self._came = self._came or bool(data)
        if self._reader is not None and self._gzip is None:
            return self._reader.feed(data)
        return self._begin(data)

    def end(self) -> None:
        """Take that the file ends. Raises ``CaptureError`` if no capture came at all."""
        if not self._came:
            raise CaptureError("empty: a capture has at least a header")
        if self._reader is None:
            raise CaptureError(_what_it_is(self._start))

    def _begin(self, data: bytes) -> Iterator[Packet | SecretsFound]:
        if self._gzip is None and (self._start + data).startswith(_GZIP):
            self._gzip, data, self._start = _Inflater(), self._start + data, b""
        if self._gzip is None:
            yield from self._read(data)
        else:
            for inflated in self._gzip.feed(data):
                yield from self._read(inflated)

    def _read(self, data: bytes) -> Iterator[Packet | SecretsFound]:
        if self._reader is None:
            data = self._start + data
            if len(data) < 4:
                self._start = data
                return
            if is_pcap(data):
                self._reader = PcapReader()
            elif data.startswith(SECTION_HEADER):
                self._reader = PcapngReader(packets=self._packets)
            elif len(data) >= _SAMPLE:
                raise CaptureError(_what_it_is(data[:_SAMPLE]))
            else:
                self._start = data
                return
            self._start = b""
        yield from self._reader.feed(data)


class _Inflater:
    """Inflates gzip (RFC 1952), which may be several members in a row."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(zlib.MAX_WBITS | 16)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield what ``data`` inflates to, in pieces of ``INFLATED`` bytes at most."""
        while True:
            if self._member.eof:
                data = data.lstrip(b"\0")  # what fills up the last block of a tape or archive
                if not data:
                    return
                self._member = zlib.decompressobj(zlib.MAX_WBITS | 16)
            before = self._member.copy()
            try:
                inflated = self._member.decompress(data, INFLATED)
            except zlib.error:
                # What comes before the damage is read, however the file was cut.
                self._member = before
                yield from self._byte_by_byte(data)
                return
            if inflated:
                yield inflated
            data = self._member.unused_data or self._member.unconsumed_tail
            # zlib may have taken all of the data and still hold back what that inflates to.
            if not data and len(inflated) < INFLATED:
                return

    def _byte_by_byte(self, data: bytes) -> Iterator[bytes]:
        for at in range(len(data)):
            try:
                yield self._member.decompress(data[at : at + 1])
            except zlib.error:
                raise CaptureError("damaged: its gzip data cannot be inflated") from None


def _what_it_is(start: bytes) -> str:
    """Return a line about a file that begins with ``start``, all of it or ``_SAMPLE`` bytes."""
    for begin, told in _OTHERS:
        if start.startswith(begin):
            return told
    if len(start) < 4:
        return f"not a capture: it has {len(start)} bytes"
    kind = "text" if start.isascii() and b"\0" not in start else "its first bytes are "
    if kind != "text":
        kind += start[:4].hex(" ")
    return f"not a capture, neither pcap nor pcapng: {kind}"
