"""ServiceAccount: the identity of processes in pods."""

from sampan.kinds.columns import AGE, NAME
from sampan.machinery.kind import Kind, ServedVersion
from sampan.machinery.meta import Object


def _keep_secret_names(account: Object) -> None:
    """References to Secrets are by name, in the account's own namespace; nothing else of them is stored."""
    if secrets := account.get("secrets"):
        account["secrets"] = [{"name": secret["name"]} if secret.get("name") else {} for secret in secrets]


KIND = Kind(
    name="ServiceAccount",
    plural="serviceaccounts",
    versions=(ServedVersion("", "v1", "io.k8s.api.core.v1.ServiceAccount"),),
    short_names=("sa",),
    columns=(NAME, AGE),
    prepare_create=_keep_secret_names,
    prepare_update=lambda new, old: _keep_secret_names(new),
    has_status=False,
    has_generation=False,
    returns_deleted=True,
)
