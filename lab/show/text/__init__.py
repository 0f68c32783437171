"""Faces for terminals: events, outcomes and results in, lines of text out."""
