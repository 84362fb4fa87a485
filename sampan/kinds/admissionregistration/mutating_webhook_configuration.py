"""MutatingWebhookConfiguration: services outside that may change an object before it is stored."""

from sampan.kinds.admissionregistration.webhooks import webhook_kind

KIND = webhook_kind("MutatingWebhookConfiguration", "mutatingwebhookconfigurations", "MutatingWebhook", mutating=True)
