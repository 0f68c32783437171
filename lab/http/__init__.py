"""HTTP/1.1 by h11 over a byte stream: requests, bodies, and the limits of one connection."""
