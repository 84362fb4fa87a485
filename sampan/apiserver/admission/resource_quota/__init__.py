"""ResourceQuota: a namespace uses no more than its quotas allow.

check.py decides, pure; ledger.py writes what is used into the quotas before the object is stored, one request after
another in a namespace and by compare-and-swap against other servers. What is charged and then not stored, the resource
quota controller gives back. Rules and messages: docs, "Resource Quotas"; upstream's
k8s.io/apiserver/pkg/admission/plugin/resourcequota.
"""
