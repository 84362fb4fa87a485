"""Clusters that exist on paper only: their homes and notes are in a directory of the test's own."""

from pathlib import Path

import pytest

from sampan.cluster import claims


@pytest.fixture
def homes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory for homes, of which "one" is in use; what clusters claim is noted beside them."""
    monkeypatch.setenv("SAMPAN_HOME", str(tmp_path / "one"))
    monkeypatch.setattr(claims, "DIRECTORY", tmp_path / "claims")
    return tmp_path
