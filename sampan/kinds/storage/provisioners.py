"""What classes of storage tell a driver: its name, and parameters that only it understands."""

from collections.abc import Mapping

from sampan.kinds.checks import Errors
from sampan.machinery.validation import check, invalid, qualified_name, required, too_long

_MAX_PARAMETERS, _MAX_SIZE = 512, 256 * 1024


def validate_provisioner(name: str, path: str) -> Errors:
    """The name of a driver, in any case."""
    if not name:
        yield required(path)
    else:
        yield from check(path, name.lower(), qualified_name(name.lower()))


def validate_parameters(parameters: Mapping[str, str]) -> Errors:
    """Not too many parameters, nor too much of them."""
    if len(parameters) > _MAX_PARAMETERS:
        yield too_long("parameters", _MAX_PARAMETERS)
        return
    if "" in parameters:
        yield invalid("parameters", "", "field can not be empty.")
    texts = (text for pair in parameters.items() for text in pair)
    if sum(len(text.encode(errors="replace")) for text in texts) > _MAX_SIZE:
        yield too_long("parameters", _MAX_SIZE)
