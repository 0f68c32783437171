"""From events to why: the outcome of a connection, and the causes that fit it."""
