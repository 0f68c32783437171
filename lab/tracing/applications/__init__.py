"""What is spoken inside TLS, one module a protocol: just enough to learn who is let in."""
