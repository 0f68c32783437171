"""Waiting for something, but not for ever."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")

if sys.version_info >= (3, 11):

    async def within(seconds: float | None, awaitable: Awaitable[T]) -> T:
        """Awaits; raises TimeoutError after ``seconds``, None being without end.

        Python 3.11's ``wait_for`` would make a task of it, which costs two turns of the loop.
        """
        async with asyncio.timeout(seconds):
            return await awaitable

else:

    async def within(seconds: float | None, awaitable: Awaitable[T]) -> T:
        """Awaits; raises TimeoutError after ``seconds``, None being without end."""
        try:
            return await asyncio.wait_for(awaitable, seconds)
        except asyncio.TimeoutError:  # which is another class before Python 3.11
            raise TimeoutError from None
