"""The page of a probe: a summary, the table of all results, and the handshake of each.

Rules: the page is bounded, whatever the server sent. Every handshake is there in short; with all
bytes as many as fit, those that are wrong or open first, and the page says what it leaves out.
Bytes are packed: compressed, so that more of them fit, and opened by the script.

This module must not know how a verdict is come to.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

from markupsafe import Markup

from lab.probing.results import OWN_SERVER, Explanation, Report
from lab.show.html.environment import render
from lab.show.html.page import DECRYPTED, standalone
from lab.show.html.probe_rows import ScenarioPanel, ScenarioRows, panel, scenario_rows
from lab.show.html.probe_summary import summary
from lab.show.html.trace_view import shows_decrypted, traces_view
from lab.show.text.peer_text import bounded, cleaned
from lab.show.text.probe_text import FILES, behaviour, conclusion, grouped, norm_words, scenarios_of
from lab.tls.escape import printable

MOST_OCTETS = 600_000
"""How long the page of a whole probe may be."""
_RESERVE = 2_000
"""What is kept free for the sentence about what is left out."""
_MOST_GROUPS = 30
_MOST_SCENARIOS = 80
_MOST_INSIGHTS = 40
_MOST_MISSES = 4
"""After how many views in sequence that do not fit no more is tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A scenario of the table. ``key`` begins its names in the page.

    ``panel`` is the markup that opens, None where it is left out; ``packed`` the view with all
    bytes, compressed, in base64; "" where it is left out.
    """

    key: str
    rows: ScenarioRows
    panel: Markup | None
    packed: str = ""


def probe_page(report: Report, command: str) -> str:
    """Return the page of a whole probe, of ``MOST_OCTETS`` bytes at most.

    ``command`` is the command line that makes the same probe, for a shell, without what it writes.
    """
    found = scenario_rows(report)
    sections = [
        Section(key=f"s{number}", rows=rows, panel=None) for number, rows in zip(count(1), found)
    ]
    order = sorted(range(len(found)), key=lambda place: -found[place].weight)
    room = MOST_OCTETS - _RESERVE - len(_page(report, command, sections).encode())
    for place in order:
        shown = _panel(panel(found[place], report.address, command))
        if (octets := len(shown.encode())) <= room:
            room -= octets
            sections[place] = Section(key=sections[place].key, rows=found[place], panel=shown)
    _pack(sections, order, room)
    return _page(report, command, sections)


def _pack(sections: list[Section], order: Sequence[int], room: int) -> None:
    """Add the views with all bytes to as many ``sections`` as have room, in their order."""
    misses = 0
    for place in order:
        section = sections[place]
        traces = section.rows.traces
        if section.panel is None or not any(trace.records for trace in traces):
            continue
        packed = packed_view(traces_view(traces, key=section.key))
        if len(packed) > room:
            misses += 1
            if misses == _MOST_MISSES:
                return
            continue
        misses = 0
        room -= len(packed)
        sections[place] = Section(
            key=section.key, rows=section.rows, panel=section.panel, packed=packed
        )


def packed_view(view: Markup) -> str:
    """Return markup as the page's script unpacks it: zlib's format (RFC 1950), in base64."""
    return base64.b64encode(zlib.compress(view.encode(), 9)).decode("ascii")


def _panel(shown: ScenarioPanel) -> Markup:
    return render("probe_panel.html", panel=shown)


def _page(report: Report, command: str, sections: Sequence[Section]) -> str:
    families = dict.fromkeys(section.rows.scenario.family.value for section in sections)
    points = list(behaviour(report))
    body = render(
        "probe.html",
        summary=summary(report),
        conclusion=cleaned(conclusion(report), 2000),
        groups=_groups(report),
        points=[
            (bounded(subject), bounded(answer, 400), [bounded(text, 400) for text in evidence[:4]])
            for subject, answer, evidence in points[:_MOST_INSIGHTS]
        ],
        families=list(families),
        sections=sections,
        results=len(report.findings),
        in_full=sum(bool(section.packed) for section in sections),
        without_panel=sum(section.panel is None for section in sections),
        command=printable(command),
        files=FILES,
    )
    traces = [trace for section in sections for trace in section.rows.traces]
    title = f"mTLS probe of {bounded(report.target)}"
    warning = DECRYPTED if shows_decrypted(traces) else ""
    return standalone(title, body, warning=warning, also="probe")


def _groups(report: Report) -> list[tuple[str, bool, list[str], list[tuple[str, str]]]]:
    """Return what is to be looked at: verdict, whether it is fine, notes, and the scenarios.

    Of these, the name, and what more is to be said.
    """
    noted = [finding for finding in report.findings if not finding.fine or finding.notes]
    return [
        (
            verdict.value,
            all(finding.fine for finding in findings),
            [cleaned(note, 400) for note in notes[:_MOST_SCENARIOS]],
            [_parted(words) for words in scenarios_of(findings)][:_MOST_SCENARIOS],
        )
        for (verdict, notes), findings in list(grouped(noted).items())[:_MOST_GROUPS]
    ]


def _parted(words: str) -> tuple[str, str]:
    name, _, more = words.partition(" ")
    return name, more


def explanation_page(explanation: Explanation, command: str) -> str:
    """Return the page of one scenario, its handshakes with all bytes.

    ``command`` is the command line that makes it, for a shell, without what it writes.
    """
    scenario, traces = explanation.scenario, explanation.traces
    body = render(
        "probe_scenario.html",
        scenario=scenario,
        norm=norm_words(scenario),
        files=FILES,
        explain=printable(command),
        view=traces_view(traces) if traces else "",
    )
    target = ""
    if traces:
        target = OWN_SERVER if traces[0].both_ends else bounded(traces[0].target)
    title = f"Scenario {scenario.name}{target and f', tried with {target}'}"
    warning = DECRYPTED if shows_decrypted(traces) else ""
    return standalone(title, body, warning=warning, also="probe")
