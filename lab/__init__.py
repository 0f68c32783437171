"""A laboratory for mutual TLS: see each handshake message, and why a client is refused."""
