"""A layer of a container image, the same bytes for the same files.

Owner, times and order say nothing about the machine that packed it.
"""

import io
import pathlib
import tarfile


def tar(files):
    """A layer's tar file, from (path, source, mode) triples.

    A source is bytes, the path of a file, "-> TARGET" for a symbolic link, or
    None for a directory. Directories above a file need not be named.
    """
    out = io.BytesIO()
    entries = {path.strip("/"): (source, mode) for path, source, mode in files}
    for path in list(entries):
        for parent in pathlib.PurePosixPath(path).parents:
            if str(parent) != ".":
                entries.setdefault(str(parent), (None, 0o755))
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for path in sorted(entries):
            source, mode = entries[path]
            add(archive, path, source, mode)
    return out.getvalue()


def add(archive, path, source, mode=0o644):
    """Adds one entry to an open archive; what a source may be says `tar`."""
    info = tarfile.TarInfo(path)
    info.mode = mode
    if source is None:
        info.type = tarfile.DIRTYPE
        archive.addfile(info)
    elif isinstance(source, str) and source.startswith("-> "):
        info.type = tarfile.SYMTYPE
        info.linkname = source[3:]
        archive.addfile(info)
    else:
        data = source if isinstance(source, bytes) else pathlib.Path(source).read_bytes()
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
