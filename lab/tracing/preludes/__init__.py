"""What is spoken before TLS: proxies, the PROXY protocol, and the commands that change to TLS."""
