"""KMS v2 (KEP-3299): keys that a plugin on a unix socket encrypts, and that encrypt values here.

    service.py     the plugin's gRPC interface, kms.proto
    envelope.py    from values to bytes that carry their encrypted key with them, and back
    state.py       the key that writes now, and until when
    probe.py       the plugin's health, and a new key when the plugin has one

Loaded only where a configuration names a plugin.
"""
