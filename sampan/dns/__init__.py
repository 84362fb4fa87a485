"""The cluster's DNS: names of Services, endpoints and pods, and everybody else's by forwarding."""
