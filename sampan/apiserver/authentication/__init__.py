"""Who is calling: client certificates, bearer tokens, impersonation, anonymous."""
