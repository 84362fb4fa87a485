"""Secret: small confidential data."""

import base64
from datetime import datetime

import orjson

from sampan.kinds.checks import METADATA, Errors
from sampan.kinds.columns import AGE, NAME, text
from sampan.kinds.core.keyed_data import MAX_SIZE, base64_size, keys, unchanged_if_immutable
from sampan.machinery.kind import Column, Kind, ServedVersion
from sampan.machinery.meta import Object, annotations_of
from sampan.machinery.rules import Immutable
from sampan.machinery.validation import Path, invalid, required, too_long

SERVICE_ACCOUNT_TOKEN = "kubernetes.io/service-account-token"
SERVICE_ACCOUNT_NAME = "kubernetes.io/service-account.name"  # annotation of token Secrets
DATA = Path("data")

# Types whose data is one JSON document, and the key where it is.
_DOCUMENT_KEYS = {"kubernetes.io/dockercfg": ".dockercfg", "kubernetes.io/dockerconfigjson": ".dockerconfigjson"}

_DEFAULTS = {"io.k8s.api.core.v1.Secret": {"type": "Opaque"}}


def _data(secret: Object) -> dict[str, str]:
    return secret.get("data") or {}


def _merge_string_data(secret: Object) -> None:
    """stringData is write-only: it overwrites data, encoded, and is never stored."""
    plain = secret.pop("stringData", None)
    if plain:
        encoded = {key: base64.b64encode(value.encode()).decode() for key, value in plain.items()}
        secret["data"] = {**_data(secret), **encoded}


def _validate(secret: Object) -> Errors:
    yield from keys(_data(secret), DATA)
    if sum(map(base64_size, _data(secret).values())) > MAX_SIZE:
        yield too_long(DATA, MAX_SIZE)
    yield from _validate_type(secret, secret.get("type") or "")


def _validate_type(secret: Object, type_: str) -> Errors:
    """The built-in types' demands: documentation page "Secrets", "Types of Secret"."""
    data = _data(secret)
    if type_ == SERVICE_ACCOUNT_TOKEN and not annotations_of(secret).get(SERVICE_ACCOUNT_NAME):
        yield required(METADATA.child("annotations").key(SERVICE_ACCOUNT_NAME))
    elif type_ in _DOCUMENT_KEYS:
        yield from _validate_document(data.get(_DOCUMENT_KEYS[type_]), DATA.key(_DOCUMENT_KEYS[type_]))
    elif type_ == "kubernetes.io/basic-auth" and not data.keys() & {"username", "password"}:
        yield required(DATA.key("username"))
        yield required(DATA.key("password"))
    elif type_ == "kubernetes.io/ssh-auth" and not data.get("ssh-privatekey"):
        yield required(DATA.key("ssh-privatekey"))
    elif type_ == "kubernetes.io/tls":
        for key in ("tls.crt", "tls.key"):
            if key not in data:
                yield required(DATA.key(key))


def _validate_document(encoded: str | None, path: Path) -> Errors:
    if encoded is None:
        yield required(path)
        return
    document = base64.b64decode(encoded)
    try:
        parsed = orjson.loads(document)
    except ValueError:
        text_ = "unexpected end of JSON input" if not document.strip() else "must be a JSON object"
        yield invalid(path, "<secret contents redacted>", text_)
        return
    if not isinstance(parsed, dict):
        yield invalid(path, "<secret contents redacted>", "must be a JSON object")


def _validate_update(new: Object, old: Object) -> Errors:
    yield from unchanged_if_immutable(new, old, "data")


def _count(secret: Object, now: datetime) -> int:
    return len(_data(secret))


KIND = Kind(
    name="Secret",
    plural="secrets",
    versions=(ServedVersion("", "v1", "io.k8s.api.core.v1.Secret", default=_merge_string_data),),
    columns=(
        NAME,
        Column("Type", text("type"), description="What the data is for."),
        Column("Data", _count, type="integer", description="Number of keys."),
        AGE,
    ),
    validate=_validate,
    validate_update=_validate_update,
    rules={"io.k8s.api.core.v1.Secret": {"type": Immutable()}},
    selectable_fields={"type": lambda secret: secret.get("type") or ""},
    has_status=False,
    has_generation=False,
    defaults=_DEFAULTS,
)
