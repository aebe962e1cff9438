"""Detects network file systems."""

import re
from pathlib import Path

# File systems that another machine may write to at the same time. The index of SQLite's write-ahead log is in
# shared memory, which works within one kernel only: a second machine would corrupt the file. 9p and virtiofs are
# missing here, since they share a directory of a host with one guest.
NETWORK = re.compile(
    r"nfs4?|cifs|smb3|smbfs|ncpfs|afs|ceph|glusterfs|lustre|gpfs|beegfs|ocfs2|gfs2|davfs"
    r"|fuse\.(sshfs|glusterfs|ceph|ceph-fuse|s3fs|mountpoint-s3|gcsfuse|rclone|juicefs|smbnetfs"
    r"|davfs2?|mount\.davfs|moosefs|lizardfs)"
)


def mount_table() -> str:
    """Return the kernel's list of mounts; empty if it cannot be read."""
    try:
        return Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def network_file_system(path: Path, mounts: str) -> str | None:
    """Return the type of the network file system that contains `path`, or None.

    `mounts` has the format of `/proc/self/mountinfo`; other lines are ignored.
    """
    kind, depth = "", -1
    for line in mounts.splitlines():
        before, separator, after = line.partition(" - ")
        fields, source = before.split(), after.split()
        if not separator or len(fields) < 5 or not source:
            continue
        point = Path(re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), fields[4]))
        # The deepest mount point contains the path; of two on one point, the later hides the other.
        if path.is_relative_to(point) and len(point.parts) >= depth:
            kind, depth = source[0], len(point.parts)
    return kind if NETWORK.fullmatch(kind) else None
