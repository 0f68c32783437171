"""The pages of Learn: the catalogue, one scenario, and the guided path.

Rules: GET shows, and POST to the same address runs. What was done on the path is kept in a cookie
of the browser, and nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from lab.http.message import Response
from lab.probing.results import Norm, ScenarioDescription, ScenarioFamily
from lab.show.html.environment import render
from lab.tls.escape import printable
from lab.webapp.learn.guided_path import STOPS, place_of
from lab.webapp.learn.learn_runs import ShownRun, run_scenario_of, run_stop, shown
from lab.webapp.learn.predictions import QUESTIONS, VERSIONS, Predictions, predictions_in
from lab.webapp.learn.results import RunFailed
from lab.webapp.learn.themes import THEMES, matching, themed
from lab.webapp.routing import PageRoute
from lab.webapp.services import Services
from lab.webapp.web_request import Request
from lab.webapp.web_responses import error_page, page

_SECTION = "learn"
_COOKIE = "lab_path"
_DONE = re.compile(rf"(?:^|;)\s*{_COOKIE}=([a-z.-]*)")
_MOST_QUERY = 100
_NORMS = {
    Norm.ACCEPT: "Any {} should accept it.",
    Norm.REFUSE: "Any {} should refuse it.",
    Norm.EITHER: "A {} may accept or refuse it: both are in order.",
}


def learn_routes(services: Services) -> tuple[PageRoute, ...]:
    """Return the routes of this section; ``services`` are what its pages use."""
    scenario, stop = "/learn/scenarios/{name}", "/learn/path/{name}"
    return (
        PageRoute(method="GET", path="/learn", handler=_catalogue),
        PageRoute(method="GET", path=scenario, handler=_scenario),
        PageRoute(method="POST", path=scenario, handler=partial(_run_scenario, services)),
        PageRoute(method="GET", path="/learn/path", handler=_path),
        PageRoute(method="GET", path=stop, handler=_stop),
        PageRoute(method="POST", path=stop, handler=partial(_run_stop, services)),
    )


async def _catalogue(request: Request) -> Response:
    query = printable(request.query.get("q", "").strip()[:_MOST_QUERY])
    body = render(
        "learn_catalogue.html",
        query=query,
        themes=matching(query),
        all_themes=THEMES,
        stops=STOPS,
        done=_done(request),
    )
    return page("Learn", body, section=_SECTION)


async def _scenario(request: Request) -> Response:
    return _scenario_page(request, None)


async def _run_scenario(services: Services, request: Request) -> Response:
    name = request.parameters["name"]
    if themed(name) is None:
        return _scenario_page(request, None)
    try:
        run = await shown(services.jobs, partial(run_scenario_of, name), _predictions(request))
    except RunFailed as error:
        return _failed(error)
    return _scenario_page(request, run)


def _scenario_page(request: Request, run: ShownRun | None) -> Response:
    found = themed(request.parameters["name"])
    if found is None:
        return error_page(404, "There is no such scenario. Learn lists them all.", section=_SECTION)
    theme, scenario = found
    body = render(
        "learn_scenario.html",
        scenario=scenario,
        theme=theme,
        norm=_norm_words(scenario),
        command=_command(scenario),
        run=run,
        **_questions(),
    )
    return page(scenario.sentence, body, section=_SECTION)


def _norm_words(scenario: ScenarioDescription) -> str:
    judge = "client" if scenario.family is ScenarioFamily.SERVER else "server"
    return _NORMS[scenario.norm].format(judge)


def _command(scenario: ScenarioDescription) -> str:
    files = {"cert": "client.pem", "ca": "ca.crt", "crl": "crl.pem"}
    return scenario.command.format(address="localhost:8443", **files)


async def _path(request: Request) -> Response:
    done = _done(request)
    following = next((stop for stop in STOPS if stop.name not in done), STOPS[0])
    body = render("learn_path.html", stops=STOPS, done=done, following=following)
    return page("The guided path", body, section=_SECTION)


async def _stop(request: Request) -> Response:
    return _stop_page(request, None, _done(request))


async def _run_stop(services: Services, request: Request) -> Response:
    place = place_of(request.parameters["name"])
    if place is None:
        return _stop_page(request, None, frozenset())
    stop = STOPS[place]
    try:
        run = await shown(services.jobs, partial(run_stop, stop), _predictions(request), stop)
    except RunFailed as error:
        return _failed(error)
    done = _done(request) | {stop.name}
    response = _stop_page(request, run, done)
    value = ".".join(each.name for each in STOPS if each.name in done)
    cookie = f"{_COOKIE}={value}; Path=/learn; HttpOnly; SameSite=Strict"
    return replace(response, headers=(*response.headers, (b"Set-Cookie", cookie.encode("ascii"))))


def _stop_page(request: Request, run: ShownRun | None, done: frozenset[str]) -> Response:
    place = place_of(request.parameters["name"])
    if place is None:
        return error_page(404, "There is no such stop on the guided path.", section=_SECTION)
    stop = STOPS[place]
    body = render(
        "learn_stop.html",
        stop=stop,
        number=place + 1,
        stops=STOPS,
        done=done,
        previous=STOPS[place - 1] if place else None,
        following=STOPS[place + 1] if place + 1 < len(STOPS) else None,
        run=run,
        **_questions(),
    )
    return page(stop.title, body, section=_SECTION)


def _questions() -> Mapping[str, object]:
    return {"questions": QUESTIONS, "versions": tuple(VERSIONS)}


def _predictions(request: Request) -> Predictions:
    return {} if request.form.text("skip") else predictions_in(request.form.fields)


def _done(request: Request) -> frozenset[str]:
    """Return the names of the stops that this browser has run."""
    found = _DONE.search(request.headers.get(b"cookie", b"").decode("latin-1"))
    return frozenset(found[1].split(".") if found else ()) & {stop.name for stop in STOPS}


def _failed(error: RunFailed) -> Response:
    return error_page(503, f"The run failed: {error}.", section=_SECTION)
