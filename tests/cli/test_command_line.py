"""Help that ends with examples that work, and errors of one line, of every command."""

from __future__ import annotations

import contextlib
import importlib
import shlex
from pathlib import Path

import pytest

from lab import (
    certs,
    client,
    probe,
    server,
    tap,
    trace,
)
from lab.__main__ import DOORS
from lab.__main__ import EXAMPLES as MAIN_EXAMPLES
from lab.cli import certs_inspect, certs_issue, server_options
from lab.cli.command_line import CommandLine
from tests.support.doors import run, run_process

PARSERS = {
    "certs": certs.parser,
    "certs inspect": certs_inspect.parser,
    "certs issue": certs_issue.parser,
    "client": client.parser,
    "probe": probe.parser,
    "server": server_options.parser,
    "tap": tap.parser,
    "trace": trace.parser,
}


def read(command: str, words: list[str]) -> None:
    """Parse ``words`` as the command does, ``certs inspect`` by its own parser."""
    if words and f"{command} {words[0]}" in PARSERS:
        command, words = f"{command} {words[0]}", words[1:]
    PARSERS[command]().read(words)


@pytest.mark.parametrize("command", PARSERS)
def test_every_help_ends_with_examples_that_parse(command: str) -> None:
    made = PARSERS[command](f"mtls-lab {command}")
    assert isinstance(made, CommandLine)
    assert 2 <= len(made.examples) <= 3
    shown = made.format_help()
    assert shown.startswith(f"usage: mtls-lab {command} [OPTION ...]")
    assert max(map(len, shown.splitlines())) <= 99
    end = shown.rstrip().partition("\nexamples:\n")[2].splitlines()
    assert len(end) == 2 * len(made.examples)
    for example, does, line in zip(made.examples, end[::2], end[1::2], strict=True):
        assert does == f"  # {example.does}"
        assert line.strip() == f"mtls-lab {command} {example.arguments}".rstrip()
        read(command, shlex.split(example.arguments))


def test_the_examples_of_the_command_that_has_all_others() -> None:
    lines = run("lab", "--help").out.rstrip().partition("\nexamples:\n")[2].splitlines()
    assert lines == [f"  python -m lab {each}" for each in MAIN_EXAMPLES]
    for example in MAIN_EXAMPLES:
        command, *words = shlex.split(example)
        read(command, words)


def test_examples_that_need_no_server_work(certs: Path) -> None:
    for words in (["lab.certs", "inspect", "certs/client.crt", "certs/ca.crt"],):
        assert run(*words, cwd=certs.parent).code == 0
    inspect = shlex.split(certs_inspect.EXAMPLES[1].arguments)
    assert run("lab.certs", "inspect", *inspect, cwd=certs.parent).code == 0
    explain = shlex.split(probe.EXAMPLES[2].arguments)
    assert run("lab.probe", *explain, cwd=certs.parent).code == 0


@pytest.mark.parametrize("command", ["trace", "certs inspect"])
@pytest.mark.parametrize("called", ["lab", "lab."])
def test_help_has_the_name_that_was_typed(command: str, called: str) -> None:
    door, *rest = command.split()
    words = ["lab", door] if called == "lab" else [f"lab.{door}"]
    name = " ".join(["python -m", *words, *rest])
    done = run(*words, *rest, "--help")
    assert done.code == 0
    assert done.out.startswith(f"usage: {name} [OPTION ...]")


def test_the_console_script_has_its_own_name(capsys: pytest.CaptureFixture[str]) -> None:
    for door in DOORS:
        with pytest.raises(SystemExit) as ended:
            importlib.import_module("lab.__main__").main([door, "--help"])
        assert ended.value.code == 0
        assert capsys.readouterr().out.startswith(f"usage: mtls-lab {door} [OPTION ...]")


