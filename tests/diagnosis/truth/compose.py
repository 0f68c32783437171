"""Connections of the known truth, composed at random from a seed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

from lab.pki.identity import KeyKind
from tests.diagnosis.truth.certificates import ClientCertificate, Purpose, Root, Sent
from tests.diagnosis.truth.client_flaws import Flaw, Stage
from tests.diagnosis.truth.flaws import FLAWS
from tests.diagnosis.truth.setup import (
    HOSTS,
    Application,
    Asks,
    Clock,
    Ending,
    Engine,
    Given,
    HostRule,
    Lists,
    Names,
    Reason,
    Refusal,
    Setup,
)

# What applications answer for a reason; all others: 400, 401 and 403.
_STATUSES = {
    Reason.HOST: (400, 403, 421),
    Reason.CRASH: (500, 503),
    Reason.REQUEST: (400, 401, 403, 404),
}
# What an application may find wrong; what is left of a flawed choice is drawn anew.
_REASONS = (
    Reason.NO_CERTIFICATE,
    Reason.BAD_CERTIFICATE,
    Reason.SUBJECT,
    Reason.HOST,
    Reason.REQUEST,
    Reason.PROTOCOL,
    Reason.LATE,
    Reason.CRASH,
)
# For these an application can refuse what TLS took.
_BAD_CERTIFICATES = [
    flaw for flaw in FLAWS if flaw.stage is Stage.CERTIFICATE and flaw.name != "too large"
]


def compose(seed: int) -> Setup:
    """Return the setup of ``seed``: without a flaw, with one, or with two."""
    rng = random.Random(seed)
    number = rng.choices((0, 1, 2), (2, 6, 3))[0]
    while True:
        setup = _good(rng)
        # One in four flaws is the application's.
        for _ in range(number):
            if rng.random() < 1 / 4:
                setup = _with_refusal(setup, rng)
            else:
                stage = rng.choices(tuple(Stage)[:4], (3, 2, 2, 9))[0]
                flaws = [flaw for flaw in FLAWS if flaw.stage is stage]
                setup = rng.choice(flaws).change(setup)
        setup = settled(setup)
        if _is_possible(setup) and len(list(_wrong(setup))) == number:
            return setup


def flaws_of(setup: Setup) -> list[Flaw]:
    """Return what is wrong with TLS in a setup, whatever it was composed from."""
    return [flaw for flaw in FLAWS if flaw.holds(setup)]


def _wrong(setup: Setup) -> Iterator[object]:
    yield from flaws_of(setup)
    if setup.application.reason not in (Reason.NONE, Reason.BAD_CERTIFICATE):
        yield setup.application


def _good(rng: random.Random) -> Setup:
    """Return a setup in which nothing is wrong, and most else is as it happens to be."""
    engine = rng.choices((Engine.PYTHON, Engine.S_SERVER), (2, 1))[0]
    is_python = engine is Engine.PYTHON
    depth = rng.choice((0, 0, 1, 2))
    asks = rng.choices(
        (
            *(Asks.REQUIRED, Asks.OPTIONAL, Asks.NEVER),
            *((Asks.AFTER_REQUEST, Asks.OTHER_HOST) if is_python else (Asks.UNVERIFIED,)),
        ),
        (8, 2, 1, 1, 1) if is_python else (8, 2, 1, 1),
    )[0]
    certificate = ClientCertificate(
        kind=rng.choice((KeyKind.EC_P256, KeyKind.EC_P256, KeyKind.RSA_2048, KeyKind.ED25519)),
        depth=depth,
        sent=rng.choice((Sent.WHOLE, Sent.WHOLE, Sent.WITH_ROOT)),
        purpose=rng.choice((Purpose.CLIENT, Purpose.CLIENT, Purpose.NONE)),
        root=rng.choice((Root.TRUSTED, Root.TRUSTED, Root.CONSTRAINED)),
    )
    return Setup(
        version="1.3" if asks is Asks.AFTER_REQUEST else rng.choice(("1.2", "1.3")),
        presents=asks not in (Asks.OPTIONAL, Asks.NEVER, Asks.OTHER_HOST) or rng.random() < 0.6,
        certificate=certificate,
        sni=None if asks is Asks.OTHER_HOST else rng.choice((None, *HOSTS)),
        client_alpn=rng.choice(((), ("http/1.1",), ("h2", "http/1.1"), ("h2",))),
        writes_first=rng.random() < 0.2,
        given=rng.choices(tuple(Given), (6, 3, 1))[0],
        engine=engine,
        server_key=rng.choice((KeyKind.EC_P256, KeyKind.EC_P256, KeyKind.RSA_2048)),
        server_alpn=rng.choice(((), (), ("http/1.1",), ("h2", "http/1.1"))),
        host_rule=HostRule.NONE,
        asks=asks,
        trusted=rng.choice(
            (
                (Root.TRUSTED, Root.CONSTRAINED),
                (Root.CONSTRAINED, Root.TRUSTED, Root.SERVERS),
            )
        ),
        names=Names.NONE if is_python else rng.choice(tuple(Names)),
        lists=rng.choice((Lists.NONE, Lists.NONE, Lists.FRESH)),
        refusal=rng.choices(tuple(Refusal), (6, 1, 1))[0],
        tickets=rng.choice((2, 2, 1, 2, 2, 0)),
    )


def _with_refusal(setup: Setup, rng: random.Random) -> Setup:
    """Return the setup with an application that refuses the request, or fails."""
    reason = rng.choice(_REASONS)
    ending = rng.choices(tuple(Ending), (6, 2, 2, 1))[0]
    application = Application(
        reason=reason,
        ending=ending,
        status=rng.choice(_STATUSES.get(reason, (400, 401, 403))),
        says_why=rng.random() < 0.5,
        early=ending is not Ending.ANSWER and rng.random() < 0.4,
    )
    setup = replace(setup, application=application)
    if reason is Reason.NO_CERTIFICATE:
        return replace(setup, presents=False, asks=Asks.OPTIONAL)
    if reason is Reason.BAD_CERTIFICATE:
        return rng.choice(_BAD_CERTIFICATES).change(replace(setup, asks=Asks.UNVERIFIED))
    if reason is Reason.SUBJECT:
        return replace(setup, presents=True, asks=rng.choice((Asks.REQUIRED, Asks.OPTIONAL)))
    if reason is Reason.HOST:
        return replace(setup, sni=None)
    if reason is Reason.LATE:
        return replace(setup, version="1.3", asks=Asks.AFTER_REQUEST)
    if reason is Reason.PROTOCOL:
        return replace(setup, client_alpn=rng.choice(((), ("http/1.1",))), server_alpn=("h2",))
    return setup


def settled(setup: Setup) -> Setup:
    """Return the setup with the engine that its settings need."""
    flaws = flaws_of(setup)
    needed = {flaw.engine for flaw in flaws if flaw.engine}
    if _needs_s_server(setup):
        needed.add(Engine.S_SERVER)
    if _needs_python(setup):
        needed.add(Engine.PYTHON)
    if len(needed) == 1:
        setup = replace(setup, engine=needed.pop())
    if setup.engine is Engine.S_SERVER and not _needs_python(setup):
        # It closes with the request unread: whether the alert or the reset comes first is chance.
        setup = replace(setup, refusal=Refusal.ALERT, writes_first=False)
    if setup.engine is Engine.PYTHON and not _needs_s_server(setup):
        setup = replace(setup, names=Names.NONE)
    return setup


def _needs_s_server(setup: Setup) -> bool:
    return (
        setup.asks is Asks.UNVERIFIED
        or setup.clock is not Clock.RIGHT
        or bool(setup.client_signatures or setup.suites or setup.group)
        or setup.application.reason is Reason.BAD_CERTIFICATE
    )


def _needs_python(setup: Setup) -> bool:
    application = setup.application
    return (
        setup.asks in (Asks.AFTER_REQUEST, Asks.OTHER_HOST)
        or setup.host_rule is not HostRule.NONE
        or application.ending is not Ending.ANSWER
        or application.reason is Reason.PROTOCOL
    )


def _is_possible(setup: Setup) -> bool:
    """Return whether one server can be all that, and the truth of it is known."""
    application = setup.application
    is_python = setup.engine is Engine.PYTHON
    if _needs_s_server(setup) if is_python else _needs_python(setup):
        return False
    if setup.asks is Asks.AFTER_REQUEST and (setup.version != "1.3" or application.early):
        return False
    if setup.agreed_alpn == "h2" and (
        not is_python  # s_server would wait for a request in HTTP/1.1
        or setup.asks is Asks.AFTER_REQUEST
        or application.reason is not Reason.NONE
    ):
        return False
    flaws = flaws_of(setup)
    if sum(flaw.stage is Stage.HELLO for flaw in flaws) > 1:
        return False  # which of them the server meets first is OpenSSL's business
    if application.reason is Reason.BAD_CERTIFICATE:
        unverified = replace(setup, asks=Asks.REQUIRED)
        return any(flaw.stage is Stage.CERTIFICATE for flaw in flaws_of(unverified))
    if application.reason is Reason.NO_CERTIFICATE:
        return not setup.presents and setup.asks is Asks.OPTIONAL
    if application.reason is Reason.SUBJECT:
        return setup.is_judged
    if application.reason is Reason.HOST:
        return setup.sni is None
    if application.reason is Reason.LATE:
        return setup.asks is Asks.AFTER_REQUEST
    return setup.asks is not Asks.OTHER_HOST or setup.sni is None
