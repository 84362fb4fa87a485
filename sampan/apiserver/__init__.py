"""The API server: one request, from bytes to bytes. Start reading at app.py."""
