"""Certificates and keys in files: PEM, PKCS#12, CRLs, and whole sets on disk."""
