"""containerd's configuration file as a pure function, and the facts about this machine that it depends on.

Called by containerd.py. Format: containerd-config.toml(5), version 2 (containerd 1.4 to 2.x read it).
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import orjson

from sampan.kubelet.mounting import mount, unmount

CAP_SYS_RESOURCE = 24

# Not needed, and each either probes for things that aren't there or writes outside our directories.
_DISABLED = (
    "io.containerd.snapshotter.v1.aufs",
    "io.containerd.snapshotter.v1.btrfs",
    "io.containerd.snapshotter.v1.devmapper",
    "io.containerd.snapshotter.v1.zfs",
    "io.containerd.internal.v1.opt",
    "io.containerd.internal.v1.restart",
    "io.containerd.internal.v1.tracing",
    "io.containerd.tracing.processor.v1.otlp",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the file says; all paths absolute."""

    root: Path  # images and snapshots, kept over restarts of the machine
    run_dir: Path  # sockets and running state, worthless after a restart
    cni_conf_dir: Path
    cni_bin_dir: Path
    registry_dir: Path  # <registry>/hosts.toml, as in containerd's hosts.md
    sandbox_image: str
    snapshotter: str
    restrict_oom_score_adj: bool

    @property
    def socket(self) -> Path:
        """Where the CRI is served."""
        return self.run_dir / "containerd.sock"


def render(settings: Settings) -> str:
    """The text of config.toml."""
    cri = 'plugins."io.containerd.grpc.v1.cri"'
    runc = f"{cri}.containerd.runtimes.runc"
    return "\n".join(
        [
            "version = 2",
            f"root = {_toml(settings.root)}",
            f"state = {_toml(settings.run_dir / 'state')}",
            f"disabled_plugins = {_toml(list(_DISABLED))}",
            f"required_plugins = {_toml(['io.containerd.grpc.v1.cri'])}",  # without it, don't start half
            *_table("grpc", address=settings.socket),
            *_table("ttrpc", address=f"{settings.socket}.ttrpc"),
            *_table("debug", level="warn"),
            *_table(
                cri,
                sandbox_image=settings.sandbox_image,
                restrict_oom_score_adj=settings.restrict_oom_score_adj,
                stream_server_address="127.0.0.1",
                stream_server_port="0",
                netns_mounts_under_state_dir=True,  # so that all our mounts are below our directories
                enable_unprivileged_ports=True,
                enable_unprivileged_icmp=True,
            ),
            *_table(f"{cri}.cni", bin_dir=settings.cni_bin_dir, conf_dir=settings.cni_conf_dir),
            *_table(f"{cri}.registry", config_path=settings.registry_dir),
            *_table(f"{cri}.containerd", snapshotter=settings.snapshotter, default_runtime_name="runc"),
            *_table(runc, runtime_type="io.containerd.runc.v2"),
            # cgroupfs even beside systemd: pods' cgroups and limits are then the kubelet's own, on every machine alike.
            *_table(f"{runc}.options", Root=settings.run_dir / "runc", SystemdCgroup=False),
            "",
        ]
    )


def _table(name: str, **values: object) -> list[str]:
    return ["", f"[{name}]", *(f"  {key} = {_toml(value)}" for key, value in values.items())]


def _toml(value: object) -> str:
    """JSON's strings, booleans and lists of strings are TOML's."""
    return orjson.dumps(value, default=str).decode()


def needs_restricted_oom_score(status: str, can_lower: bool) -> bool:
    """Whether scores below the daemon's own are refused here. `status` is the text of /proc/self/status."""
    line = next((line for line in status.splitlines() if line.startswith("CapEff:")), "CapEff: 0")
    has_capability = bool(int(line.split()[1], 16) >> CAP_SYS_RESOURCE & 1)
    return not (has_capability and can_lower)


def can_lower_oom_score() -> bool:
    """Try it: some sandboxes show the capability and refuse the act."""
    score = Path("/proc/self/oom_score_adj")
    before = int(score.read_text())
    if before == -1000:
        return True
    try:
        score.write_text(str(before - 1))
    except PermissionError:
        return False
    score.write_text(str(before))
    return True


def best_snapshotter(root: Path) -> str:
    """overlayfs where an overlay can be mounted over `root`'s filesystem; native (full copies) where not."""
    with tempfile.TemporaryDirectory(dir=root) as scratch:
        for name in ("lower", "upper", "work", "merged"):
            Path(scratch, name).mkdir()
        options = f"lowerdir={scratch}/lower,upperdir={scratch}/upper,workdir={scratch}/work"
        try:
            mount("overlay", Path(scratch, "merged"), "overlay", options)
        except OSError:
            return "native"
        unmount(Path(scratch, "merged"))
        return "overlayfs"
