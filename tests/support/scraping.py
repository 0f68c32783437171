"""Scrapes, read by the library's own parser: a mapping from a series to its value."""

from __future__ import annotations

import urllib.error
import urllib.request
from dataclasses import dataclass
from email.message import Message

from prometheus_client.parser import text_string_to_metric_families

Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


@dataclass(frozen=True)
class Fetched:
    status: int
    headers: Message
    body: bytes


def fetch(port: int, path: str, *, method: str = "GET", host: str | None = None) -> Fetched:
    """One plain request to the monitor, on a connection of its own."""
    headers = {} if host is None else {"Host": host}
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}", method=method, headers=headers
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=20) as answer:
            return Fetched(answer.status, answer.headers, answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return Fetched(error.code, error.headers, error.read())


def parsed(text: bytes) -> Series:
    """The series of an exposition. A series that comes twice fails."""
    found: Series = {}
    for family in text_string_to_metric_families(text.decode()):
        for sample in family.samples:
            key = sample.name, frozenset(sample.labels.items())
            assert key not in found, f"{key} twice"
            found[key] = sample.value
    return found


def scrape(port: int) -> Series:
    """What the monitor's /metrics says now."""
    fetched = fetch(port, "/metrics")
    assert fetched.status == 200
    assert fetched.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    return parsed(fetched.body)


def only(series: Series, name: str) -> dict[frozenset[tuple[str, str]], float]:
    """The series called ``mtls_lab_name``, by their labels."""
    return {labels: value for (full, labels), value in series.items() if full == f"mtls_lab_{name}"}


def labels(**pairs: str) -> frozenset[tuple[str, str]]:
    return frozenset(pairs.items())
