"""Pages for a browser: results in, HTML out."""
