"""The explanation of a text: each error in it once, with all that can be behind it.

Rules: a text is read in pages, so that its length does not matter; what is kept is bounded by the
tables. An error that is printed again, as by each layer of a chain of exceptions, is one finding.

This module must not know where a text is from, or how an explanation is shown.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from lab.diagnosis.error_texts.alert_causes import SERVERS_ONLY, causes_of_alert
from lab.diagnosis.error_texts.known_text import CLIENT, RECEIVED, SENT, SERVER, KnownText
from lab.diagnosis.error_texts.nearest_texts import nearest
from lab.diagnosis.error_texts.numbers_and_names import readings
from lab.diagnosis.error_texts.possible_causes import possible_causes, scenarios_of
from lab.diagnosis.error_texts.recognition import Page, Said, cleaned
from lab.diagnosis.error_texts.results import (
    ErrorExplanation,
    ErrorFinding,
    ErrorPhase,
    NamedAlert,
    SpeakerRole,
    UnknownText,
)
from lab.diagnosis.error_texts.tables.speakers import SPEAKERS, with_libraries
from lab.diagnosis.error_texts.tables.verify_texts import WORDS, causes_of_verify_code
from lab.tls.code_points import AlertDescription as Alert

PAGE = 1 << 16
"""How many characters are read at a time."""
_LONGEST_TEXT = 300
_MOST_UNKNOWN = 10
# Alerts that an end sends in the handshake only.
_IN_HANDSHAKE = frozenset(
    {
        Alert.PROTOCOL_VERSION,
        Alert.INAPPROPRIATE_FALLBACK,
        Alert.MISSING_EXTENSION,
        Alert.UNRECOGNIZED_NAME,
        Alert.NO_APPLICATION_PROTOCOL,
    }
)
_Key = tuple[object, ...]


class _Group:
    """One error, as often as it was found."""

    def __init__(self, said: Said, line: int) -> None:
        self.row, self.text, self.line = said.row, said.text[:_LONGEST_TEXT], line
        self.role, self.phase = _role(said), said.phase
        self.speakers = set(said.speakers)
        self.versions = dict(said.versions)
        self.count, self._last = 1, line

    def take(self, said: Said, line: int) -> bool:
        """Take the error once more, unless another end or another program printed it."""
        role = _role(said)
        if SpeakerRole.UNKNOWN not in (self.role, role) and self.role is not role:
            return False
        programs, others = _programs(self.speakers), _programs(said.speakers)
        if programs and others and programs.isdisjoint(others):
            return False
        self.role = role if self.role is SpeakerRole.UNKNOWN else self.role
        self.phase = said.phase if self.phase is ErrorPhase.UNKNOWN else self.phase
        self.speakers |= said.speakers
        self.versions.update(said.versions)
        self.count += line != self._last
        self._last = line
        return True


class TextExplainer:
    """Explains a text that is fed in parts of any size."""

    def __init__(self) -> None:
        self._waiting = ""
        self._lines = 0
        self._is_first = True
        self._groups: dict[_Key, list[_Group]] = {}
        self._unknown: list[UnknownText] = []
        self._left_out = 0

    def feed(self, text: str) -> None:
        """Take the next part."""
        self._waiting += text
        while len(self._waiting) > 2 * PAGE:
            cut = self._waiting.rfind("\n", 0, PAGE) + 1 or PAGE
            page, self._waiting = self._waiting[:cut], self._waiting[cut:]
            self._read(page, whole=False)

    def end(self) -> ErrorExplanation:
        """Return what was found, and what was not understood."""
        self._read(self._waiting, whole=self._is_first)
        self._waiting = ""
        groups = [group for groups in self._groups.values() for group in groups]
        groups.sort(key=lambda group: group.line)
        return ErrorExplanation(
            found=tuple(map(_finding, groups)),
            unknown=tuple(self._unknown),
            left_out=self._left_out,
        )

    def _read(self, text: str, *, whole: bool) -> None:
        page = Page(cleaned(text), whole=whole)
        self._is_first = False
        for said in page.said():
            self._take(said)
        for line, unknown in page.unknown_lines():
            if len(self._unknown) == _MOST_UNKNOWN:
                self._left_out += 1
                continue
            recognised = sorted(SPEAKERS[name].name for name in page.marks_in(line))
            self._unknown.append(
                UnknownText(
                    text=unknown[:_LONGEST_TEXT],
                    line=self._lines + line + 1,
                    recognised=tuple(recognised),
                    nearest=nearest(unknown),
                )
            )
        self._lines += len(page.lines) - 1  # the last one may go on in the next page

    def _take(self, said: Said) -> None:
        groups = self._groups.setdefault(_key(said.row), [])
        line = self._lines + said.line + 1
        if not any(group.take(said, line) for group in groups):
            groups.append(_Group(said, line))


def explain_text(text: str) -> ErrorExplanation:
    """Explain a text, or a number or a name alone: all that it can be."""
    found = [_finding(_Group(_alone(row, text), 1)) for row in readings(text)]
    if found:
        return ErrorExplanation(found=tuple(found), unknown=())
    explainer = TextExplainer()
    explainer.feed(text)
    return explainer.end()


def _alone(row: KnownText, text: str) -> Said:
    speakers = frozenset({row.speaker} - {""})
    return Said(0, text.strip(), row, speakers, row.role, row.phase)


def _key(row: KnownText) -> _Key:
    """Return what makes two errors one."""
    if row.causes:
        return row.causes, row.says
    if row.verify is not None:
        return (row.verify,)
    return row.alert, row.direction, row.says


def _finding(group: _Group) -> ErrorFinding:
    row = group.row
    codes = tuple(_codes(row, group.role))
    alert = None
    # An alert that asyncio's TLS makes stays in its buffer (CPython gh-98078): it is not sent.
    kept_back = row.direction is SENT and "asyncio" in with_libraries(group.speakers)
    if row.alert is not None and not kept_back:
        alert = NamedAlert(number=row.alert, name=str(Alert(row.alert)))
    return ErrorFinding(
        text=group.text,
        line=group.line,
        count=group.count,
        speaker=_chain(group.speakers, group.versions),
        role=group.role,
        says=_says(row, group.role, group.speakers),
        alert=alert,
        direction=row.direction,
        phase=_phase(row, group.phase),
        causes=possible_causes(codes),
        scenarios=scenarios_of(codes),
    )


def _phase(row: KnownText, phase: ErrorPhase) -> ErrorPhase:
    if row.causes or row.verify is not None:
        return phase
    if row.alert == Alert.CERTIFICATE_REQUIRED and row.direction is RECEIVED:
        return ErrorPhase.AFTER_HANDSHAKE  # RFC 9846 section 4.5.1.3: after the client's Finished
    if phase is ErrorPhase.UNKNOWN and row.alert in _IN_HANDSHAKE:
        return ErrorPhase.HANDSHAKE
    return phase


def _codes(row: KnownText, role: SpeakerRole) -> Iterator[str]:
    """Yield the codes of the causes, seen from the end that speaks; twice where it is unknown."""
    if not row.causes and row.verify is None and row.alert is not None:
        for code in causes_of_alert(row.alert, _sender(row, role)):
            # OpenSSL makes a decode_error of its own where the other end closes without an alert.
            is_own = code == "closed-by-own-end" and row.direction is SENT
            yield "refused-without-alert" if is_own else code
        return
    codes = row.causes or (causes_of_verify_code(row.verify) if row.verify is not None else ())
    for own, peer in _ends(role):
        for code in codes:
            end, _, name = code.partition(":")
            known = {"own": own, "peer": peer}.get(end, "")
            resolved = f"{known}-{name}" if name else code
            if len(codes) > 1 and resolved in _RARE:
                continue
            if resolved != _OF_CLIENTS or own == CLIENT.value:
                yield resolved


# Servers compare no name of a client with what they asked for, save where a rule says so.
_RARE = frozenset({"client-name-mismatch", "client-san-missing"})
_OF_CLIENTS = "intercepting-proxy"


def _ends(role: SpeakerRole) -> tuple[tuple[str, str], ...]:
    """Return the speaker's end and the other, in each way that is possible."""
    ways = (("client", "server"), ("server", "client"))
    if role is SpeakerRole.UNKNOWN:
        return ways
    return ways[:1] if role is CLIENT else ways[1:]


