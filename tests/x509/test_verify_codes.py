"""Verify codes: the numbers and the words are OpenSSL's."""

from __future__ import annotations

import ctypes
import importlib
import ssl
from typing import Any

import pytest

from lab.x509.verify_codes import VerifyCode


def error_string() -> Any:
    """X509_verify_cert_error_string of the OpenSSL that ``ssl`` is linked with."""
    try:
        function = ctypes.CDLL(
            importlib.import_module("_ssl").__file__
        ).X509_verify_cert_error_string
    except (AttributeError, OSError):
        pytest.skip("needs a Python whose ssl module is linked with a shared OpenSSL")
    function.restype = ctypes.c_char_p
    return function


@pytest.mark.skipif(ssl.OPENSSL_VERSION_INFO < (3,), reason="needs Python with OpenSSL 3")
@pytest.mark.parametrize("code", VerifyCode, ids=lambda code: code.name)
def test_the_words_are_openssls(code: VerifyCode) -> None:
    assert error_string()(int(code)) == code.words.encode()


def test_a_code_is_found_by_its_number() -> None:
    verify_code = 10  # as ssl.SSLCertVerificationError has it
    assert verify_code in frozenset({VerifyCode.CERT_HAS_EXPIRED})
