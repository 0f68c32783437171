"""What a server counts, and the HTTP monitor that shows it."""
