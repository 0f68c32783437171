"""What the pages share: jobs, and what the lab has running for them."""

from __future__ import annotations

from dataclasses import dataclass, field

from lab.webapp.jobs import Jobs


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Given to the pages of each section when their routes are made."""

    jobs: Jobs = field(default_factory=Jobs)
