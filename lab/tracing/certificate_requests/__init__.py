"""Requests for client certificates: found in traces, and explained for those at hand."""
