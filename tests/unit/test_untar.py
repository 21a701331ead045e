"""What unpacks the snapshot in the box: the files come out as they went in, and nothing lands outside."""

import io
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from tests.conftest import ROOT

PROGRAM = ROOT / "kernels" / "debugbox_kernel" / "untar.py"


def tar_of(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for member, content in members:
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def member(name: str, *, kind: bytes = tarfile.REGTYPE, link: str = "", mode: int = 0o644) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode, info.mtime = kind, link, mode, 315532800
    return info


def unpack(data: bytes, folder: Path) -> "subprocess.CompletedProcess[bytes]":
    folder.mkdir(exist_ok=True)
    return subprocess.run([sys.executable, "-I", "-S", PROGRAM, folder], input=data, capture_output=True)


def test_files_folders_modes_links_and_long_names_come_out(tmp_path: Path) -> None:
    long_name = "ü" * 80 + "/" + "x" * 150
    data = tar_of(
        (member("a/b/c.py"), b"c" * 3_000_000),
        (member("empty"), b""),
        (member("run.sh", mode=0o755), b"#!"),
        (member(long_name), b"long"),
        (member("a/link", kind=tarfile.SYMTYPE, link="b/c.py"), b""),
        (member("empty"), b"replaced"),
    )
    done = unpack(data, tmp_path / "out")
    assert done.stdout.split() == [b"6", b"3000014"], done.stderr
    out = tmp_path / "out"
    assert (out / "a/link").read_bytes() == b"c" * 3_000_000 and (out / long_name).read_bytes() == b"long"
    assert (out / "empty").read_bytes() == b"replaced"
    assert os.access(out / "run.sh", os.X_OK) and not os.access(out / "empty", os.X_OK)
    assert (out / "empty").stat().st_mtime == 315532800  # a zip file cannot hold times before 1980


def test_more_folders_than_stay_open(tmp_path: Path) -> None:
    names = [f"{a}/{b}/f" for a in range(20) for b in range(20)]
    assert unpack(tar_of(*[(member(name), b"x") for name in names]), tmp_path / "out").returncode == 0
    assert all((tmp_path / "out" / name).read_bytes() == b"x" for name in names)


@pytest.mark.parametrize(
    "members",
    [
        pytest.param([member("../outside")], id="parent"),
        pytest.param([member("/outside")], id="absolute"),
        pytest.param([member("a/../../outside")], id="parent within"),
        pytest.param([member("..")], id="the parent itself"),
        pytest.param([member("a/..")], id="the folder itself"),
        pytest.param([member("..", kind=tarfile.SYMTYPE, link="x")], id="a link as the parent"),
        pytest.param([member("link", kind=tarfile.SYMTYPE, link="../..")], id="link outside"),
        pytest.param([member("link", kind=tarfile.SYMTYPE, link="/etc")], id="absolute link"),
        pytest.param([member("here", kind=tarfile.SYMTYPE, link="."), member("here/x")], id="through a link"),
        pytest.param([member("device", kind=tarfile.CHRTYPE)], id="device"),
        pytest.param([member("hard", kind=tarfile.LNKTYPE, link="/etc/passwd")], id="hard link"),
        pytest.param([member("pipe", kind=tarfile.FIFOTYPE)], id="fifo"),
    ],
)
def test_a_member_that_could_land_outside_ends_it(tmp_path: Path, members: list[tarfile.TarInfo]) -> None:
    done = unpack(tar_of(*[(each, b"") for each in members]), tmp_path / "out")
    assert done.returncode != 0 and done.stderr and not done.stdout
    assert not (tmp_path / "outside").exists() and not (tmp_path / "out" / "x").exists()


def test_a_tar_that_breaks_off_is_an_error(tmp_path: Path) -> None:
    whole = tar_of((member("a"), b"x" * 5000))
    for cut in (0, 100, 512, 2000):
        assert unpack(whole[:cut], tmp_path / str(cut)).returncode != 0
