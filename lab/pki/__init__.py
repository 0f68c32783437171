"""Keys and certificates: making them, and keeping them on disk.

This room must not know networks.
"""
