"""ValidatingWebhookConfiguration: services outside that may refuse a request."""

from sampan.kinds.admissionregistration.webhooks import webhook_kind

KIND = webhook_kind(
    "ValidatingWebhookConfiguration", "validatingwebhookconfigurations", "ValidatingWebhook", mutating=False
)
