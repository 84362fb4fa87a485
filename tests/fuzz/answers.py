"""Which answers of 5xx upstream gives, too, to the same request; every other one is a fault of the server's.

Pure; used by run.py and test_fuzz.py.
"""

import re

# status -> what its message says
EXPECTED = {
    500: (
        r"failed to allocate a serviceIP",  # the fuzz deletes ServiceCIDRs
        r"failed to create (typed|manager for existing)",  # apply with fields that the schema has not
        r"failed to update managedFields",
        r"no preferred addresses found|neither an IP address nor a name",  # nodes that it made up
        r"error dialing backend|proxy error",
    ),
    503: (r"no endpoints available|error trying to reach service|unable to dial|connection refused",),
    504: (r"Too large resource version",),  # waited for in vain
}


def is_fault(method: str, status: int, body: bytes) -> bool:
    """Whether an answer says that the server has failed where upstream's would not; to HEAD it can't say why."""
    if status < 500 or (method == "HEAD" and status in EXPECTED):
        return False
    text = body.decode(errors="replace")
    return not any(re.search(pattern, text) for pattern in EXPECTED.get(status, ()))
