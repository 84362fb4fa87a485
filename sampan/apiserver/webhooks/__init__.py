"""Calls from the API server to servers that others bring: where they are, and how they are spoken to."""
