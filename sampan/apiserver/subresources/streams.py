"""pods/log, exec, attach and portforward: which kubelet, which container; then the streams belong to streaming/.

Rules and messages: k8s.io/kubernetes/pkg/registry/core/pod (LogLocation, streamLocation, validateContainer).
"""

from collections.abc import Mapping
from urllib.parse import parse_qsl, quote, urlencode

from sampan.apiserver.admission.foreign import admit_connection
from sampan.apiserver.authorization.guard import authorized
from sampan.apiserver.call import Call
from sampan.apiserver.services import Services
from sampan.apiserver.streaming import KubeletTarget, proxy_attach, proxy_exec, proxy_log, proxy_portforward
from sampan.apiserver.subresources.kubelets import node_address, node_port, refuse_simulated
from sampan.apiserver.verbs.get import current
from sampan.kinds.core.node import KIND as NODE
from sampan.machinery.errors import BadRequest, NotFound
from sampan.machinery.meta import Object
from sampan.transport.messages import Reply, Response

_DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container"

# What a client may say about the streams, under the kubelet's names for it.
_STREAM_PARAMETERS = {"stdin": "input", "stdout": "output", "stderr": "error", "tty": "tty"}
_LOG_PARAMETERS = (
    "follow",
    "previous",
    "sinceSeconds",
    "sinceTime",
    "timestamps",
    "tailLines",
    "limitBytes",
    "insecureSkipTLSVerifyBackend",
    "stream",
)


async def log(services: Services, call: Call) -> Reply:
    """The log of a container; follow keeps the answer open."""
    pod = current(services, call).object
    container = _container(pod, call.query.get("container", ""))
    _check_log(call.query)
    if not pod["spec"].get("nodeName"):
        return Response(200, b"", "text/plain")  # nothing has run yet; upstream too answers with an empty log
    query = {name: call.query[name] for name in _LOG_PARAMETERS if name in call.query}
    target = _target(services, pod, "containerLogs", container, urlencode(query))
    return await proxy_log(target, call.request)


async def execute(services: Services, call: Call) -> Reply:
    """A command in a container."""
    await _authorize_create(services, call)
    pod = current(services, call).object
    options = await admit_connection(services, call, "exec", _options(call, "PodExecOptions"))
    commands = options.get("command") or ()
    if not commands:
        raise BadRequest("you must specify at least 1 command for the container")
    if not isinstance(commands, list) or not all(isinstance(command, str) for command in commands):
        raise BadRequest("PodExecOptions.command is no list of strings")
    target = _stream_target(services, options, pod, "exec", [("command", command) for command in commands])
    return await proxy_exec(target, call.request)


async def attach(services: Services, call: Call) -> Reply:
    """The streams of a container's main process."""
    await _authorize_create(services, call)
    pod = current(services, call).object
    options = await admit_connection(services, call, "attach", _options(call, "PodAttachOptions"))
    return await proxy_attach(_stream_target(services, options, pod, "attach", []), call.request)


async def portforward(services: Services, call: Call) -> Reply:
    """Connections into a pod's network."""
    await _authorize_create(services, call)
    pod = current(services, call).object
    options = await admit_connection(services, call, "portforward", _options(call, "PodPortForwardOptions"))
    query = urlencode([("port", port) for port in options.get("ports") or ()])
    return await proxy_portforward(_target(services, pod, "portForward", "", query), call.request)


def _options(call: Call, kind: str) -> Object:
    """The query as the options object that admission is shown."""
    pairs = parse_qsl(call.request.raw_query, keep_blank_values=True)
    options: Object = {"kind": kind, "apiVersion": "v1"}
    options |= {name: True for name in _STREAM_PARAMETERS if call.query.get(name, "").lower() in ("1", "true")}
    if container := call.query.get("container"):
        options["container"] = container
    if commands := [value for name, value in pairs if name == "command"]:
        options["command"] = commands
    if ports := [port for name, value in pairs if name == "ports" for port in _ports(value)]:
        options["ports"] = ports
    return options


