"""Stand-ins for the images of upstream's tests, from Debian packages and the programs that Go built.

Which names and tags are wanted is asked of `e2e.test --list-images`; RECIPES says how an image of a name is made. `sh`
is bash in all of them, because it alone hands on environment variables whose names have a hyphen; only /bin/sh of
busybox is its own, whose words a test expects. Images are kept in the cache; fill() copies them into a cluster's
registry. Called by __main__.py.
"""

import hashlib
import io
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from examples.images import debian, standins
from sampan.cluster.image_layout import Descriptor, Layout, Reference, parse_reference
from sampan.cluster.oci import Directory, File, Link, layer
from sampan.cluster.pause import pause_program
from sampan.kubelet.machine import go_architecture
from tests.conformance.programs import Programs, cache, exclusive

TOOLS = ("bash", "busybox-static", "curl", "bind9-dnsutils", "iproute2", "libc-bin", "netcat-openbsd", "socat")
PRIVATE = ("k8s-authenticated-test/", "invalid/")  # images that must not be found

Files = dict[str, File | Link | Directory]

_PASSWD = """root:x:0:0:root:/root:/bin/sh
user-defined-in-image:x:1000:1000::/:/bin/sh
nobody:x:65534:65534::/:/bin/sh
"""
_GROUP = """root:x:0:
user-defined-in-image:x:1000:
group-defined-in-image:x:50000:user-defined-in-image
nogroup:x:65534:
"""
_BUSYBOX_SHELL: Files = {"usr/bin/sh": Link("busybox"), "usr/local/bin/sh": Link("/usr/bin/bash")}
_NGINX = """user nobody nogroup;
events {}
http { include mime.types; access_log /dev/stdout; server { listen 80; root /usr/share/nginx/html; } }
"""


class Recipe(NamedTuple):
    """What an image is made of: Debian packages, files, and its OCI config."""

    config: dict[str, Any]
    files: Callable[[Programs], Files] = lambda _: {}
    packages: tuple[str, ...] = TOOLS


def _agnhost(programs: Programs) -> Files:
    porter = programs.sources / "test/images/agnhost/porter"
    certificate = {name: File((porter / name).read_bytes()) for name in ("localhost.crt", "localhost.key")}
    return {
        "agnhost": _program(programs["agnhost"]),
        "agnhost-2": Link("agnhost"),
        "uploads": Directory(0o777),
        **certificate,
    }


def _picture(name: str) -> Callable[[Programs], Files]:
    def files(programs: Programs) -> Files:
        folder = programs.sources / "test/images" / name / "html"
        page = {path.name: File(path.read_bytes()) for path in sorted(folder.iterdir()) if path.is_file()}
        return {**_agnhost(programs), **page, "etc/os-release": File(b'NAME="in place of Alpine Linux"\n')}

    return files


def _program(path: Path, mode: int = 0o755) -> File:
    return File(path.read_bytes(), mode)


_AGNHOST: dict[str, Any] = {"Entrypoint": ["/agnhost"], "Cmd": ["pause"]}

