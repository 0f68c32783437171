"""Bring your own: a host to trace, a capture, certificate files, an error text."""
