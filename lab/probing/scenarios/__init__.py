"""The scenarios: clients and servers that are broken in one named way."""
