"""Service account tokens for projected volumes: asked for by TokenRequest, bound to the pod, renewed in time.

Docs: "Projected Volumes", serviceAccountToken; renewal after 80 % of the lifetime or 24 hours, as upstream.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sampan.client.api import Client
from sampan.kubelet.podspec import uid_of
from sampan.kubelet.volumes.content import Token
from sampan.machinery.meta import Object, parse_time
from sampan.reconcile.clock import Clock

LONGEST_USE = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class _Held:
    text: str
    renew_at: datetime


class Tokens:
    """The tokens of the node's pods."""

    def __init__(self, client: Client, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._held: dict[tuple[str, Token], _Held] = {}

    async def get(self, pod: Object, token: Token) -> str:
        """A token that is good for a while; raises APIError."""
        place = (uid_of(pod), token)
        held = self._held.get(place)
        if held is None or held.renew_at <= self._clock.now():
            held = self._held[place] = await self._request(pod, token)
        return held.text

    def forget(self, uid: str) -> None:
        """Drop the tokens of a pod."""
        self._held = {place: held for place, held in self._held.items() if place[0] != uid}

    async def _request(self, pod: Object, token: Token) -> _Held:
        meta = pod["metadata"]
        account = pod["spec"].get("serviceAccountName") or "default"
        body = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {
                "audiences": [token.audience] if token.audience else [],
                "expirationSeconds": token.expiration,
                "boundObjectRef": {"apiVersion": "v1", "kind": "Pod", "name": meta["name"], "uid": meta["uid"]},
            },
        }
        path = f"/api/v1/namespaces/{meta['namespace']}/serviceaccounts/{account}/token"
        began = self._clock.now()
        status = (await self._client.transport.request("POST", path, body=body))["status"]
        lifetime = parse_time(status["expirationTimestamp"]) - began
        return _Held(status["token"], began + min(lifetime * 0.8, LONGEST_USE))
