"""Reading certificates: a tolerant description of DER, names, and the table of problems.

This room must not do I/O.
"""
