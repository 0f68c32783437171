"""Connect once for each line "PORT CA [CERT:KEY]", by grpcio, whose TLS is BoringSSL."""

from __future__ import annotations

import sys
from pathlib import Path

import grpc  # type: ignore[import-not-found, import-untyped, unused-ignore]


def _connect(port: str, ca: str, pair: str = ":") -> str:
    certificate, key = (Path(path).read_bytes() if path else None for path in pair.split(":"))
    credentials = grpc.ssl_channel_credentials(Path(ca).read_bytes(), key, certificate)
    with grpc.secure_channel(f"localhost:{port}", credentials) as channel:
        call = channel.unary_unary("/lab.Nothing/Call")
        try:
            call(b"", timeout=5)
        except grpc.RpcError as error:
            return str(error.details())
    return "ok"


for line in sys.stdin:
    print(_connect(*line.split()).replace("\n", " "), flush=True)
