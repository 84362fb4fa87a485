"""Bringing a cluster to life: preflight, certificates, kubeconfig, process supervision, and taking it down again."""