def _ports(text: str) -> list[int]:
    """The numbers in one parameter; 0 is the kubelet's to refuse. Raises BadRequest."""
    return [_port(number) for number in text.split(",")]


def _port(text: str) -> int:
    why = ""
    if not text.isascii() or not text.isdecimal():
        why = "invalid syntax"
    elif len(text.lstrip("0")) > 5 or int(text) > 65535:
        why = "value out of range"
    if why:
        raise BadRequest(f'cannot convert to []int32: strconv.ParseUint: parsing "{text}": {why}')
    return int(text)


async def _authorize_create(services: Services, call: Call) -> None:
    """WebSockets begin with a GET, but who may only read runs no commands (KEP-4006, since 1.35)."""
    await authorized(services.authorizers, call, "create")


def _stream_target(
    services: Services, options: Object, pod: Object, verb: str, parameters: list[tuple[str, str]]
) -> KubeletTarget:
    """Where the streams go; what admission made of the options counts."""
    wanted = {name for name in _STREAM_PARAMETERS if options.get(name) is True}
    if verb == "attach" and not wanted & {"stdin", "stdout", "stderr"}:
        wanted |= {"stdout", "stderr"}
    if not wanted & {"stdin", "stdout", "stderr"}:
        raise BadRequest("you must specify at least one of stdin, stdout, stderr")
    if "tty" in wanted:
        wanted.discard("stderr")  # a terminal has one output
    container = _container(pod, str(options.get("container") or ""))
    pairs = parameters + [(_STREAM_PARAMETERS[name], "1") for name in sorted(wanted)]
    return _target(services, pod, verb, container, urlencode(pairs))


def _container(pod: Object, wanted: str) -> str:
    """The container that is meant; raises BadRequest where that cannot be said."""
    spec, name = pod["spec"], pod["metadata"]["name"]
    names = [c["name"] for c in spec["containers"]]
    init = [c["name"] for c in spec.get("initContainers") or ()]
    ephemeral = [c["name"] for c in spec.get("ephemeralContainers") or ()]
    if wanted:
        if wanted not in (*names, *init, *ephemeral):
            raise BadRequest(f"container {wanted} is not valid for pod {name}")
        return wanted
    if len(names) == 1:
        return str(names[0])
    default = (pod["metadata"].get("annotations") or {}).get(_DEFAULT_CONTAINER)
    if default in names:
        return str(default)
    message = f"a container name must be specified for pod {name}, choose one of: [{' '.join(names)}]"
    if init:
        message += f" or one of the init containers: [{' '.join(init)}]"
    if ephemeral:
        message += f" or one of the ephemeral containers: [{' '.join(ephemeral)}]"
    raise BadRequest(message)


def _check_log(query: Mapping[str, str]) -> None:
    if "sinceSeconds" in query and "sinceTime" in query:
        raise BadRequest("at most one of `sinceTime` or `sinceSeconds` may be specified")
    for name, least in (("tailLines", 0), ("sinceSeconds", 1), ("limitBytes", 1)):
        text = query.get(name)
        if text is None:
            continue
        if not text.removeprefix("-").isdecimal() or len(text) > 20:  # digits of a number of 64 bits
            raise BadRequest(f'strconv.ParseInt: parsing "{text}": invalid syntax')
        if int(text) < least:
            raise BadRequest(f"{name}: Invalid value: {text}: must be greater than or equal to {least}")


def _target(services: Services, pod: Object, verb: str, container: str, query: str) -> KubeletTarget:
    """The kubelet of the pod's node."""
    meta, node_name = pod["metadata"], pod["spec"].get("nodeName")
    if not node_name:
        raise BadRequest(f"pod {meta['name']} does not have a host assigned")
    node = services.find(NODE, "", node_name)
    if node is None:
        raise NotFound.of("nodes", "", node_name)
    refuse_simulated(node, f"pod {meta['name']} is")
    path = "/".join([verb, meta["namespace"], meta["name"], *([container] if container else [])])
    return KubeletTarget(node_address(node), node_port(node), "/" + quote(path), query, services.kubelet_tls)
