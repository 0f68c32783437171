"""Connections of clients of five makes to servers of many, recorded with what the servers did.

``python -m tests.support.server_recordings`` makes ``tests/vectors/server_outcomes.json.gz`` anew,
which takes some minutes and needs the servers and tshark.
"""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

from lab.pki.identity import Identity
from lab.pki.lab_ca import new_lab_authority
from lab.tls.events import Endpoint, Event, StreamEnd
from lab.tls.observer import Observer
from tests.support.capture import pcap
from tests.support.harness import EventBuffer
from tests.support.more_peers import MORE_MAKES
from tests.support.peers import MAKES, Maker, served_by
from tests.support.raw_clients import CLIENTS, Call
from tests.support.recording_relay import Recording, recorded
from tests.support.serving import program

VECTORS = Path(__file__).resolve().parent.parent / "vectors" / "server_outcomes.json.gz"
VERSIONS = ("1.2", "1.3")
# What the client shows; with "server not trusted" it shows its good one, and refuses the server.
SHOWN = ("good", "none", "wrong CA", "expired", "self-signed", "server not trusted")
ALL_MAKES: dict[str, Maker] = {**MAKES, **MORE_MAKES}

_HTTP = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
_MQTT = bytes.fromhex("100d00044d5154540402003c000161")  # CONNECT of MQTT 3.1.1
_STATUS = re.compile(rb"HTTP/1\.[01] ([0-9]{3})")


@dataclass(frozen=True, kw_only=True)
class ServerOutcome:
    """One recorded connection, and what is known of it without this project's judge.

    * ``steps`` are time, sender ("client" or "server"), and bytes in hexadecimal, or how TCP ended.
    * ``answered`` tells that the client got the server's answer, ``status`` its HTTP status.
    * ``alerts`` are all that tshark decrypted: sender and number; ``fatal`` ones are not 0.
    """

    server: str
    client: str
    version: str
    shown: str
    steps: list[tuple[float, str, str]]
    key_log: list[str]
    answered: bool
    status: int | None
    alerts: list[tuple[str, int]]

    @property
    def name(self) -> str:
        """What tells it from the others."""
        return f"{self.server}, {self.client}, {self.version}, {self.shown}"


def load() -> list[ServerOutcome]:
    """Return the recorded connections."""
    with gzip.open(VECTORS, "rt", encoding="utf-8") as file:
        return [ServerOutcome(**fields) for fields in json.load(file)]


def observed(outcome: ServerOutcome, *, keys: bool) -> Iterator[Event]:
    """Yield the events of a recorded connection, decoded with its key log or without."""
    observer = Observer()
    if keys:
        yield from observer.learn("".join(f"{line}\n" for line in outcome.key_log))
    else:
        yield from observer.finish()
    time = 0.0
    for time, sender, what in outcome.steps:
        if what in StreamEnd.__members__:
            yield from observer.end(Endpoint(sender), StreamEnd[what], time)
        else:
            yield from observer.feed(Endpoint(sender), bytes.fromhex(what), time)
    yield from observer.finish()


@dataclass(frozen=True)
class _Files:
    certs: Path
    identities: dict[str, tuple[Path, Path] | None]


def make_files(folder: Path) -> _Files:
    """Write a set for the servers, and what clients show."""
    now = datetime.now(timezone.utc)
    lab = new_lab_authority(now)
    folder.mkdir(exist_ok=True)

    def write(name: str, identity: Identity) -> tuple[Path, Path]:
        paths = folder / f"{name}.crt", folder / f"{name}.key"
        paths[0].write_bytes(identity.chain_pem())
        paths[1].write_bytes(identity.key_pem())
        return paths

    write("ca", lab.authority.identity)
    write("other-ca", lab.other_root().identity)
    write("server", lab.server())
    long_ago, lifetime = -timedelta(days=400), timedelta(days=300)
    good = write("client", lab.client())
    return _Files(
        folder,
        {
            "good": good,
            "none": None,
            "wrong CA": write("wrong-ca", lab.client(issuer=lab.other_root())),
            "expired": write("expired", lab.client(starts=long_ago, lifetime=lifetime)),
            "self-signed": write("self-signed", lab.self_signed_client()),
            "server not trusted": good,
        },
    )


