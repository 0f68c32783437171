"""Connecting to a server with a chosen identity and version, and watching what happens."""
