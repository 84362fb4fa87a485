"""Default RBAC."""

from sampan.machinery.meta import Object


def roles() -> list[Object]:
    return []


def bindings() -> list[Object]:
    return []
