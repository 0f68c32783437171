"""The TODO application: routes, validation, access, and the stores that keep the items."""
