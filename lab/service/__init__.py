"""The TODO service: HTTP over a TLS stream, and the server that carries it."""
