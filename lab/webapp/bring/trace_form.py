"""The form that traces a host: its fields in, the traces and the command for the same out."""

from __future__ import annotations

from pathlib import Path

from lab.api import LabError, LabIdentity, trace_server_async
from lab.pki.errors import PkiError
from lab.pki.files import pem
from lab.pki.files.identity_files import identity_in
from lab.pki.files.lab_set import DEFAULT_DIRECTORY, Role, SetPaths
from lab.show.html.page import DECRYPTED
from lab.show.html.trace_view import shows_decrypted, traces_view
from lab.show.text.peer_text import bounded
from lab.tracing.results import Trace
from lab.tracing.target import TargetError, parse_target
from lab.webapp.bring.answers import BroughtAnswer, NotAnswered
from lab.webapp.bring.shell_command import file_name, file_word, option_words, shell_command
from lab.webapp.jobs import Jobs
from lab.webapp.watch.watched_server import WatchedServer
from lab.webapp.web_request import Form, UploadedFile

_VERSIONS = ("1.2", "1.3")


async def traced(form: Form, jobs: Jobs, own: WatchedServer | None) -> BroughtAnswer:
    """Trace the host of a form. ``own`` is the lab's server: it is verified by its own CA.

    Raises NotAnswered, and TooManyJobs.
    """
    target = form.text("target")
    try:
        if not target:
            raise NotAnswered("name a server: HOST:PORT, HOST, or an https URL")
        address = parse_target(target).address
        own_ca = _ca_of(own) if own is not None and _is_own(target, own) else None
        traces = await jobs.run(lambda: _traces(form, target, own_ca))
    except (TargetError, LabError, PkiError) as error:
        raise NotAnswered(str(error)) from error
    view = await jobs.in_thread(traces_view, traces)
    return BroughtAnswer(
        title=f"TLS handshake with {bounded(address)}",
        view=view,
        command=shell_command("trace", _words(form, target, own_ca)),
        warning=DECRYPTED if shows_decrypted(traces) else "",
    )


async def _traces(form: Form, target: str, own_ca: Path | None) -> tuple[Trace, ...]:
    authorities, version = form.file("ca"), form.text("version")
    if authorities is not None:
        _named(authorities, "the CA file")
    return await trace_server_async(
        target,
        identity=_identity(form),
        trust=authorities.data if authorities else own_ca or _lab_ca(),
        system_trust=authorities is None,
        verify=not form.text("insecure"),
        versions=(version,) if version in _VERSIONS else _VERSIONS,
        sni=form.text("sni") or None,
        request=form.text("request") or None,
        keep_records=True,
    )


def _identity(form: Form) -> LabIdentity | None:
    """Return the client's identity. Raises PkiError."""
    certificate, key = form.file("cert"), form.file("key")
    if certificate is None:
        if key is not None:
            raise NotAnswered("The key goes with a certificate. Give the one that it belongs to.")
        return None
    password = form.fields.get("password", "").encode()
    path = _named(certificate, "the certificate file")
    key_path = _named(key, "the key file") if key else None
    identity = identity_in(
        certificate.data, path, key.data if key else None, key_path, password or None
    )
    return LabIdentity(identity=identity)


def _named(file: UploadedFile, otherwise: str) -> Path:
    """Return the name of a file, once it is known to be no longer than such a file may be."""
    path = Path(file_name(file, otherwise))
    pem.check_size(file.data, path)
    return path


def _is_own(target: str, own: WatchedServer) -> bool:
    named = parse_target(target)
    return named.port == own.address.port and named.host in ("localhost", own.address.host)


def _lab_ca() -> Path | None:
    """Return the CA that the command trusts too, where it is called in the same folder."""
    path = SetPaths(directory=DEFAULT_DIRECTORY).certificate(Role.CA)
    return path if path.exists() else None


def _ca_of(own: WatchedServer) -> Path | None:
    return SetPaths(directory=own.directory).certificate(Role.CA) if own.own_set else None


def _words(form: Form, target: str, own_ca: Path | None) -> list[str]:
    """Return the words of the command line; a password stays out of it."""
    words = [target]
    if form.text("version") in _VERSIONS:
        words.append(f"--tls{form.text('version')}")
    for field, option in (("ca", "--ca"), ("cert", "--cert"), ("key", "--key")):
        file = form.file(field)
        if file is not None:
            words += [option, file_word(file_name(file, f"{field}.pem"))]
        elif field == "ca" and own_ca is not None and not form.text("insecure"):
            words += [option, str(own_ca)]
    for field in ("sni", "request"):
        if text := form.text(field):
            words += option_words(f"--{field}", text)
    return [*words, *["--insecure"] * bool(form.text("insecure"))]
