"""Load a package's public names when they are first used.

The package lists each name once, as an import that type checkers read and nobody runs::

    TYPE_CHECKING = False

    if TYPE_CHECKING or not load_lazily(globals()):
        from . import quota as quota
        from .errors import OpenDError as OpenDError

One import a line, always with ``as``. Where the source cannot be read (a frozen program),
the imports run and everything is loaded at once.
"""

import sys

TYPE_CHECKING = False  # typing's own costs ten times as much as this module
if TYPE_CHECKING:
    from typing import Any


def load_lazily(namespace: "dict[str, Any]") -> bool:
    """Give a package ``__getattr__``, ``__dir__`` and ``__all__``; False without its source.

    Submodules are served as attributes too, but are no part of ``__all__``: a star import
    must not need every extra.
    """
    package = namespace["__name__"]
    homes = _read_imports(namespace)
    if not homes:
        return False

    def load(name: str) -> "Any":
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module, original = homes[name]
        if module:
            value = getattr(__import__(module, namespace, None, (original,), 1), original)
            _rename_private_homes(package, homes)
        else:  # "from . import name" would call this function again
            __import__(original, namespace, None, ("__name__",), 1)
            value = namespace[original]
        namespace[name] = value
        return value

    namespace["__all__"] = sorted(name for name, (module, _) in homes.items() if module)
    namespace["__dir__"] = lambda: sorted({*namespace, *homes})
    namespace["__getattr__"] = load
    return True


def publish(package: str, namespace: "dict[str, Any]") -> None:
    """Make a public module's classes name ``package`` as their module, in reprs and pickles.

    Called at the end of the module, so that the result does not depend on what else is
    imported.
    """
    home = namespace["__name__"]
    for value in namespace.values():
        if isinstance(value, type) and f"{value.__module__}.".startswith(f"{home}."):
            value.__module__ = package


def _read_imports(namespace: "dict[str, Any]") -> "dict[str, tuple[str, str]]":
    """Map each public name to its module and its name there; no module for a submodule."""
    try:
        source = namespace["__loader__"].get_data(namespace["__file__"]).decode()
    except (AttributeError, KeyError, OSError, UnicodeDecodeError):
        return {}
    homes = {}
    for line in source.splitlines():
        words = line.split()
        if line.startswith("    from .") and len(words) == 6:
            homes[words[5]] = words[1][1:], words[3]
    return homes


def _rename_private_homes(package: str, homes: "dict[str, tuple[str, str]]") -> None:
    """Make everything loaded from private modules name the public package above them.

    Everything, not only what was asked for: else a repr would depend on what was used before.
    """
    for module, original in homes.values():
        # Not getattr(): a module that loads its names lazily, too, would load them.
        value = getattr(sys.modules.get(f"{package}.{module}"), "__dict__", {}).get(original)
        home = getattr(value, "__module__", "")
        if value is not None and "._" in home:
            value.__module__ = home.partition("._")[0]
