"""All rows of all tables."""

from __future__ import annotations

from lab.diagnosis.error_texts.tables import (
    alert_texts,
    browser_texts,
    curl_texts,
    envoy_grpc_texts,
    gnutls_texts,
    go_texts,
    java_texts,
    node_rustls_texts,
    openssl_file_texts,
    openssl_texts,
    proxy_texts,
    python_texts,
    service_texts,
    speakers,
    verify_texts,
    windows_texts,
)

ALL_TEXTS = (
    *openssl_texts.TEXTS,
    *openssl_file_texts.TEXTS,
    *verify_texts.TEXTS,
    *alert_texts.TEXTS,
    *python_texts.TEXTS,
    *curl_texts.TEXTS,
    *gnutls_texts.TEXTS,
    *browser_texts.TEXTS,
    *go_texts.TEXTS,
    *java_texts.TEXTS,
    *node_rustls_texts.TEXTS,
    *windows_texts.TEXTS,
    *proxy_texts.TEXTS,
    *envoy_grpc_texts.TEXTS,
    *service_texts.TEXTS,
    *speakers.MARKS,
)
