"""What the command-line programs share: options, errors, output and exit codes."""
