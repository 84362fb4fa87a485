"""The group certificates.k8s.io: requests for certificates, and bundles of authorities to trust."""
