"""TLS over asyncio byte streams, by OpenSSL, watched by the core. It pumps and does not parse."""
