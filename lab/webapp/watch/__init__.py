"""Watch: the connections at the lab's own server and at a tap, as they happen."""
