"""The tap: relaying between any client and any server, and watching."""
