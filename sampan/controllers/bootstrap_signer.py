"""Signs the ConfigMap kube-public/cluster-info by each bootstrap token, so that who holds one can trust what it says.

Rules: docs, Authenticating with Bootstrap Tokens, "ConfigMap Signing"; RFC 7515, appendix F: the content is left out of
the signature.
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from contextlib import suppress

import orjson

from sampan.controllers.config import ControllerContext
from sampan.controllers.token_cleaner import tokens_of
from sampan.kinds.core import bootstrap_token
from sampan.kinds.core.config_map import KIND as CONFIG_MAP
from sampan.kinds.core.secret import KIND as SECRET
from sampan.machinery.errors import Conflict, NotFound
from sampan.machinery.meta import Key, Object, key_of
from sampan.machinery.tree import with_changes
from sampan.reconcile.action import WAIT, Action
from sampan.reconcile.controller import Controller

CLUSTER_INFO = Key("kube-public", "cluster-info")
_PREFIX = "jws-kubeconfig-"


def signature(content: str, id_: str, secret: str) -> str:
    """A detached JSON Web Signature of a text, by HMAC-SHA-256."""
    header = _encoded(orjson.dumps({"alg": "HS256", "kid": id_}))
    signed = hmac.new(secret.encode(), header + b"." + _encoded(content.encode()), hashlib.sha256).digest()
    return (header + b".." + _encoded(signed)).decode()


def signed(data: Mapping[str, str], keys: Mapping[str, str]) -> dict[str, str]:
    """The ConfigMap's data with a signature by each of `keys` (id -> secret), and no other."""
    plain = {name: text for name, text in data.items() if not name.startswith(_PREFIX)}
    return plain | {_PREFIX + id_: signature(data["kubeconfig"], id_, secret) for id_, secret in keys.items()}


def _encoded(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def _is_cluster_info(config_map: Object) -> Iterable[Key]:
    return (CLUSTER_INFO,) if key_of(config_map) == CLUSTER_INFO else ()


class BootstrapSigner(Controller):
    """One key: the ConfigMap."""

    name = "bootstrap-signer-controller"
    account = "bootstrap-signer"
    workers = 1

    def __init__(self, context: ControllerContext) -> None:
        super().__init__(context)
        self.config_maps = self.watch(CONFIG_MAP, _is_cluster_info)
        self.secrets = self.watch(SECRET, lambda secret: (CLUSTER_INFO,) if tokens_of(secret) else ())

    async def reconcile(self, key: Key) -> Action:
        config_map = self.config_maps.get(key)
        data = (config_map or {}).get("data") or {}
        if config_map is None or "kubeconfig" not in data:
            return WAIT
        wanted = signed(data, self._keys())
        if wanted != data:
            with suppress(Conflict, NotFound):  # what it has become will be told
                await self.client.update(CONFIG_MAP, with_changes(config_map, {("data",): wanted}))
        return WAIT

    def _keys(self) -> dict[str, str]:
        tokens = [secret for secret in self.secrets.items() if tokens_of(secret)]
        found = (bootstrap_token.signing_key(secret, self.clock.now()) for secret in tokens)
        return dict(pair for pair in found if pair is not None)


CONTROLLER = BootstrapSigner
