"""What ``lab.probe`` can do beside probing one server."""
