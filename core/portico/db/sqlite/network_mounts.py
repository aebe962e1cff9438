"""Which file system a path is on."""

import re
from pathlib import Path

# File systems that another machine may write to at the same time. SQLite's write-ahead log keeps
# its index in shared memory, which ends at the border of one kernel: a second machine would corrupt
# the file. 9p and virtiofs are not here: they carry a host's folder into one guest.
NETWORK = re.compile(
    r"nfs4?|cifs|smb3|smbfs|ncpfs|afs|ceph|glusterfs|lustre|gpfs|beegfs|ocfs2|gfs2|davfs"
    r"|fuse\.(sshfs|glusterfs|ceph|ceph-fuse|s3fs|mountpoint-s3|gcsfuse|rclone|juicefs|smbnetfs"
    r"|davfs2?|mount\.davfs|moosefs|lizardfs)"
)


def mount_table() -> str:
    """The kernel's list of mounts; empty where there is none to read."""
    try:
        return Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def network_file_system(path: Path, mounts: str) -> str | None:
    """The type of network file system that holds `path`, or None.

    `mounts` has the format of `/proc/self/mountinfo`; lines that do not fit are passed over.
    """
    kind, depth = "", -1
    for line in mounts.splitlines():
        before, separator, after = line.partition(" - ")
        fields, source = before.split(), after.split()
        if not separator or len(fields) < 5 or not source:
            continue
        point = Path(re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), fields[4]))
        # The deepest mount point holds the path; of two on one point, the later hides the other.
        if path.is_relative_to(point) and len(point.parts) >= depth:
            kind, depth = source[0], len(point.parts)
    return kind if NETWORK.fullmatch(kind) else None
