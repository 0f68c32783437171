"""Servers that verify nothing, or not always, must not be reported as servers that verify."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.pki import profiles
from lab.pki.authority import Authority, self_signed
from lab.pki.identity import KeyKind, cached
from lab.pki.lab_ca import LabAuthority
from lab.probing.results import Report, Verdict
from tests.probing.test_real_servers import (
    BAD,
    answers,
    ca,
    crl,
    probe,
    verdicts,
)
from tests.support.choosing_relay import choosing_relay
from tests.support.doors import CompletedRun, run
from tests.support.peers import (
    MAKES,
    CommandLine,
    Maker,
    Setup,
    VerifyMode,
    nginx,
    s_server,
    served_by,
)
from tests.support.post_handshake_server import post_handshake_server

__all__ = ["ca", "crl"]  # fixtures

BAD_CERTIFICATES = tuple(name for name in BAD if name != "no-certificate")
CHAINS = ("through-intermediate", "intermediate-expired", "intermediate-not-sent")
NAMES = ("good", *BAD, "server-certificate", "ca-as-client", *CHAINS)
TLS13 = bytes.fromhex("002b0003020304")
"""supported_versions of a client that offers TLS 1.3 alone."""

Open = Callable[..., contextlib.AbstractContextManager[int]]


@pytest.fixture
def opened(certs: Path, tmp_path: Path) -> Open:
    """Opens servers, each in a folder of its own."""
    count = 0

    def start(
        make: Maker, ask: VerifyMode = VerifyMode.REQUIRED
    ) -> contextlib.AbstractContextManager[int]:
        nonlocal count
        count += 1
        folder = tmp_path / str(count)
        folder.mkdir()
        return served_by(make, certs, folder, ask=ask)

    return start


def taking(schemes: str, *, verifying: bool, make: Maker = s_server) -> Maker:
    """An s_server that names these schemes in its CertificateRequest."""

    def made(setup: Setup) -> CommandLine:
        words = [*make(setup), "-client_sigalgs", schemes]
        return words if verifying else [each for each in words if each != "-verify_return_error"]

    return made


def away(certs: Path, port: int, *words: str) -> CompletedRun:
    ca = ("--ca-cert", certs / "ca.crt", "--ca-key", certs / "ca.key")
    return run("lab.probe", f"127.0.0.1:{port}", *ca, *words)


def of(report: Report, version: str, verdict: Verdict) -> set[str]:
    return {
        each.scenario.name
        for each in report.findings
        if str(each.version) == f"TLS {version}" and each.verdict is verdict
    }


EACH_SCHEME = pytest.mark.parametrize(
    "schemes",
    [
        "rsa_pss_rsae_sha256:rsa_pkcs1_sha256",
        "ecdsa_secp384r1_sha384",
        "ed25519",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in (
                "rsa_pss_rsae_sha512",
                "rsa_pss_pss_sha256",
                "ecdsa_secp256r1_sha256",
                "ecdsa_secp521r1_sha512",
                "ed448",
            )
        ),
    ],
)


@EACH_SCHEME
async def test_one_that_verifies_nothing_whatever_keys_it_takes(
    schemes: str, certs: Path, ca: LabAuthority, opened: Open
) -> None:
    with opened(taking(schemes, verifying=False)) as port:
        report = await probe(port, certs, ca, NAMES)
    found = verdicts(report)
    refused = {"good", "through-intermediate", "no-certificate"}
    assert {name for name, some in found.items() if some == {Verdict.LET_IN}} == (
        set(NAMES) - refused
    )
    assert found["no-certificate"] == found["good"] == {Verdict.RIGHT}
    assert answers(report)["client-certificate"] == "required; what is sent is not verified"
    assert (report.passed, report.faulty) == (False, True)


# Each is refused for its own fault, and for nothing that came with another kind of key.
ENDINGS = {
    "good": "HTTP 200",
    "no-certificate": "certificate_required (116)",
    "expired": "certificate_expired (45)",
    "self-signed": "unknown_ca (48)",
    "wrong-ca": "unknown_ca (48)",
    "tampered-signature": "decrypt_error (51)",
    "server-certificate": "unsupported_certificate (43)",
    "ca-as-client": "unsupported_certificate (43)",
    "through-intermediate": "HTTP 200",
    "intermediate-expired": "certificate_expired (45)",
    "intermediate-not-sent": "unknown_ca (48)",
}


def endings(report: Report) -> dict[str, str]:
    return {
        each.scenario.name: each.ending
        for each in report.findings
        if str(each.version) == "TLS 1.3"
    }


KINDS = (KeyKind.RSA_2048, KeyKind.EC_P384, KeyKind.ED25519)
OTHER_SCHEMES = ("rsa_pss_rsae_sha384", "rsa_pss_pss_sha256", "ed25519")


@pytest.mark.parametrize(
    ("kind", "schemes"),
    [
        pytest.param(kind, name, marks=[] if row == column else pytest.mark.slow)
        for row, kind in enumerate(KINDS)
        for column, name in enumerate(OTHER_SCHEMES)
    ],
)
async def test_one_that_trusts_a_ca_with_another_key(
    kind: KeyKind, schemes: str, certs: Path, ca: LabAuthority, opened: Open, tmp_path: Path
) -> None:
    root = self_signed(profiles.root_ca("Another Kind of CA"), cached(kind, 400), now=ca.now)
    trusted = tmp_path / "root.crt"
    trusted.write_bytes(root.chain_pem())

    def make(setup: Setup) -> CommandLine:
        words = list(taking(schemes, verifying=True)(setup))
        words[words.index("-CAfile") + 1] = trusted
        return words

    other = LabAuthority(authority=Authority(identity=root), now=ca.now)
    with opened(make) as port:
        report = await probe(port, certs, other, NAMES)
    assert report.passed
    assert endings(report) == ENDINGS


@EACH_SCHEME
async def test_one_that_verifies_whatever_keys_it_takes(
    schemes: str, certs: Path, ca: LabAuthority, opened: Open
) -> None:
    with opened(taking(schemes, verifying=True)) as port:
        report = await probe(port, certs, ca, NAMES)
    assert verdicts(report) == {name: {Verdict.RIGHT} for name in NAMES}
    verified = "required; what is sent is verified: none of "
    assert answers(report)["client-certificate"].startswith(verified)
    assert report.passed
    assert endings(report) == ENDINGS
    assert all(each.presented for each in report.findings if each.scenario.name != "no-certificate")


def test_the_whole_probe_of_a_server_that_takes_rsa_keys_only(certs: Path, opened: Open) -> None:
    """Every scenario: no certificate of a wrong CA, expired or not, may pass for refused."""
    schemes = "rsa_pss_rsae_sha256:rsa_pkcs1_sha256"
    with opened(taking(schemes, verifying=False)) as port:
        done = away(certs, port, "--skip", "silence")
    assert done.code == 1
    words = " ".join(done.out.split())
    assert "what is sent is not verified" in words
    assert "all is as it should be" not in words
    with opened(taking(schemes, verifying=True)) as port:
        done = away(certs, port, "--skip", "silence")
    assert done.code == 0, done.out
    # Only the scenarios whose key type is the point were left out, and that is told.
    assert "the certificate has a key of EC secp256r1" in " ".join(done.out.split())
    assert "could not be tried)." in " ".join(done.out.split())


@pytest.mark.parametrize("verifying", [True, False])
def test_keys_that_nobody_can_make_leave_it_open(
    verifying: bool, certs: Path, opened: Open
) -> None:
    """DSA is no longer made, and TLS 1.3 has no scheme for it at all."""
    with opened(taking("DSA+SHA256", verifying=verifying)) as port:
        done = away(certs, port, "--only", "good,no-certificate,expired,wrong-ca", "--tls1.2")
    assert done.code == 2, done.out
    words = " ".join(done.out.split())
    assert "Inconclusive: no fault was found, but not all could be tried or told." in words
    assert "Could not be tried: good (TLS 1.2), expired (TLS 1.2), wrong-ca (TLS 1.2)." in words
    assert "verification is inconclusive" in words
    assert "all is as it should be" not in words


async def test_one_that_takes_no_curve_of_the_client(
    certs: Path, ca: LabAuthority, opened: Open
) -> None:
    """It refuses every EC key in TLS 1.2 for its curve, and verifies nothing."""

    def make(setup: Setup) -> CommandLine:
        words = taking("ecdsa_secp256r1_sha256:rsa_pkcs1_sha256", verifying=False)(setup)
        return [*words, "-groups", "X25519", "-no_tls1_3"]

    with opened(make) as port:
        report = await probe(port, certs, ca, ("good", *BAD))
    assert of(report, "1.2", Verdict.LET_IN) == set(BAD_CERTIFICATES)


@pytest.mark.parametrize("asked_in", ["1.2", "1.3"])
async def test_one_that_asks_in_one_version_only(
    asked_in: str, certs: Path, ca: LabAuthority, opened: Open
) -> None:
    with opened(s_server) as asking, opened(s_server, ask=VerifyMode.NONE) as silent:

        def choose(number: int, first: bytes) -> int:
            is_13 = TLS13 in first
            return asking if is_13 == (asked_in == "1.3") else silent

        with choosing_relay(choose) as port:
            report = await probe(port, certs, ca, ("good", *BAD))
    open_in = "1.2" if asked_in == "1.3" else "1.3"
    assert of(report, asked_in, Verdict.RIGHT) == {"good", *BAD}
    assert of(report, open_in, Verdict.LET_IN) == set(BAD)
    assert of(report, open_in, Verdict.NOT_TRIED) == {"good"}
    demands = {each.answer for each in report.insights if each.code == "client-certificate"}
    assert demands == {
        f"TLS {asked_in}: required; what is sent is verified: none of 4 bad certificates got in",
        f"TLS {open_in}: not asked for on this name and path: no mutual TLS here",
    }


async def test_one_that_asks_for_one_name_only(certs: Path, ca: LabAuthority, opened: Open) -> None:
    with (
        opened(s_server) as asking,
        opened(s_server, ask=VerifyMode.NONE) as silent,
        choosing_relay(lambda number, first: asking if b"localhost" in first else silent) as port,
    ):
        report = await probe(port, certs, ca, ("good", *BAD))
        named = away(certs, port, "--only", "good,expired", "--sni", "localhost")
    assert verdicts(report)["expired"] == {Verdict.LET_IN}
    notes = {note for each in report.findings for note in each.notes}
    assert any("--sni, --request" in note for note in notes)
    assert named.code == 0, named.out


def test_one_that_asks_after_the_handshake_for_one_path_only(certs: Path) -> None:
    words = ("--only", "good,no-certificate,expired,wrong-ca", "--request")
    with post_handshake_server(certs) as port:
        never, late = (away(certs, port, *words, path) for path in ("/", "/private"))
    assert never.code == 1
    said = " ".join(never.out.split())
    assert "the server asked for no certificate" in said
    assert "no mutual TLS here" in said
    assert "Could not be tried: good (TLS 1.3)" in said
    # Presented late, it is presented all the same.
    assert late.code == 0, late.out
    assert "certificate_expired (45)" in late.out


LET_IN_BY_NGINX = ("no-certificate", "self-signed", "wrong-ca")
"""What ``ssl_verify_client optional_no_ca`` leaves to the application."""


def statuses(good: int, bad: int) -> Maker:
    """An nginx that lets everybody in at TLS; the rest is left to HTTP."""

    def make(setup: Setup) -> CommandLine:
        words = nginx(setup)
        config = setup.folder / "nginx.conf"
        text = config.read_text("utf-8")
        assert "ssl_verify_client on;" in text
        text = text.replace("ssl_verify_client on;", "ssl_verify_client optional_no_ca;")
        answer = f"if ($ssl_client_verify != SUCCESS) {{ return {bad}; }} return {good};"
        config.write_text(text.replace('return 200 "hello\\n";', answer), "utf-8")
        return words

    return make


@pytest.mark.parametrize("status", [403, 404, 500, 503])
async def test_one_that_answers_everybody_with_an_error(
    status: int, certs: Path, ca: LabAuthority, opened: Open
) -> None:
    with opened(statuses(status, status)) as port:
        report = await probe(port, certs, ca, ("good", *LET_IN_BY_NGINX))
    assert not report.passed
    for name in LET_IN_BY_NGINX:
        assert verdicts(report)[name] == {Verdict.UNTOLD}
    assert "verified" not in answers(report)["client-certificate"]


@pytest.mark.parametrize(
    ("status", "verdict"),
    [(403, Verdict.BY_HTTP), (404, Verdict.BY_HTTP), (302, Verdict.UNTOLD), (500, Verdict.UNTOLD)],
)
async def test_one_that_lets_everybody_in_at_tls_and_refuses_by_http(
    status: int, verdict: Verdict, certs: Path, ca: LabAuthority, opened: Open
) -> None:
    with opened(statuses(204, status)) as port:
        report = await probe(port, certs, ca, ("good", *LET_IN_BY_NGINX))
    found = verdicts(report)
    assert found.pop("good") == {Verdict.RIGHT}
    assert found == {name: {verdict} for name in LET_IN_BY_NGINX}
    assert report.passed is (verdict is Verdict.BY_HTTP)
    assert not report.faulty


def test_one_that_is_gone_midway(certs: Path, opened: Open) -> None:
    """From the eighth connection on it is reset: refusals that were no refusals."""
    words = ("--only", "good,expired,self-signed,wrong-ca", "--concurrency", "1")
    with (
        opened(s_server) as server,
        choosing_relay(lambda number, first: server if number < 8 else None) as port,
    ):
        done = away(certs, port, *words)
    assert done.code != 0, done.out
    said = " ".join(done.out.split())
    assert "could not be tried" in said
    assert "all is as it should be" not in said
    assert "what is sent is verified" not in said
    assert "refusal of a client that writes" not in said


async def test_one_that_begins_to_refuse_everybody(
    certs: Path, ca: LabAuthority, opened: Open
) -> None:
    """What it refused is worth nothing once the good certificate is refused as well."""

    other = LabAuthority(authority=ca.other_root(), now=ca.now)
    certificate = certs.parent / "other-ca.crt"
    certificate.write_bytes(other.authority.identity.chain_pem())

    def refusing(setup: Setup) -> CommandLine:
        words = list(s_server(setup))
        words[words.index("-CAfile") + 1] = certificate
        return words

    names = ("expired", "self-signed", "tampered-signature")
    with (
        opened(s_server) as right,
        opened(refusing) as wrong,
        choosing_relay(lambda number, first: right if number < 6 else wrong) as port,
    ):
        report = await probe(port, certs, ca, names)
    assert (report.passed, report.faulty) == (False, False)
    assert {each.verdict for each in report.findings} == {Verdict.UNTOLD}
    assert all("at the end of the probe" in each.notes[0] for each in report.findings)


async def test_one_that_refuses_the_good_certificate_too(
    certs: Path, ca: LabAuthority, opened: Open
) -> None:
    other = LabAuthority(authority=ca.other_root(), now=ca.now)
    with opened(MAKES["haproxy"]) as port:
        report = await probe(port, certs, other, ("good", *BAD))
    found = verdicts(report)
    assert found["good"] == {Verdict.SHUT_OUT}
    assert {name: found[name] for name in BAD} == {name: {Verdict.UNTOLD} for name in BAD}
    demand = answers(report)["client-certificate"]
    assert "whether it is required: inconclusive" in demand
    assert "verification is inconclusive" in demand
