"""`sampan image`: put images where the cluster's nodes pull from first."""

import argparse
import io
import sys
from pathlib import Path
from typing import Any

from sampan.cli.common import add_chosen_name, complain, find


def register(subparsers: Any) -> None:
    """Add the command group."""
    group = subparsers.add_parser("image", help="build, load or list images of the cluster's own registry")
    actions = group.add_subparsers(metavar="ACTION", required=True)

    build: argparse.ArgumentParser = actions.add_parser("build", help="build an image from a Dockerfile")
    add_chosen_name(build)
    build.add_argument("-t", "--tag", required=True, help="the image's name, such as luksa/kubia")
    build.add_argument("-f", "--file", type=Path, help="the Dockerfile (default: Dockerfile in the context)")
    build.add_argument("--build-arg", action="append", default=[], metavar="NAME=VALUE")
    build.add_argument("context", type=Path, help="the directory that the Dockerfile adds files from")
    build.set_defaults(run=run_build)

    load: argparse.ArgumentParser = actions.add_parser("load", help="take in an archive of `docker save` or OCI form")
    add_chosen_name(load)
    load.add_argument("archive", help="a tar file, or - for standard input")
    load.set_defaults(run=run_load)

    listing: argparse.ArgumentParser = actions.add_parser("list", help="list what the registry holds")
    add_chosen_name(listing)
    listing.set_defaults(run=run_list)


def run_build(arguments: argparse.Namespace) -> int:
    """Build into the registry."""
    from sampan.cluster.image_build import BuildError, build

    config = find(arguments.name)
    if config is None:
        return 1
    try:
        name = build(config, arguments.context, arguments.tag, arguments.file, arguments.build_arg)
    except (BuildError, ValueError) as error:
        return complain(str(error))
    print(f"{name} is in cluster {config.name}")
    return 0


def run_load(arguments: argparse.Namespace) -> int:
    """Load an archive into the registry."""
    from sampan.cluster.image_layout import Layout

    config = find(arguments.name)
    if config is None:
        return 1
    layout = Layout(config.directory / "images")
    try:
        if arguments.archive == "-":
            names = layout.load_archive(io.BytesIO(sys.stdin.buffer.read()))
        else:
            with Path(arguments.archive).open("rb") as file:
                names = layout.load_archive(file)
    except (OSError, ValueError) as error:
        return complain(f"{arguments.archive}: {error}")
    for name in names:
        print(f"{name} is in cluster {config.name}")
    return 0 if names else complain(f"{arguments.archive} names no image; save it with its name")


def run_list(arguments: argparse.Namespace) -> int:
    """Print name, digest and size of each image."""
    import json

    from sampan.cluster.image_layout import Layout

    config = find(arguments.name)
    if config is None:
        return 1
    layout = Layout(config.directory / "images")
    rows = [("IMAGE", "DIGEST", "SIZE")]
    try:
        for name, descriptor in layout.images():
            layers = json.loads(layout.read(descriptor))["layers"]
            rows.append((name, descriptor["digest"][7:19], f"{sum(layer['size'] for layer in layers) / 1e6:.1f}MB"))
    except (OSError, ValueError) as error:
        return complain(str(error))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for row in rows:
        print("   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    return 0
