"""Draw the README's picture: a client without a certificate, refused in TLS 1.2 and in TLS 1.3.

``python scripts/handshake_picture.py [FILE]`` (in the .venv) traces the lab's own server and draws
what both ends saw, cut to the handshake's messages, what each end's calls did, and the alert. FILE
(default: scripts/handshake.svg) is written only where more has changed than times and sizes.
"""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from lab.api import LabCA, LabServer, Trace, trace_server  # noqa: E402
from lab.show.pictures.svg import sequence_svg  # noqa: E402
from lab.tls.events import Event, Fact, LocalFact, StreamEnded  # noqa: E402

PICTURE = ROOT / "scripts" / "handshake.svg"
# What comes in any order, and says nothing of the refusal.
LEFT_OUT = frozenset({Fact.CONNECTED, Fact.CLOSED})
# Their reasons are OpenSSL's, in other words in each version.
FAILED = frozenset({Fact.HANDSHAKE_FAILED, Fact.READ_FAILED})
TEXT = re.compile(r"<text ([^>]*)>([^<]*)</text>")
NUMBER = re.compile(r"[\d.]+")


def main_events(trace: Trace) -> Trace:
    """Return ``trace`` cut to the events that the picture is to show."""
    return replace(trace, events=tuple(filter(None, map(as_shown, trace.events))))


def as_shown(event: Event) -> Event | None:
    """Return an event as the picture has it, None where it is left out."""
    if isinstance(event, StreamEnded):
        return None
    if isinstance(event, LocalFact) and event.fact in LEFT_OUT:
        return None
    if isinstance(event, LocalFact) and event.fact in FAILED:
        return replace(event, reason="")
    return event


def picture() -> str:
    """Return the picture of a new run."""
    ca = LabCA()
    with LabServer(trust=ca) as server:
        traces = trace_server(server, trust=ca)
    return sequence_svg([main_events(trace) for trace in traces])


def texts(drawn: str) -> list[str]:
    """Return all texts of a picture but its times and sizes, sorted."""
    return sorted(words for _, words in TEXT.findall(drawn) if not NUMBER.fullmatch(words))


def main() -> int:
    """Draw the picture; exit code 0."""
    path = Path(sys.argv[1]) if sys.argv[1:] else PICTURE
    drawn = picture()
    if not path.exists() or texts(path.read_text(encoding="utf-8")) != texts(drawn):
        path.write_text(drawn, encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
