"""What is unique in a cluster and handed out by the API server: Service addresses and node ports."""
