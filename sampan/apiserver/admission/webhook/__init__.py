"""MutatingAdmissionWebhook and ValidatingAdmissionWebhook: servers that others bring, asked about writes."""