RECIPES: dict[str, Recipe] = {
    "agnhost": Recipe(_AGNHOST, _agnhost),
    "busybox": Recipe({"Cmd": ["sh"]}, lambda _: _BUSYBOX_SHELL),
    "etcd": Recipe({"Cmd": ["etcd"]}, lambda _: {"usr/local/bin/etcd": Link("/usr/bin/etcd")}, (*TOOLS, "etcd-server")),
    "glibc-dns-testing": Recipe({"Cmd": ["sh"]}),
    "kitten": Recipe({**_AGNHOST, "Cmd": ["test-webserver"]}, _picture("kitten")),
    "nautilus": Recipe({**_AGNHOST, "Cmd": ["test-webserver"]}, _picture("nautilus")),
    "nginx": Recipe(
        {"Cmd": ["nginx", "-g", "daemon off;"]},
        lambda _: {
            "etc/nginx/nginx.conf": File(_NGINX.encode()),
            "usr/share/nginx/html/index.html": File(b"<h1>It works!</h1>\n"),
            "var/log/nginx": Directory(),
            "var/lib/nginx": Directory(),
            "run": Directory(),
        },
        (*TOOLS, "nginx"),
    ),
    "nonewprivs": Recipe(
        {"Cmd": ["nnp"]}, lambda programs: {"usr/local/bin/nnp": _program(programs["nonewprivs"], 0o4755)}
    ),
    "nonroot": Recipe({"Cmd": ["sh"], "User": "1234"}),
    "pause": Recipe({"Entrypoint": ["/pause"]}, lambda _: {"pause": File(pause_program(), 0o755)}, ()),
    "sample-apiserver": Recipe(
        {"Entrypoint": ["/sample-apiserver"]},
        lambda programs: {"sample-apiserver": _program(programs["sample-apiserver"])},
    ),
}


def ensure(programs: Programs) -> Layout:
    """A layout with every stand-in. Raises CalledProcessError."""
    content = Path(__file__).read_bytes() + programs.directory.name.encode()
    layout = Layout(cache() / f"images-{hashlib.sha256(content).hexdigest()[:12]}")
    bases: dict[tuple[str, ...], list[Descriptor]] = {(): []}
    with exclusive(layout.directory):
        for reference, recipe in wanted(programs):
            if layout.find(reference):
                continue
            print(f"making a stand-in for {reference}", flush=True)
            if recipe.packages not in bases:
                bases[recipe.packages] = _base(layout, recipe.packages)
            _make(layout, reference, recipe, [*bases[recipe.packages]], programs)
    return layout


def wanted(programs: Programs) -> Iterator[tuple[Reference, Recipe]]:
    """The images that the tests may name and that can be made here."""
    done = subprocess.run([programs["e2e.test"], "--list-images"], check=True, stdout=subprocess.PIPE, text=True)
    for line in sorted(done.stdout.split()):
        reference = parse_reference(line)
        recipe = RECIPES.get(reference.repository.rpartition("/")[2])
        if recipe and not reference.repository.startswith(PRIVATE):
            yield reference, recipe


def fill(registry: Layout, images: Layout) -> None:
    """Copy every image into a cluster's registry."""
    for name, _ in images.images():
        standins.copy_image(images, registry, parse_reference(name))


def _base(layout: Layout, packages: tuple[str, ...]) -> list[Descriptor]:
    """The layers that images of the same packages share."""
    root = debian.root_filesystem(packages)
    return [layout.add_layer(root), layout.add_layer(layer(_userland(root)))]


def _make(layout: Layout, reference: Reference, recipe: Recipe, layers: list[Descriptor], programs: Programs) -> None:
    if files := recipe.files(programs):
        layers.append(layout.add_layer(layer(files)))
    image = {"architecture": go_architecture(), "os": "linux", "config": {"Env": [standins.PATH], **recipe.config}}
    layout.add_image(reference, layers, image)


def _userland(root: bytes) -> Files:
    """What a root file system of packages lacks: a shell's name, busybox's other names, users, the order of lookups."""
    with tarfile.open(fileobj=io.BytesIO(root)) as tar:
        present = {Path(member.name).name for member in tar if member.name.startswith(("usr/bin/", "usr/sbin/"))}
    missing = {*standins.applet_names(root)} - present - {"sh", "nc"}
    return {
        **{f"usr/bin/{name}": Link("busybox") for name in sorted(missing)},
        "usr/bin/sh": Link("bash"),
        "usr/bin/nc": Link("nc.openbsd"),  # left to update-alternatives by its package
        "etc/passwd": File(_PASSWD.encode()),
        "etc/group": File(_GROUP.encode()),
        "etc/nsswitch.conf": File(b"hosts: files dns\n"),
    }
