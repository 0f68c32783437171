"""The server process: listening, limits, reload, signals and the handshake log."""
