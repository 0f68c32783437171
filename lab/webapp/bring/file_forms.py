"""The forms that explain files and texts: a capture, certificates, an error text.

Rules: what was uploaded is read from memory, and written nowhere. All of it may run in a thread.
"""

from __future__ import annotations

import contextlib
import io
import time
from datetime import datetime, timezone
from pathlib import Path

from markupsafe import Markup

from lab.capture.results import CaptureError
from lab.diagnosis.error_texts.explain_text import explain_text
from lab.inspecting.inspect_files import inspect
from lab.inspecting.results import SPIFFE, USES
from lab.pki.errors import PkiError
from lab.pki.files.file_contents import contents_of
from lab.show.html.capture_view import KeptConnections, capture_view
from lab.show.html.environment import render
from lab.show.html.explanation_view import explanation_view
from lab.show.html.inspection_view import inspection_view
from lab.show.html.page import DECRYPTED
from lab.show.text.captures.capture_table import without_tls
from lab.show.text.peer_text import bounded
from lab.tracing.read_capture import CaptureReader, KeyLogFile
from lab.webapp.bring.answers import BroughtAnswer, NotAnswered
from lab.webapp.bring.shell_command import file_name, file_word, shell_command
from lab.webapp.web_request import Form

_MOST_FILES = 50
_SECONDS = 30.0  # for a capture
_MOST_IN_COMMAND = 300  # characters of an error text


class _TimedBytes(io.BytesIO):
    """A file in memory that can be read for ``_SECONDS``; then CaptureError.

    A few bytes of gzip can inflate to what takes hours to read.
    """

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self._end = time.monotonic() + _SECONDS

    def read(self, size: int | None = -1, /) -> bytes:
        """Return what comes next."""
        if time.monotonic() > self._end:
            raise CaptureError(f"reading takes longer than {_SECONDS:g} s; use the command for it")
        return super().read(size)


def read_capture_form(form: Form) -> BroughtAnswer:
    """Explain the connections of a capture. Raises NotAnswered."""
    file, secrets = form.file("capture"), form.file("keylog")
    if file is None or not file.data:
        raise NotAnswered("choose a capture: a pcap or pcapng file, with or without .gz")
    name = file_name(file, "capture.pcap")
    with contextlib.ExitStack() as stack:
        log, words = None, [f"./{name}"]
        if secrets is not None:
            log_name = file_name(secrets, "keys.log")
            log = stack.enter_context(
                contextlib.closing(KeyLogFile(Path(log_name), data=secrets.data))
            )
            words += ["--keylog", file_word(log_name)]
        reader = CaptureReader(_TimedBytes(file.data), key_log=log, keep_records=True)
        kept, damage = KeptConnections(), ""
        try:
            for trace in reader.traces():
                kept.add(trace)
        except CaptureError as error:
            damage = f"{name}: {error}"
        summary = reader.summary
    if not summary.tls:
        raise NotAnswered(damage or without_tls(name, summary))
    view, is_decrypted = capture_view(kept, summary)
    if damage:
        message = f"{damage}. Below is what comes before that."
        view = render("web_error.html", message=message, section="") + view
    return BroughtAnswer(
        title=f"TLS connections in {bounded(name)}",
        view=view,
        command=shell_command("trace", words),
        warning=DECRYPTED if is_decrypted else "",
    )


def inspect_form(form: Form) -> BroughtAnswer:
    """Inspect certificate files together. Raises NotAnswered."""
    files = form.files.get("files", ())
    if not files:
        raise NotAnswered(
            "choose certificates, keys, requests or CRLs: PEM, DER, PKCS#7 or PKCS#12"
        )
    if len(files) > _MOST_FILES:
        raise NotAnswered(f"these are {len(files)} files; the limit is {_MOST_FILES}")
    password = form.fields.get("password", "").encode() or None
    names = [file_name(file, "a file") for file in files]
    use = form.text("role") if form.text("role") in USES else ""
    try:
        contents = [
            contents_of(file.data, Path(name), lambda _: password)
            for file, name in zip(files, names, strict=True)
        ]
        now = datetime.now(timezone.utc)
        inspection = inspect(contents, now=now, role=USES.get(use), svid=use == SPIFFE)
    except PkiError as error:
        raise NotAnswered(str(error)) from error
    words = ["inspect", *(["--as", use] if use else []), *map(file_word, names)]
    return BroughtAnswer(
        title="Certificate files",
        view=inspection_view(inspection),
        command=shell_command("certs", words),
    )


def explain_form(form: Form) -> BroughtAnswer:
    """Explain an error text. Raises NotAnswered."""
    text = form.text("text")
    if not text:
        raise NotAnswered("paste an error text: a line or a page of a log, or an alert's number")
    return BroughtAnswer(
        title="Error text",
        view=Markup("<pre class='brought'>{}</pre>").format(bounded(text, 2000))
        + explanation_view(explain_text(text)),
        command=_explain_command(text) or "python -m lab.explain --file error.log",
    )


def _explain_command(text: str) -> str:
    """Return the command with the text in it, "" where a file is the way: "-" is standard input."""
    if len(text) > _MOST_IN_COMMAND or text == "-":
        return ""
    return shell_command("explain", [*["--"] * text.startswith("-"), text])
