"""Error texts of TLS libraries and programs: what they are, and what can be behind them."""
