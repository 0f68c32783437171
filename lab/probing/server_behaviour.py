"""Insights: what a server does, from several connections beside each other.

Rules: what one alert cannot tell is told by trying both; each answer names what it rests on. Where
the versions agree, they are spoken of together.

This module must not know how the connections are made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from lab.diagnosis.evidence import summarize
from lab.diagnosis.results import AnswerMeaning, Outcome, Result
from lab.probing.application_admission import BY_APPLICATION, name_of
from lab.probing.attempt import ScenarioTrace
from lab.probing.endings import ending
from lab.probing.results import Finding, Norm, ScenarioFamily, ServerBehaviour, Verdict
from lab.stream.contexts import TlsVersion
from lab.tls.events import AlertSeen, Endpoint, StreamEnd, StreamEnded
from lab.tls.messages import CertificateRequest
from lab.x509.names import distinguished_name

NEEDED = (
    "good",
    "no-certificate",
    "self-signed",
    "wrong-ca",
    "expired",
    "through-intermediate",
    "intermediate-not-sent",
)
"""The scenarios that insights are drawn from."""

EARLY_TRIES = 3
"""How often a client writes first, since what becomes of it is a race."""

_BAD = ("wrong-ca", "self-signed", "expired")
_REFUSALS_TO_RACE = ("no-certificate", "wrong-ca", "expired", "self-signed")
_NAMES_SHOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Observations:
    """What insights stand on, of one version: ``trials`` has all by name, those of ``NEEDED`` and
    whatever else was tried, and ``findings`` what each of them comes to.

    ``early`` are trials of a refused client that wrote first, ``late`` that client's that did not;
    ``ca`` is the DER name of the CA that issues for the probe.
    """

    trials: Mapping[str, ScenarioTrace]
    findings: Mapping[str, Finding]
    early: Sequence[ScenarioTrace]
    late: ScenarioTrace | None
    ca: bytes

    def admitted(self, name: str) -> bool | None:
        """Whether the client of a scenario got in; None where that is not known, or not tried."""
        finding = self.findings[name]
        return None if finding.verdict is Verdict.NOT_TRIED else finding.admitted


def to_race(trials: Mapping[str, ScenarioTrace], findings: Mapping[str, Finding]) -> str:
    """The scenario with which to write first: one that is refused by TLS; "" if there is none."""
    for name in _REFUSALS_TO_RACE:
        trial, finding = trials[name], findings[name]
        tried = finding.verdict is not Verdict.NOT_TRIED and finding.admitted is False
        if tried and _refused(trial) and trial.outcome.signal not in BY_APPLICATION:
            return name
    return ""


def insights(grounds: Mapping[TlsVersion, Observations]) -> list[ServerBehaviour]:
    """What the server does, question by question."""
    questions: tuple[tuple[str, str, Callable[[Observations], tuple[str, str]]], ...] = (
        ("client-certificate", "client certificate", _demand),
        ("ca-names", "names of its CAs", _names),
        ("chain", "missing intermediate, wrong CA", _chain),
        ("reset", "refusal of a client that writes", _reset),
    )
    found = []
    for code, subject, ask in questions:
        answers = {version: ask(ground) for version, ground in grounds.items()}
        found += _merged(code, subject, answers)
    return found


def _merged(
    code: str, subject: str, answers: Mapping[TlsVersion, tuple[str, str]]
) -> list[ServerBehaviour]:
    given = {version: answer for version, (answer, _) in answers.items() if answer}
    alike = len(set(given.values())) == 1 and len(given) == len(answers)
    found: dict[str, list[str]] = {}
    for version, answer in given.items():
        words = answer if alike else f"TLS {version.value}: {answer}"
        evidence = answers[version][1]
        found.setdefault(words, []).append(f"TLS {version.value}: {evidence}")
    return [
        ServerBehaviour(code=code, subject=subject, answer=words, evidence=tuple(evidence))
        for words, evidence in found.items()
    ]


def _in(trial: ScenarioTrace) -> bool:
    return trial.outcome.result is Result.ACCEPTED


def _refused(trial: ScenarioTrace) -> bool:
    return trial.outcome.result is Result.REJECTED and trial.outcome.by is Endpoint.SERVER


def _refused_by_tls(trial: ScenarioTrace) -> bool:
    return _refused(trial) and trial.outcome.alert is not None


def _asked(trial: ScenarioTrace) -> CertificateRequest | None:
    return summarize(trial.trace.events).request


def _how(trial: ScenarioTrace) -> str:
    return f"{trial.outcome.result.value}, {ending(trial)}"


def _demand(ground: Observations) -> tuple[str, str]:
    """Required, optional, or not asked for; and whether what comes is verified."""
    nobody, good = ground.trials["no-certificate"], ground.trials["good"]
    evidence = "; ".join(
        f"{name.replace('no-c', 'no c')}: {_how(ground.trials[name])}"
        for name in ("no-certificate", "good", *_BAD)
    )
    if _asked(nobody) is None and _asked(good) is None:
        if _in(nobody):
            return "not asked for on this name and path: no mutual TLS here", evidence
        return "not asked for before the connection ends", evidence
    answered = nobody.outcome.http_status is not None or nobody.outcome.answer is not None
    admitted = ground.admitted("no-certificate")
    if admitted is None and answered and ending(nobody) == ending(good):
        both = f"with and without a certificate the answer is {ending(nobody)}"
        return f"asked for; inconclusive: {both}", evidence
    if admitted is None:
        demand = f"asked for; whether it is required: inconclusive ({_how(nobody)})"
    elif admitted:
        demand = "asked for and optional: a client without one gets in"
    else:
        demand = _required(nobody.outcome)
    return f"{demand}; {_verification(ground)}", evidence


def _required(refusal: Outcome) -> str:
    """Who requires a certificate, by how a client without one was refused."""
    if refusal.http_status is not None:
        return f"optional for TLS, required by HTTP ({refusal.http_status})"
    if refusal.answer is not None and refusal.answer_meaning is AnswerMeaning.ASKS:
        return f"optional: who has none is asked for another login ({name_of(refusal.answer)})"
    if refusal.answer is not None:
        return f"optional for TLS, required by the application ({name_of(refusal.answer)})"
    return "required"


def _verification(ground: Observations) -> str:
    """Tell from all bad certificates that were tried whether they are verified.

    Left out are a weak key, what a server needs more than its CA for, and an intermediate that was
    not sent, which the server may have.
    """
    bad = {
        name: ground.admitted(name)
        for name, finding in ground.findings.items()
        if finding.scenario.family is ScenarioFamily.IDENTITY
        and finding.scenario.norm is Norm.REFUSE
        and finding.presented is not None
        and not (finding.scenario.needs or finding.scenario.about_algorithm)
        and name != "intermediate-not-sent"
    }
    let_in = [name for name, admitted in bad.items() if admitted]
    open_ones = [name for name, admitted in bad.items() if admitted is None]
    if len(let_in) == len(bad):
        return "what is sent is not verified"
    inconclusive = f"; inconclusive: {_few(open_ones)}" if open_ones else ""
    if let_in:
        word = "not or only in part" if open_ones else "in part"
        return f"what is sent is verified {word}: {_few(let_in)} got in{inconclusive}"
    if open_ones:
        return f"verification is inconclusive: {_few(open_ones)}"
    weak = [
        name
        for name, finding in ground.findings.items()
        if finding.scenario.about_algorithm
        and finding.scenario.norm is Norm.REFUSE
        and ground.admitted(name)
    ]
    beside = f"; weak ones did: {_few(weak)}" if weak else ""
    return f"what is sent is verified: none of {len(bad)} bad certificates got in{beside}"


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    return f"{', '.join(names[:_NAMES_SHOWN])}{more}"


def _names(ground: Observations) -> tuple[str, str]:
    """Whether CertificateRequest names CAs (RFC 9846, 4.3.4; RFC 5246, 7.4.4)."""
    request = _asked(ground.trials["no-certificate"]) or _asked(ground.trials["good"])
    if request is None:
        return "", ""
    names = request.certificate_authorities
    if not names:
        return "none sent: a client cannot tell which of its certificates to take", "an empty list"
    shown = ", ".join(distinguished_name(name) for name in names[:_NAMES_SHOWN])
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    among = "is among them" if ground.ca in names else "is not among them"
    return f"{len(names)} sent, the name of this probe's CA {among}", f"{shown}{more}"


def _chain(ground: Observations) -> tuple[str, str]:
    """What the alert for an unknown CA means here, from a chain with and without its middle."""
    whole, cut, wrong = (
        ground.trials[name]
        for name in ("through-intermediate", "intermediate-not-sent", "wrong-ca")
    )
    if all(_asked(trial) is None for trial in (ground.trials["good"], whole, cut, wrong)):
        return "", ""
    evidence = (
        f"chain sent whole: {_how(whole)}; intermediate not sent: {_how(cut)}; "
        f"wrong CA: {_how(wrong)}"
    )
    return _chain_answer(ground, ending(whole), ending(cut), ending(wrong)), evidence


def _chain_answer(ground: Observations, whole: str, cut: str, wrong: str) -> str:
    """Compare the endings of a whole chain, one without its intermediate, and one of a wrong CA."""
    admitted = [ground.admitted(n) for n in ("good", "intermediate-not-sent", "wrong-ca")]
    if ground.admitted("wrong-ca") and ground.admitted("intermediate-not-sent"):
        return "it takes a certificate of any CA"
    if refused := _good_refused(ground, wrong):
        return refused
    chain = ground.findings["through-intermediate"].presented is not False
    if chain and _refused(ground.trials["through-intermediate"]):
        return (
            f"no chain through an intermediate gets in, not even a whole one ({whole}): a limit of "
            "depth, or no revocation list of the intermediate"
        )
    if ground.admitted("wrong-ca"):
        return f"a certificate of a wrong CA gets in ({wrong})"
    if None in admitted:
        return "inconclusive: one of these was not presented, or got no verdict"
    if ground.admitted("intermediate-not-sent"):
        return "it takes a client that leaves its intermediate out, and no wrong CA"
    if cut == wrong:
        return f"both are refused by {cut}, which alone cannot tell them apart"
    return f"told apart: {cut} without the intermediate, {wrong} for a wrong CA"


def _good_refused(ground: Observations, wrong: str) -> str:
    """What can be said where the good certificate is refused; "" where it is not."""
    good = ground.trials["good"]
    if good.outcome.signal in BY_APPLICATION:
        return f"inconclusive: the good certificate gets {ending(good)}"
    if not _presented_and_refused(ground, "good"):
        return ""
    if not _presented_and_refused(ground, "wrong-ca"):
        return f"inconclusive: the good certificate is refused ({ending(good)})"
    same = "just as" if ending(good) == wrong else "otherwise than"
    return (
        f"the good certificate is refused ({ending(good)}), {same} one of a wrong CA: the server "
        "does not trust this probe's CA, or refuses it for another reason"
    )


def _presented_and_refused(ground: Observations, name: str) -> bool:
    return ground.findings[name].presented is not False and _refused_by_tls(ground.trials[name])


def _reset(ground: Observations) -> tuple[str, str]:
    """Whether a client that writes first loses the alert, and to what."""
    if ground.late is None or not ground.early:
        return "", ""
    resets = sum(map(_was_reset, ground.early))
    lost = sum(not _alerted(trial) for trial in ground.early)
    total = len(ground.early)
    evidence = f"reads first: {ending(ground.late)}; writes first: " + ", ".join(
        ending(trial) + (" and RST" if _was_reset(trial) and _alerted(trial) else "")
        for trial in ground.early
    )
    if not _alerted(ground.late):
        return f"it sends no alert ({ending(ground.late)}), whether the client writes or not", (
            evidence
        )
    if lost:
        return f"a client that writes first lost the alert in {lost} of {total} tries", evidence
    if resets:
        return (
            f"a client that writes first was reset in {resets} of {total} tries, which may "
            "swallow the alert; it could still be read here",
            evidence,
        )
    return "the alert arrives, whether the client writes first or reads", evidence


def _was_reset(trial: ScenarioTrace) -> bool:
    return any(
        isinstance(event, StreamEnded)
        and event.endpoint is Endpoint.SERVER
        and event.end is StreamEnd.RESET
        for event in trial.trace.events
    )


def _alerted(trial: ScenarioTrace) -> bool:
    alert = trial.outcome.alert
    return isinstance(alert, AlertSeen) and alert.endpoint is Endpoint.SERVER
