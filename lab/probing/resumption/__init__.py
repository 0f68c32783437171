"""Trying what a session does that began elsewhere, or before something changed."""
