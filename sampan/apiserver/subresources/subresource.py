"""What a subresource is; registry.py says which kind has which."""

from collections.abc import Mapping
from dataclasses import dataclass

from sampan.apiserver.services import Verb


@dataclass(frozen=True, slots=True)
class Subresource:
    """One subresource. The group, version and kind are of what it takes and gives, where that is not the object."""

    verbs: Mapping[str, Verb]
    kind: str = ""
    group: str = ""
    version: str = ""
    only: str = ""  # the only version of the resource that has it
    any_method: bool = False  # OPTIONS too, which is no verb: what is passed on to another server
