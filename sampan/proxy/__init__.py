"""Services: the packets' way from a Service's address to one of its endpoints, as one nftables table."""
