"""What the stand-ins of images need of a layout; building them is tested with the demo and the end-to-end tests."""

from pathlib import Path

import pytest

from examples.images.standins import copy_image
from sampan.cluster.image_layout import Layout, parse_reference
from sampan.cluster.oci import File, layer


def test_an_image_is_copied_with_all_that_it_is_made_of(tmp_path: Path) -> None:
    source, target = Layout(tmp_path / "source"), Layout(tmp_path / "target")
    reference = parse_reference("example.com/web:1")
    base = source.add_layer(layer({"etc/motd": File(b"hello")}))
    made = source.add_image(reference, [base], {"architecture": "amd64", "os": "linux", "config": {"Cmd": ["sh"]}})
    copy_image(source, target, reference)
    copy_image(source, target, reference)
    assert [name for name, _ in target.images()] == ["example.com/web:1"]
    assert target.layers_of(made) == source.layers_of(made)
    assert target.read(base) == source.read(base)
    with pytest.raises(KeyError):
        copy_image(source, target, parse_reference("absent"))
