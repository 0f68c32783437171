"""Inspections as text: every kind of entry, on paper of any width, harmless whatever is in it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from rich.cells import cell_len

from lab.inspecting.results import (
    Entry,
    FileReport,
    FoundProblem,
    Grade,
    InspectedCertificate,
    Inspection,
    KeyEntry,
    OtherEntry,
    RequestEntry,
    RevocationListEntry,
    RoleVerdict,
    TlsRole,
)
from lab.show.text.inspection_text import draw_inspection
from lab.show.text.paper import NARROWEST, WIDEST, Paper
from lab.stream.chain_judge import ChainVerdict
from lab.x509.certificates import CertificateDescription

THEN = datetime(2031, 5, 6, 7, 8, 9, tzinfo=timezone.utc)
ABOUT = CertificateDescription(
    subject="CN=leaf",
    issuer="CN=ca",
    serial=0xABC,
    not_valid_before=THEN,
    not_valid_after=THEN + timedelta(days=1),
    subject_alt_names=("DNS:a.test",),
    extended_key_usage=None,
    key_usage=(),
    is_ca=None,
    key_type="RSA",
    key_bits=2048,
    signature_algorithm="sha256WithRSAEncryption",
    subject_key_identifier=b"\1\2",
    authority_key_identifier=b"\3\4",
)
ENTRY = InspectedCertificate(
    description=ABOUT,
    left=timedelta(days=1, hours=5),
    verdicts=(
        RoleVerdict(
            role=TlsRole.CLIENT,
            plain=ChainVerdict(accepted=False, verify_code=10, verify_message="too late"),
            strict=ChainVerdict(accepted=False, verify_code=10, verify_message="too late"),
        ),
        RoleVerdict(
            role=TlsRole.SERVER,
            plain=ChainVerdict(accepted=True),
            strict=ChainVerdict(accepted=False, verify_code=85, verify_message="no AKI"),
        ),
    ),
    trusted="the CAs in ca.crt",
    sha256="aa",
    sha1="bb",
    pin="cc=",
    chain=("CN=middle (m.crt)", "CN=root (ca.crt)"),
    chain_whole=True,
    problems=(),
)
PROBLEM = FoundProblem(
    code="certificate-expired",
    grade=Grade.REFUSED,
    summary="it has expired",
    evidence=("one", "two"),
    reference="RFC 5280",
    fix="renew it",
)


def drawn(*entries: Entry, paper: Paper | None = None, name: str = "f") -> list[str]:
    inspection = Inspection(files=(FileReport(name=name, form="PEM", entries=entries),))
    lines = [line.plain for line in draw_inspection(inspection, paper or Paper())]
    return lines


def test_a_certificate() -> None:
    assert drawn(ENTRY)[1:] == [
        "certificate CN=leaf",
        "  issuer      CN=ca",
        "  serial      abc",
        "  valid       2031-05-06 07:08:09 to 2031-05-07 07:08:09 UTC",
        "              1 day left",
        "  SAN         DNS:a.test",
        "  EKU         none",
        "  key usage   none",
        "  CA          not stated",
        "  key         RSA 2048",
        "  signature   sha256WithRSAEncryption",
        "  SKI         01:02",
        "  AKI         03:04",
        "  SHA-256     aa",
        "  SHA-1       bb",
        "  pin         sha256//cc=",
        "  chain       CN=middle (m.crt), then CN=root (ca.crt)",
        "  as client   OpenSSL refuses it: too late (10)",
        "  as server   OpenSSL accepts it, and refuses it with VERIFY_X509_STRICT: no AKI",
        "              (85)",
        "  trusting    the CAs in ca.crt",
        "",
        "No problems found.",
    ]


@pytest.mark.parametrize(
    ("left", "shown"),
    [
        (timedelta(days=364, hours=23), "364 days left"),
        (timedelta(hours=3), "0 days left"),
        (-timedelta(hours=3), "expired 0 days ago"),
        (-timedelta(days=1, hours=3), "expired 1 day ago"),
        (-timedelta(days=9), "expired 9 days ago"),
    ],
)
def test_how_long(left: timedelta, shown: str) -> None:
    assert f"              {shown}" in drawn(replace(ENTRY, left=left))


@pytest.mark.parametrize(
    ("chain", "whole", "shown"),
    [
        ((), False, "the issuer is not in these files"),
        (("CN=m (m)",), False, "CN=m (m); the next issuer is not in these files"),
    ],
)
def test_chains(chain: tuple[str, ...], whole: bool, shown: str) -> None:
    lines = drawn(replace(ENTRY, chain=chain, chain_whole=whole))
    assert f"  chain       {shown}" in lines


def test_a_root_has_no_chain() -> None:
    root = replace(
        ENTRY, description=replace(ABOUT, issuer="CN=leaf"), chain=(), verdicts=(), trusted=""
    )
    lines = drawn(root)
    assert "  issuer      same as the subject" in lines
    assert not any("chain" in line for line in lines)


def test_an_unreadable_certificate() -> None:
    broken = CertificateDescription(problem="no")
    lines = drawn(replace(ENTRY, description=broken, left=None, chain=(), verdicts=(), trusted=""))
    assert lines[1] == "certificate no subject"
    assert not any("valid" in line or "issuer" in line for line in lines[1:5])


def test_the_others() -> None:
    crl = RevocationListEntry(
        issuer="CN=ca", this_update=THEN, next_update=None, revoked=1, problems=()
    )
    lines = drawn(
        KeyEntry(kind="EC P", encrypted=True, read=True, fits=("a", "b"), problems=()),
        KeyEntry(kind="EC P", encrypted=False, read=True, fits=(), problems=()),
        KeyEntry(kind="", encrypted=True, read=False, fits=(), problems=()),
        RequestEntry(description=ABOUT, problems=()),
        crl,
        replace(crl, next_update=THEN, revoked=2),
        OtherEntry(label="DH PARAMETERS"),
    )
    assert lines[1:7] == [
        "private key EC P, encrypted",
        "  matches     a, b",
        "private key EC P, not encrypted",
        "  matches     nothing in these files",
        "private key unknown type, encrypted",
        "  matches     cannot be told, as it was not read",
    ]
    assert lines[7] == "request     CN=leaf"
    assert lines[-1] == "No problems found."
    assert lines[-11:-2] == [
        "CRL         issued by CN=ca",
        "  thisUpdate  2031-05-06 07:08:09 UTC",
        "  nextUpdate  none",
        "  revoked     1 certificate",
        "CRL         issued by CN=ca",
        "  thisUpdate  2031-05-06 07:08:09 UTC",
        "  nextUpdate  2031-05-06 07:08:09 UTC",
        "  revoked     2 certificates",
        "other       DH PARAMETERS: not inspected",
    ]


def test_problems() -> None:
    lines = drawn(OtherEntry(label="X"), replace(ENTRY, problems=(PROBLEM,)))
    at = next(number for number, line in enumerate(lines) if "1 problem " in line)
    assert lines[at + 1 :] == [
        "",
        "1  f, no. 2: it has expired",
        "   so          OpenSSL refuses it",
        "   seen        one",
        "               two",
        "   see         RFC 5280",
        "   fix         renew it",
    ]


@pytest.mark.parametrize("width", [NARROWEST, WIDEST])
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_hostile_text_stays_on_the_paper(width: int, encoding: str) -> None:
    evil = "\x1b[2J\u202e漢\n" * 1000
    names = tuple(f"DNS:{evil}" for _ in range(1000))
    about = replace(ABOUT, subject=evil, issuer=evil * 2, subject_alt_names=names)
    problem = replace(PROBLEM, summary=evil, evidence=(evil,))
    entry = replace(ENTRY, description=about, chain=(evil,) * 100, problems=(problem,))
    paper = Paper(width=width, encoding=encoding)
    lines = drawn(entry, paper=paper, name=evil[:200])
    assert all(line.isprintable() for line in lines)
    assert max(map(cell_len, lines)) <= width
    assert len(lines) < 2500
    "".join(lines).encode(encoding)
