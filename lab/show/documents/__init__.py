"""Faces for machines: JSON and JUnit documents."""
