"""Probing of clients: servers that are each wrong in one way, and a command that meets them."""
