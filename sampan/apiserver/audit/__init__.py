"""The audit log: who did what, by a policy, to a file and a webhook (documentation, "Auditing").

    policy.py        which requests are audited, and how closely; policy_file.py reads it
    record.py        what is known of one request; event.py what is told of it at one stage
    auditor.py       the request path's view of all this
    backends/        where events go: file, webhook, and what lies in between
    options.py       the flags

Without a policy file nothing of this is loaded, and a request costs a look at one attribute.
"""
