"""Connections of others as text: of a capture, or of a tap."""
