"""The pages of this section, on real sockets."""

from __future__ import annotations

from tests.support.web_rig import served_pages


async def test_the_section_has_its_page() -> None:
    async with served_pages() as pages:
        answer = await pages.ask("/watch")
        assert answer.status == 200
        assert b'aria-current="page"' in answer.body
