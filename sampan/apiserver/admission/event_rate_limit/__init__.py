"""EventRateLimit: a flood of Events does not drown the store. By flag, with limits by configuration.

Rules and messages: docs, Admission Controllers, "EventRateLimit"; upstream's
plugin/pkg/admission/eventratelimit.
"""
