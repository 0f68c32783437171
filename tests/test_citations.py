"""Every citation of TLS 1.3 is of RFC 9846, which obsoletes RFC 8446, and of a section it has."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
# The last section of each group of RFC 9846; its numbers run from 1 without gaps.
LAST_SECTIONS = (
    "1.4",
    "2.3",
    "3.8",
    "4.1",
    "4.2.4",
    "4.3.11",
    "4.3.8.2",
    "4.3.11.3",
    "4.4.2",
    "4.5.3",
    "4.5.1.3",
    "4.6",
    "4.7.3",
    "5.5",
    "6.2",
    "7.5",
    "7.4.2",
    "8.3",
    "9.3",
    "10",
    "11.1",
    "12.2",
    "A.2",
    "B.4",
    "B.3.5",
    "B.3.1.4",
    "C.5",
    "D",
    "E.5",
    "F.10",
    "F.1.6",
    "F.2.1",
    "F.5.1",
)
CITATION = re.compile(r"RFC 9846(?:,| section| appendix) ([A-F0-9]+(?:\.[0-9]+)*)")


def all_sections() -> Iterator[str]:
    for last in LAST_SECTIONS:
        parent, separator, number = last.rpartition(".")
        if separator:
            yield parent
            yield from (f"{parent}.{section}" for section in range(1, int(number) + 1))
        else:
            yield last


def files_of_the_project() -> Iterator[Path]:
    for folder in ("lab", "tests", "scripts"):
        yield from (ROOT / folder).rglob("*")


def cited_in(text: str) -> Iterator[str]:
    """Yield the citations in a file; one may be folded over comment lines or string literals."""
    unfolded = re.sub(r"""[\s"#]+""", " ", text)
    yield from (f"RFC 9846 {section}" for section in CITATION.findall(unfolded))
    yield from re.findall("RFC 8446", unfolded)


def test_citations_of_tls13_name_sections_of_rfc_9846() -> None:
    existing = {f"RFC 9846 {section}" for section in all_sections()}
    cited = {
        (str(path.relative_to(ROOT)), citation)
        for path in (ROOT / "README.md", *files_of_the_project())
        if path.suffix in (".py", ".json", ".txt", ".md", ".sh") and path != Path(__file__)
        for citation in cited_in(path.read_text(encoding="utf-8"))
    }
    assert len(cited) > 50
    assert sorted((path, citation) for path, citation in cited if citation not in existing) == []


def test_an_unknown_section_is_found_where_the_citation_is_folded() -> None:
    assert "RFC 9846 4.4.4" not in {f"RFC 9846 {section}" for section in all_sections()}
    assert list(cited_in('x = (\n    "RFC 9846 "\n    "section 4.4.4"\n)')) == ["RFC 9846 4.4.4"]
    assert list(cited_in("# see RFC 9846\n# section 4.4.4")) == ["RFC 9846 4.4.4"]
