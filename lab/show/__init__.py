"""Faces: events, outcomes and diagnoses in, characters out."""
