"""What a peer may send instead of a name: markup, scripts, controls, and what breaks other formats.

Each text that could run calls the canary of ``tests.support.browser``.
"""

from __future__ import annotations

import unicodedata

HOSTILE_TEXTS = {
    "script": "<script>__ran()</script>",
    "image": "<img src=x onerror=__ran()>",
    "SVG": "<svg onload=__ran()><animate onbegin=__ran() attributeName=x></svg>",
    "frame": "<iframe srcdoc='&lt;script>parent.__ran()&lt;/script>'></iframe>",
    "out of an attribute": "\" autofocus onfocus=__ran() x=\"' onmouseover='__ran()",
    "out of a script": "</script><script>__ran()</script><!--<script>",
    "out of a style": "</style><style>*{display:none!important}</style>",
    "out of other elements": "</title></textarea></pre></p></li></dd></code><h1>",
    "CDATA": "]]><script>__ran()</script><![CDATA[",
    "comment": "--><script>__ran()</script><!-- --!>",
    "entity": "&lt;script&gt;__ran()&lt;/script&gt;&#60;&quot;&amp;amp;",
    "XML entity": '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>&e;<?xml version="1.0"?>',
    "script address": "javascript:__ran()",
    "script address in disguise": " java\tscript:__ran()//%0a",
    "data address": "data:text/html,<script>__ran()</script>",
    "form": "<form action=//evil.test/><button formaction=javascript:__ran()>",
    "base": "<base href=//evil.test/><meta http-equiv=refresh content='0;url=//evil.test/'>",
    "style": "</p><p style=position:fixed;inset:0;background:red>x{background:url(//evil.test/)}",
    "style rule": "red;}*{background:url(//evil.test/x)!important}@import'//evil.test/y';/*",
    "address": "https://evil.test/?a=1&b=2#f//evil.test/",
    "JSON": '"},"x":{"__proto__":1}}\\"\\u003cscript>__ran()</script>\\',
    "template": "{{7*7}}{% raw %}${7*7}#{7*7}<%= 7*7 %>{{config}}{# c #}",
    "quotes": "\"'`“”«»\\\\\\'\\\"",
    "NUL": "a\0b\0<script>__ran()</script>",
    "C0": "a\x01\x07\x08\x1b[31mred\x1b]0;title\x07\x7fb",
    "C1": "a\x80\x85\x9b31mb\x9d",
    "line ends": "one\r\ntwo\nthree\u2028four\u2029five\x0bsix\x0cseven",
    "right to left": "user\u202egnp.exe\u202c",
    "isolates": "a\u2066b\u2067c\u2068d\u2069e\u202af\u202bg\u202dh\u200ei\u200fj\u061ck",
    "zero width": "ad\u200bm\u200ci\u200dn\u2060\ufeff\u00ad",
    "lone surrogates": "a\ud800b\udfffc\udcff",
    "not characters": "a\ufffeb\uffffc\U0010fffe",
    "tag characters": "a\U000e0041\U000e0042\U000e007f",
    "Hebrew": "שלום עולם<b>",
    "Arabic": "مرحبا بالعالم (1)",
    "combining": "Z" + "\u0335\u0336\u0310\u033f" * 40,
    "very long word": "W" * 3000,
    "very long line": "word " * 800,
    "very long Hebrew": "א" * 2000,
    "wide": "漢字﷽𒐫" * 60,
    "Mermaid": 'x\n    end\n    C->>S: forged\nclick C href "javascript:__ran()"\n%%{init: {}}%%;',
    "log line": "a\r\n[SERVER] 200 GET / forged",
    "path": "../../../etc/passwd\\..\\x%2e%2e%2f%00.pcap",
    "shell": "$(touch x)`touch x`;touch x|touch x&\n--output=x",
}
"""By a name for each."""

_ACTING = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_LAYOUT = "\n\t"


def acting_characters(shown: str) -> set[str]:
    """The characters of a page's text that a reader cannot see, as escapes; none is in order.

    Those are controls, format characters such as those of text direction, and surrogates.
    """
    found = {char for char in shown if unicodedata.category(char) in _ACTING}
    return {ascii(char) for char in found - set(_LAYOUT)}
