"""A server behind TLS as real clients find it, an administrator's kubeconfig for it, and kubectl run on it."""

import asyncio
import base64
import copy
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.apiserver.harness import API, running
from tests.apiserver.pki import authority


@asynccontextmanager
async def secure(**options: Any) -> AsyncIterator[API]:
    """A server with certificates, and the ServiceAccount that pods need."""
    server = authority().issue("kube-apiserver", server=True)
    certificates = {"certificate": server.certificate, "key": server.key, "client_ca": authority().certificate}
    async with running(**certificates, **options) as api:
        await api.service_account()
        yield api


def kubeconfig(port: int, name: str = "kubernetes-admin", group: str = "system:masters") -> dict[str, Any]:
    """Somebody by certificate; an administrator."""
    admin = authority().issue(name, (group,))
    ca, certificate, key = (base64.b64encode(pem).decode() for pem in (authority().certificate, *admin))
    cluster = {"server": f"https://127.0.0.1:{port}", "certificate-authority-data": ca}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": {"client-certificate-data": certificate, "client-key-data": key}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }


class Command:
    """Runs a program that takes a kubeconfig (kubectl, Helm) against a server."""

    def __init__(self, binary: Path, folder: Path, port: int) -> None:
        self._kubeconfig = folder / "config"
        self._kubeconfig.write_text(yaml.safe_dump(kubeconfig(port)))
        self.binary = binary
        self._environment = {"KUBECONFIG": str(self._kubeconfig), "HOME": str(folder)}

    def become(self, name: str, credentials: dict[str, str]) -> None:
        """From now on, ask as somebody else: what `kubectl config set-credentials` and `use-context` write."""
        config = yaml.safe_load(self._kubeconfig.read_text())
        config["users"].append({"name": name, "user": credentials})
        config["contexts"][0]["context"]["user"] = name
        self._kubeconfig.write_text(yaml.safe_dump(config))

    def using(self, binary: Path, **environment: str) -> "Command":
        """Another program that shares configuration and caches."""
        other = copy.copy(self)
        other.binary, other._environment = binary, self._environment | environment
        return other

    async def run(self, *words: str, stdin: str = "") -> tuple[int, str, str]:
        """The exit status, what was said, and the errors and warnings."""
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            self.binary, *words, stdin=pipe, stdout=pipe, stderr=pipe, env=self._environment
        )
        out, errors = await process.communicate(stdin.encode())
        assert process.returncode is not None
        return process.returncode, out.decode(), errors.decode()

    async def __call__(self, command: str, stdin: str = "", *, fails: bool = False) -> str:
        """The output (of a failure: the errors) of words that have no spaces in them."""
        status, out, errors = await self.run(*command.split(), stdin=stdin)
        assert (status != 0) == fails, errors
        return errors if fails else out
