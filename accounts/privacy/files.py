"""Files below a folder of the storage, whatever kind of storage it is."""

from collections.abc import Iterator

from django.core.files.storage import default_storage


def below(folder: str) -> Iterator[str]:
    """Names of all files in it and in folders within it."""
    try:
        folders, names = default_storage.listdir(folder)
    except FileNotFoundError:
        return
    yield from (f"{folder}/{name}" for name in sorted(names))
    for inner in sorted(folders):
        yield from below(f"{folder}/{inner}")


def delete_below(folder: str) -> int:
    """Files first, then the emptied folders. Returns how many files there were."""
    names = list(below(folder))
    for name in names:
        default_storage.delete(name)
    _delete_folders(folder)
    return len(names)


def _delete_folders(folder: str) -> None:
    try:
        folders, _ = default_storage.listdir(folder)
    except FileNotFoundError:
        return
    for inner in folders:
        _delete_folders(f"{folder}/{inner}")
    default_storage.delete(folder)
