"""Causes of a refused or failed connection, one module for each family."""
