"""Fill the README's output blocks from real runs: ``python scripts/readme.py`` (in the .venv).

A block is a comment ``<!-- output: NAME -->`` and the fenced text behind it. Every command runs in
a fresh folder, against a server of its own on the usual port; what it prints is pasted as it is.
Lines that are longer than the page are folded between their fields, and only those.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from demo import Server, folded

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
BLOCK = re.compile(r"<!-- output: ([a-z0-9-]+) -->\n(?:\n```[a-z]+\n.*?\n```\n)?", re.DOTALL)
PYTHON = Path(sys.executable)
FIGURES = "scripts/figures.svg"
CURL = "curl --cert certs/client.crt --key certs/client.key --cacert certs/ca.crt"


def run(command: str, folder: Path = ROOT) -> str:
    """A command and what it prints, as a console shows them."""
    done = subprocess.run(
        re.sub(r"^python3? ", f"{PYTHON} ", command),
        shell=True,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"},
    )
    return f"$ {command}\n{done.stdout.strip()}"


def picture(folder: Path) -> str:
    """The trace of TLS 1.3, up to its outcome."""
    traced = run("python -m lab.trace --tls1.3", folder)
    return traced[: traced.index("── Diagnosis")].rstrip()


def with_server(folder: Path) -> dict[str, str]:
    """The blocks that need a server, which runs while they are made."""
    server = Server(PYTHON, 8443, folder)
    blocks: dict[str, str] = {}
    try:
        start = server.read_until(lambda line: "Ctrl+C" in line)
        blocks["server"] = "\n".join(["$ python -m lab.server", *start])
        blocks["client"] = run("python -m lab.client", folder)
        log = server.read_until(lambda line: "serving /todo" in line)
        blocks["log-accepted"] = "\n".join(part for line in log for part in folded(line))
        refusals = []
        for version in ("1.2", "1.3"):
            refusals.append(run(f"python -m lab.client --no-cert --tls{version}", folder))
            log = server.read_until(lambda line: "refused" in line)
            blocks["log-refused"] = "\n".join(part for line in log for part in folded(line))
        blocks["no-cert"] = "\n\n".join(refusals)
        post = f"{CURL} https://127.0.0.1:8443/todo -H 'Content-Type: application/json' "
        body = """-d '{"task":"Añadir endpoint POST","done":false}'"""
        blocks["curl"] = run(f"{post}\\\n    {body} --silent", folder)
        plain = "curl --cacert certs/ca.crt https://127.0.0.1:8443/todo --silent --show-error"
        blocks["curl-no-cert"] = "\n".join(
            run(f"{plain} --tls-max {version}", folder) for version in ("1.2", "1.3")
        )
        some = "--only good,no-certificate,expired,wrong-ca,revoked"
        probe = f"python -m lab.probe 127.0.0.1:8443 --request /todo \\\n    {some}"
        blocks["probe-server"] = run(probe, folder)
    finally:
        server.stop()
    return blocks


def in_earnest(folder: Path) -> dict[str, str]:
    """The blocks of a server with workers, a store and a monitor."""
    words = "--workers 2 --store sqlite:todo.db --monitor-port 9090"
    server = Server(PYTHON, 8443, folder, words)
    try:
        start = server.read_until(lambda line: "Ctrl+C" in line)
        run("python -m lab.client", folder)
        run("python -m lab.client --no-cert --tls1.3", folder)
        asked = "curl --silent http://127.0.0.1:9090"
        counted = "grep -E 'handshakes_total|requests_total|expires_days'"
        blocks = {
            "earnest": "\n".join([f"$ python -m lab.server {words}", *start]),
            "monitor": run(f"{asked}/healthz", folder)
            + "\n"
            + run(f"{asked}/metrics | {counted} | grep -v '#'", folder),
        }
        server.hang_up()
        renewed = server.read_until(lambda line: "CERTIFICATES" in line)
        blocks["renewed"] = "\n".join(part for part in folded(renewed[-1]))
    finally:
        server.stop()
    return blocks


def main() -> int:
    """Run everything, write the README; exit code 0."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        blocks = {
            "picture": picture(folder),
            "trace": run("python -m lab.trace", folder),
            "probe": run("python -m lab.probe", folder),
            "explain": run("python -m lab.probe --explain expired", folder),
            "certs": run("python -m lab.certs", folder),
            "issue": run("python -m lab.certs issue --cn late --scenario expired", folder),
            "inspect": run("python -m lab.certs inspect certs/late.crt", folder),
            **with_server(folder),
            "alerts": run("python scripts/count_alerts.py"),
            **in_earnest(folder),
            "soak": run("python scripts/soak.py --seconds 60"),
            "bench-observe": run("python scripts/bench.py observe"),
            "bench-serve": run(f"python scripts/bench.py serve --rounds 4 --picture {FIGURES}"),
        }
    text = README.read_text(encoding="utf-8")
    wanted = set(BLOCK.findall(text))
    missing = wanted ^ set(blocks)
    if missing:
        raise SystemExit(f"readme.py: README and script differ in {sorted(missing)}")
    README.write_text(
        BLOCK.sub(
            lambda found: f"<!-- output: {found[1]} -->\n\n```console\n{blocks[found[1]]}\n```\n",
            text,
        ),
        encoding="utf-8",
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