def record(
    server: str, port: int, client: str, version: str, shown: str, files: _Files, folder: Path
) -> ServerOutcome:
    """Make one connection through the relay, and tell what became of it."""
    identity = files.identities[shown]
    mqtt = server == "mosquitto"
    key_log = folder / "key.log"
    key_log.write_text("")
    with recorded(port) as (relay, recording):
        answer = CLIENTS[client](
            Call(
                port=relay,
                version=version,
                ca=files.certs / ("other-ca.crt" if shown == "server not trusted" else "ca.crt"),
                certificate=identity[0] if identity else None,
                key=identity[1] if identity else None,
                key_log=key_log,
                request=_MQTT if mqtt else _HTTP,
                mark=b"\x20\x02\x00\x00" if mqtt else b"</" if shown != "good" else b"hello\n",
            )
        )
    lines = [line for line in key_log.read_text().splitlines() if not line.startswith("#")]
    status = _STATUS.search(answer)
    return ServerOutcome(
        server=server,
        client=client,
        version=version,
        shown=shown,
        steps=[_step(step) for step in recording.steps],
        key_log=lines,
        answered=status is not None or (mqtt and b"\x20\x02\x00\x00" in answer),
        status=int(status[1]) if status else None,
        alerts=_alerts_by_tshark(recording, lines, folder),
    )


def _step(step: tuple[float, Endpoint, bytes | StreamEnd]) -> tuple[float, str, str]:
    time, sender, what = step
    return round(time, 4), sender.value, what.name if isinstance(what, StreamEnd) else what.hex()


def _alerts_by_tshark(
    recording: Recording, lines: Sequence[str], folder: Path
) -> list[tuple[str, int]]:
    """Return the alerts as Wireshark's decoder reads them, which is nobody's here."""
    pieces = [(sender, data) for _, sender, data in recording.steps if isinstance(data, bytes)]
    (folder / "one.pcap").write_bytes(pcap([EventBuffer(pieces=pieces)]))
    (folder / "shark.log").write_text("".join(f"{line}\n" for line in lines))
    words = [program("tshark", "tshark"), "-r", "one.pcap", "-o", "tls.keylog_file:shark.log"]
    words += ["-d", "tcp.port==443,tls", "-T", "fields"]
    words += ["-e", "tcp.srcport", "-e", "tls.alert_message.desc", "-Y", "tls.alert_message"]
    text = subprocess.run(words, cwd=folder, check=True, capture_output=True, text=True).stdout
    alerts = []
    for line in text.splitlines():
        source, _, numbers = line.partition("\t")
        sender = "server" if source == "443" else "client"
        alerts += [(sender, int(number)) for number in numbers.split(",") if number]
    return alerts


def record_all(folder: Path, makes: Sequence[str]) -> Iterator[ServerOutcome]:
    """Record each server with each version and each identity, by clients in turn."""
    files = make_files(folder / "certs")
    turn = 0
    for server in makes:
        place = folder / re.sub(r"\W+", "-", server)
        place.mkdir()
        with served_by(ALL_MAKES[server], files.certs, place) as port:
            for version in VERSIONS:
                for shown in SHOWN:
                    turn += 1
                    clients = [name for name in CLIENTS if name != "curl" or server != "mosquitto"]
                    client = clients[turn % len(clients)]
                    yield record(server, port, client, version, shown, files, place)


def main(words: Sequence[str]) -> None:
    """Record all, or the makes that ``words`` name, and write the vectors."""
    with tempfile.TemporaryDirectory() as folder:
        outcomes = []
        for outcome in record_all(Path(folder), words or list(ALL_MAKES)):
            print(
                outcome.name, outcome.answered, outcome.status, outcome.alerts, len(outcome.steps)
            )
            outcomes.append(outcome)
    if words:
        return
    text = json.dumps([asdict(outcome) for outcome in outcomes], separators=(",", ":"))
    VECTORS.write_bytes(gzip.compress(text.encode(), mtime=0))


if __name__ == "__main__":
    main(sys.argv[1:])