BAD = [
    ("trace --tsl1.3", "there is no option --tsl1.3 (did you mean --tls1.3?)"),
    ("trace --tls1.1", "there is no option --tls1.1 (did you mean --tls1."),
    ("trace --no-cert", "there is no option --no-cert"),
    ("trace 8443 --zzz=1", "there is no option --zzz; see"),
    ("trace -k", "there is no option -k; see"),
    ("trace --tmeout 5 8443", "there is no option --tmeout (did you mean --timeout?)"),
    ("trace a:1 b:1", "unexpected argument: b:1"),
    ("trace --json=x", "argument --json: takes no value, so not 'x'"),
    ("trace --timeout soon", "argument --timeout: 'soon' is no number of seconds above 0"),
    ("trace --timeout", "argument --timeout: expected one argument"),
    ("trace --ca x --insecure", "argument --insecure: not allowed with argument --ca"),
    ("trace host:99999", "'host:99999' has no port from 1 to 65535"),
    ("trace ''", "'' names no host"),
    ("probe --ony good", "there is no option --ony (did you mean --only?)"),
    ("probe --only ,", "argument --only: names no scenario"),
    ("probe --repeat 0", "argument --repeat: '0' is not a number from 1 to 1000"),
    ("probe 0", "'0' has no port from 1 to 65535"),
    ("client --nocert", "there is no option --nocert (did you mean --no-cert?)"),
    (
        "client http://localhost:8443",
        "'http://localhost:8443' has a scheme that does not lead to TLS",
    ),
    ("client --certs cetrs", "cetrs: no such folder (did you mean certs?)"),
    ("client --certs ca.crt", "ca.crt: is no folder"),
    ("client --task", "argument --task: expected one argument"),
    ("server --prot 1", "there is no option --prot (did you mean --port?)"),
    ("server --port 65536", "argument --port: '65536' is no port: a number from 0 to 65535"),
    ("server --max-connections two", "argument --max-connections: 'two' is no whole number from 1"),
    ("server --log-handshakes some", "argument --log-handshakes: invalid choice: 'some'"),
    (
        "server --store redis",
        "argument --store: 'redis' is not a store; use memory, sqlite:PATH, postgresql://...",
    ),
    ("server --client-auth maybe", "argument --client-auth: invalid choice: 'maybe'"),
    ("server --certs cetrs", "cetrs: no such folder (did you mean certs?)"),
    ("server 8443", "unexpected argument: 8443"),
    ("certs inspct x", "there is no subcommand inspct (did you mean inspect?)"),
    ("certs new", "there is no subcommand new; --dir names a folder"),
    ("certs --forse", "there is no option --forse (did you mean --force?)"),
    ("certs --days x", "argument --days: invalid int value: 'x'"),
    ("certs inspect", "the following arguments are required: FILE"),
    ("certs inspect --as sever x", "argument --as: invalid choice: 'sever'"),
    ("certs issue", "the following arguments are required: --cn"),
    ("certs issue --nc x", "there is no option --nc (did you mean --cn?)"),
    ("certs issue --cn x --dir cetrs", "cetrs: no such folder (did you mean certs?)"),
]


@pytest.mark.parametrize(("line", "says"), BAD, ids=[line for line, _ in BAD])
def test_a_wrong_command_line_is_one_line(
    certs: Path,
    tmp_path: Path,
    line: str,
    says: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(server, "server_log", lambda *_, **__: contextlib.nullcontext())
    (tmp_path / "certs").symlink_to(certs)
    (tmp_path / "ca.crt").touch()
    door, *words = shlex.split(line)
    try:
        code = importlib.import_module(f"lab.{door}").main(words)
    except SystemExit as ended:
        code = ended.code
    out, err = capsys.readouterr()
    assert (code, out) == (2, "")
    (error,) = err.splitlines()
    command = f"lab.{door}"
    if f"{door} {words[0]}" in PARSERS:
        command += f" {words[0]}"
    assert error.startswith(f"{command}: {says}"), error
    assert error.endswith((" --help", ".", "PORT")), "it says what to do"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ca.crt", "certs"]


def test_what_was_typed_cannot_make_a_line(tmp_path: Path) -> None:
    done = run("lab.trace", "--x\ny\x1b[31m", cwd=tmp_path)
    assert done.code == 2
    (line,) = done.err.splitlines()
    assert "--x\\ny\\x1b[31m" in line


def test_help_is_written_in_any_encoding() -> None:
    done = run_process("lab.client", "--help", PYTHONIOENCODING="ascii")
    assert (done.code, done.err) == (0, "")
    assert "A\\xf1adir" in done.out


def test_a_value_that_looks_like_an_option_is_no_option() -> None:
    """argparse takes a negative number for a value."""
    done = run("lab.trace", "--timeout", "-1")
    assert "argument --timeout: '-1' is no number of seconds above 0" in done.err
