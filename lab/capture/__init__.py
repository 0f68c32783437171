"""Reading and writing captures: bytes of a file go in, the connections in it come out."""
