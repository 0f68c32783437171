"""The core: bytes of two directions in, handshake events out. It does no I/O."""
