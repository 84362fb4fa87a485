"""Who is calling: front proxies, client certificates, bearer tokens, anonymous."""
