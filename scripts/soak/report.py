"""What scripts/soak.py has done and found, and what of it is not as it must be."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field

from soak.faults import FAULTS, FULL_HOUSE, FULL_HOUSE_TOLD, Refusals
from soak.server import Reading

_SHOWN = 10  # wrong answers and troubles that the report quotes


@dataclass
class Report:
    """What has been done, and what came of it.

    Readings are of the server before its first client, of the warmed up one, and at the end.
    ``said`` counts what the server's log says of the faults.
    """

    seconds: float
    seed: int
    answers: int = 0
    resumed: int = 0
    wrong: list[str] = field(default_factory=list)
    refusals: Refusals = field(default_factory=Counter)
    faults: Counter[str] = field(
        default_factory=lambda: Counter(dict.fromkeys([*FAULTS, FULL_HOUSE], 0))
    )
    unexpected: list[str] = field(default_factory=list)
    start: Reading | None = None
    warm: Reading | None = None
    end: Reading | None = None
    troubles: list[str] = field(default_factory=list)
    said: Counter[str] = field(default_factory=Counter)
    exit_code: int | None = None

    @property
    def failings(self) -> list[str]:
        """What is not as it must be, in words; empty where all is well."""
        found = [f"wrong answer: {each}" for each in self.wrong[:_SHOWN]]
        found += [f"a fault came out otherwise: {each}" for each in self.unexpected[:_SHOWN]]
        found += [f"the server's log: {each}" for each in self.troubles[:_SHOWN]]
        if not self.answers:
            found.append("no honest client was answered")
        if self.exit_code != 0:
            found.append(f"the server did not stop with 0 but with {self.exit_code}")
        if self.start is None or self.warm is None or self.end is None:
            found.append("the server could not be looked at to the end")
            return found
        found += self.end.grown_since(self.start, self.warm)
        told = {name: fault.told for name, fault in FAULTS.items() if fault.told}
        for name, words in {**told, FULL_HOUSE: FULL_HOUSE_TOLD}.items():
            if self.faults[name] and not self.said[words]:
                found.append(f"the server's log does not say {words.strip()!r} of: {name}")
        return found

    def text(self) -> str:
        """The report for a person."""
        lines = [
            f"requests answered   {self.answers}, {self.resumed} connections resumed",
            f"wrong answers       {len(self.wrong)}",
            f"refusals            {self.refusals['with its alert']} with alert, "
            f"{self.refusals['without alert']} without; "
            f"{self.refusals['not waited for']} not waited for",
            *(f"fault               {count:>6}  {name}" for name, count in self.faults.items()),
        ]
        for name, reading in (("start", self.start), ("warm", self.warm), ("end", self.end)):
            if reading is not None:
                lines.append(f"server, {name:<11} {reading}")
        lines += [f"NOT WELL: {each}" for each in self.failings]
        return "\n".join([*lines, "all is well" if not self.failings else "not all is well"])

    def document(self) -> dict[str, object]:
        """The report for a machine, as JSON-ready values."""
        readings = {"start": self.start, "warm": self.warm, "end": self.end}
        return {
            "seconds": self.seconds,
            "seed": self.seed,
            "well": not self.failings,
            "failings": self.failings,
            "answers": self.answers,
            "resumed": self.resumed,
            "wrong": self.wrong[:_SHOWN],
            "refusals": dict(self.refusals),
            "faults": dict(self.faults),
            "server": {name: each and asdict(each) for name, each in readings.items()},
        }
