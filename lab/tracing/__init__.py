"""Connecting to any server and watching what happens."""
