"""The pages of Learn, on real sockets: the catalogue, a scenario, the path."""

from __future__ import annotations

import re

import pytest

from lab.webapp.learn.guided_path import STOPS
from lab.webapp.learn.themes import THEMES
from tests.support.http_rig import Answer
from tests.support.web_rig import Pages, served_pages


def text(answer: Answer) -> str:
    return answer.body.decode()


async def post(pages: Pages, target: str, body: bytes = b"", *lines: str) -> Answer:
    own = (*pages.own, *lines)
    return await pages.ask(target, method="POST", body=body, lines=own)


async def test_the_catalogue_has_all_scenarios_by_theme_and_leads_to_the_path() -> None:
    async with served_pages() as pages:
        page = text(await pages.ask("/learn"))
        assert 'aria-current="page"' in page
        for theme in THEMES:
            assert f'<h3 id="{theme.name}">' in page
            for scenario in theme.scenarios:
                assert f'action="/learn/scenarios/{scenario.name}"' in page
        assert 'href="/learn/path"' in page


async def test_a_search_keeps_its_words_and_escapes_them() -> None:
    async with served_pages() as pages:
        page = text(await pages.ask("/learn?q=expired+crl"))
        assert "1 scenario has" in page and 'value="expired crl"' in page
        page = text(await pages.ask("/learn?q=%22%3E%3Cscript%3E"))
        assert "<script>" not in page.replace('<script src="/static', "")
        assert "0 scenarios have" in page


async def test_a_scenario_asks_first_and_does_not_tell() -> None:
    async with served_pages() as pages:
        answer = await pages.ask("/learn/scenarios/expired")
        page = text(answer)
        assert answer.status == 200
        assert '<form class="predict" method="post" action="/learn/scenarios/expired">' in page
        assert page.count("<fieldset") == 6 and page.count("<legend>") == 6
        assert "<h2" not in page, "no result, cause or fix before the run"


async def test_a_scenario_runs_for_real_and_is_compared() -> None:
    async with served_pages() as pages:
        body = b"1.2-signal=alert-45&1.3-signal=alert-45&1.3-call=no"
        page = text(await post(pages, "/learn/scenarios/expired", body))
        assert re.search(r"<strong>2 of 3</strong>\s+predictions were right", page)
        assert 'id="result" tabindex="-1" autofocus' in page
        assert page.count("certificate_expired (45)") > 4
        assert "python -m lab.probe --explain expired" in page
        assert "Any server should refuse it." in page
        assert "style=" not in page and "onclick" not in page


async def test_a_run_without_a_prediction_has_no_score() -> None:
    async with served_pages() as pages:
        page = text(await post(pages, "/learn/scenarios/good", b"skip=1&1.2-end=server"))
        assert "What happened" in page and "You had" not in page and "score" not in page


@pytest.mark.parametrize("target", ["/learn/scenarios/nothing", "/learn/path/nowhere"])
async def test_what_is_not_there_is_not_run(target: str) -> None:
    async with served_pages() as pages:
        assert (await pages.ask(target)).status == 404
        assert (await post(pages, target)).status == 404


async def test_runs_are_actions_that_need_token_and_origin() -> None:
    async with served_pages() as pages:
        host = f"Host: {pages.host}"
        for lines in ((host, "Sec-Fetch-Site: same-origin"), (host, pages.cookie)):
            answer = await pages.ask("/learn/scenarios/good", method="POST", lines=lines)
            assert answer.status == 403
        foreign = (host, pages.cookie, "Sec-Fetch-Site: cross-site", "Origin: http://evil.test")
        answer = await pages.ask("/learn/path/accepted", method="POST", lines=foreign)
        assert answer.status == 403
        assert (await pages.ask("/learn/scenarios/good", method="DELETE")).status == 405


async def test_the_path_knows_what_was_run_by_a_cookie() -> None:
    async with served_pages() as pages:
        page = text(await pages.ask("/learn/path"))
        assert "Begin: The accepted handshake" in page
        answer = await post(pages, "/learn/path/accepted")
        cookie = answer.headers["set-cookie"]
        assert cookie == "lab_path=accepted; Path=/learn; HttpOnly; SameSite=Strict"
        answer = await post(pages, "/learn/path/authorization", b"", "Cookie: lab_path=accepted")
        lines = (f"Host: {pages.host}", f"{pages.cookie}; lab_path=authorization.<b>.accepted")
        page = text(await pages.ask("/learn/path", lines=lines))
        assert page.count('class="done"') == 1
        lines = (f"Host: {pages.host}", f"{pages.cookie}; lab_path=accepted.authorization")
        page = text(await pages.ask("/learn/path", lines=lines))
        assert page.count('class="done"') == 2
        assert "Go on: The client has no certificate" in page


async def test_stops_lead_to_each_other() -> None:
    async with served_pages() as pages:
        for place, stop in enumerate(STOPS):
            page = text(await pages.ask(f"/learn/path/{stop.name}"))
            assert f"stop {place + 1} of {len(STOPS)}" in page
            assert page.count('aria-current="step"') == 1
            links = set(re.findall(r'<a rel="(\w+)"[^>]*href="([^"]*)"', page))
            expected = {("prev", f"/learn/path/{STOPS[place - 1].name}")} if place else set()
            last = place + 1 == len(STOPS)
            after = "/learn" if last else f"/learn/path/{STOPS[place + 1].name}"
            assert links == {*expected, ("next", after)}
            assert not any(sentence in page for sentence in stop.lesson)


async def test_a_stop_shows_its_lesson_and_its_commands_behind_the_run() -> None:
    async with served_pages() as pages:
        page = text(await post(pages, "/learn/path/lost-refusal", b"1.3-signal=closed"))
        assert "1 of 1" in page
        assert "never read the alert" in page
        assert "The same, by a client that reads once more" in page
        assert "lab.trace --tls1.3 --write-first" in page
