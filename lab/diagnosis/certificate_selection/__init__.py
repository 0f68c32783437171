"""Which certificate a client's program sends for a CertificateRequest, and by which rule."""
