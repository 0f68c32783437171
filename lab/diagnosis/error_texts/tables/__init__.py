"""Tables of error texts, one module for each family of programs that print them."""
