"""Whether a server can do its work now, in a word and a sentence."""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from lab.stream.waiting import within
from lab.todo.store import StoreUnavailable, TodoStore

_STORE_PATIENCE = 2.0  # seconds, after which a store that has not answered counts as failed


class HealthStatus(enum.Enum):
    """How a server is."""

    OK = "ok"
    STOPPING = "stopping"
    NOT_ACCEPTING = "not_accepting"
    STORE_UNAVAILABLE = "store_unavailable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How a server is; ``message`` is a sentence for a person."""

    status: HealthStatus
    message: str


HealthCheck = Callable[[], Awaitable[Health]]
"""Returns how a server is, within a few seconds. Does not raise."""

HEALTHY = Health(status=HealthStatus.OK, message="accepting connections, and the store responds")
STOPPING = Health(status=HealthStatus.STOPPING, message="the server is stopping")
NOT_ACCEPTING = Health(status=HealthStatus.NOT_ACCEPTING, message="the server is not listening")


async def store_health(store: TodoStore) -> Health:
    """Return the health of a server that accepts connections: that of its store."""
    try:
        await within(_STORE_PATIENCE, store.list())
    except StoreUnavailable as error:
        return Health(status=HealthStatus.STORE_UNAVAILABLE, message=str(error))
    except TimeoutError:
        message = f"the store did not respond within {_STORE_PATIENCE:g} s"
        return Health(status=HealthStatus.STORE_UNAVAILABLE, message=message)
    return HEALTHY