def _role(said: Said) -> SpeakerRole:
    """Return the end that speaks; an alert that no client sends tells it by its direction."""
    if said.row.alert in SERVERS_ONLY and not said.row.causes:
        return {RECEIVED: CLIENT, SENT: SERVER}.get(said.row.direction, said.role)
    return said.role


def _sender(row: KnownText, role: SpeakerRole) -> SpeakerRole:
    if row.direction is SENT:
        return role
    if row.direction is RECEIVED:
        return {CLIENT: SERVER, SERVER: CLIENT}.get(role, role)
    return SpeakerRole.UNKNOWN


def _says(row: KnownText, role: SpeakerRole, speakers: Collection[str]) -> str:
    if row.says:
        return row.says
    own = {CLIENT: "the client", SERVER: "the server"}.get(role, "this end")
    other = {CLIENT: "server", SERVER: "client"}.get(role, "other end")
    if row.verify is not None:
        code = f" (verify code {row.verify})" if _is_openssl(speakers) else ""
        if "openssl-verify" in speakers:
            return f"a certificate does not verify: {WORDS[row.verify][0]}{code}"
        return f"to {own}, the {other}'s certificate does not verify: {WORDS[row.verify][0]}{code}"
    assert row.alert is not None
    alert = f"the alert {Alert(row.alert)} ({row.alert})"
    if row.direction is RECEIVED:
        return f"the {other} sent {alert}"
    if row.direction is SENT:
        return f"{own} sent {alert}"
    return f"{alert}; who sent it, the text does not say"


def _is_openssl(speakers: Iterable[str]) -> bool:
    return any(SPEAKERS[name].family == "openssl" for name in with_libraries(speakers))


def _programs(speakers: Iterable[str]) -> set[str]:
    """Return those of the speakers that are no TLS library, and what they stand on of that kind."""
    return {name for name in with_libraries(speakers) if SPEAKERS[name].layer > 0}


# Libraries that print what looks like OpenSSL's.
_FORKS = ("boringssl", "libressl")


def _chain(speakers: Iterable[str], versions: Mapping[str, str]) -> str:
    """Return the names of the speakers, the outermost first, the most exact of a family."""
    found = with_libraries(speakers)
    if not found.isdisjoint(_FORKS):
        found = {name for name in found if SPEAKERS[name].family != "openssl"}
    by_family: dict[str, str] = {}
    for name in sorted(found, key=lambda name: (len(SPEAKERS[name].name), name)):
        by_family[SPEAKERS[name].family or name] = name
    chain = sorted(by_family.values(), key=lambda name: (-SPEAKERS[name].layer, name))
    return ", ".join(_with_version(name, versions) for name in chain)


def _with_version(name: str, versions: Mapping[str, str]) -> str:
    speaker = SPEAKERS[name]
    version = versions.get(speaker.family or name)
    if version is None:
        return speaker.name
    # The first word of the name, without what it says of versions: "OpenSSL 3 or later".
    plain = speaker.name.partition(" ")[0] if speaker.family else speaker.name
    return f"{plain} {version}"
