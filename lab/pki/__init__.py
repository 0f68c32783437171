"""Keys and certificates: making them, keeping them on disk. Knows nothing of networks."""
