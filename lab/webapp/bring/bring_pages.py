"""The pages of Bring your own: the forms, and the answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from lab.http.message import Response
from lab.show.html.environment import render
from lab.webapp.bring.answers import BroughtAnswer, NotAnswered
from lab.webapp.bring.file_forms import explain_form, inspect_form, read_capture_form
from lab.webapp.bring.trace_form import traced
from lab.webapp.loopback_server import UPLOAD
from lab.webapp.routing import SMALL, PageRoute
from lab.webapp.services import Services
from lab.webapp.web_request import Form, Handler, Request
from lab.webapp.web_responses import error_page, page, see_other

_SECTION = "bring"
_LINE_END = "."


def bring_routes(services: Services) -> tuple[PageRoute, ...]:
    """Return the routes of this section; ``services`` are what its pages use."""
    jobs = services.jobs

    def answering(answer: Callable[[Form], Awaitable[BroughtAnswer]]) -> Handler:
        async def handle(request: Request) -> Response:
            try:
                name = services.answers.add(await answer(request.form))
            except NotAnswered as error:
                message = str(error).rstrip(_LINE_END) + _LINE_END
                return error_page(400, message, section=_SECTION)
            return see_other(f"/bring/answers/{name}")

        return handle

    def in_thread(answer: Callable[[Form], BroughtAnswer]) -> Handler:
        return answering(lambda form: jobs.compute(answer, form))

    async def forms(_: Request) -> Response:
        body = render("web_bring.html", most=UPLOAD // 2**20, server=services.server)
        return page("Bring your own", body, section=_SECTION)

    async def answer(request: Request) -> Response:
        found = services.answers.find(request.parameters["name"])
        if found is None:
            return error_page(404, "This answer is not kept any more.", section=_SECTION)
        body = render("web_answer.html", answer=found)
        return page(found.title, body, section=_SECTION, warning=found.warning)

    def post(path: str, handler: Handler, max_body: int = UPLOAD) -> PageRoute:
        return PageRoute(method="POST", path=path, handler=handler, max_body=max_body)

    return (
        PageRoute(method="GET", path="/bring", handler=forms),
        PageRoute(method="GET", path="/bring/answers/{name}", handler=answer),
        post("/bring/trace", answering(lambda form: traced(form, jobs, services.server))),
        post("/bring/capture", in_thread(read_capture_form)),
        post("/bring/certificates", in_thread(inspect_form)),
        post("/bring/text", in_thread(explain_form), SMALL),
    )
