"""Which node a user is. Rule: k8s.io/kubernetes/pkg/auth/nodeidentifier. Called by the authorizer and by admission."""

from sampan.apiserver.authentication.user import GROUP_NODES, User

_PREFIX = "system:node:"


def node_of(user: User) -> str | None:
    """The name of the node that a user is, "" for a node without a name; None for everybody else."""
    if GROUP_NODES not in user.groups or not user.name.startswith(_PREFIX):
        return None
    return user.name[len(_PREFIX) :]
