"""KeyboardInterrupt before any statement of chosen functions, as often as wanted.

:func:`instrument` changes modules as they are imported: a call of :data:`INTERRUPTS` stands before
each statement of the chosen functions. Use it in a process of its own, before the package is
imported. The interrupts are signals: they go through whatever handler the event loop has installed.
"""

from __future__ import annotations

import ast
import importlib.machinery
import importlib.util
import signal
import sys
from collections.abc import Collection, Mapping
from threading import get_ident
from typing import Any

HOOK = "__interrupts__"
Functions = Mapping[str, Collection[str]]
"""Names of functions by the end of their module's path, such as ``_connection/hub.py``."""


class Interrupts:
    """Counts the statements executed since :meth:`arm`, and interrupts before chosen ones."""

    def __init__(self) -> None:
        self.count = 0
        self.armed = False
        self.places: list[str] = []
        """Where it interrupted."""
        self._at: Collection[int] = ()
        self._thread = 0

    def arm(self, at: Collection[int]) -> None:
        """Count from 0, and interrupt before the statements with these numbers."""
        self.count = 0
        self.places = []
        self._at = at
        self.armed = True
        self._thread = get_ident()

    def disarm(self) -> int:
        """Interrupt no more. Return the number of statements that were executed."""
        self.armed = False
        return self.count

    def __call__(self) -> None:
        if not self.armed or get_ident() != self._thread:
            return
        number = self.count
        self.count += 1
        if number in self._at:
            frame = sys._getframe(1)
            self.places.append(f"{frame.f_code.co_qualname}:{frame.f_lineno}")
            signal.raise_signal(signal.SIGINT)


INTERRUPTS = Interrupts()


class _Instrumented(ast.NodeTransformer):
    def __init__(self, functions: Collection[str]) -> None:
        self._functions = functions
        self.found: set[str] = set()
        self._depth = 0

    def _function(self, node: Any) -> Any:
        chosen = node.name in self._functions
        self.found |= {node.name} & set(self._functions)
        self._depth += chosen
        self.generic_visit(node)
        self._depth -= chosen
        return node

    visit_FunctionDef = visit_AsyncFunctionDef = _function  # noqa: N815 - ast's names

    def generic_visit(self, node: Any) -> Any:
        super().generic_visit(node)
        if self._depth:
            for name in ("body", "orelse", "finalbody"):
                body = getattr(node, name, None)
                if isinstance(body, list) and body and isinstance(body[0], ast.stmt):
                    setattr(node, name, [new for old in body for new in _with_hook(old)])
        return node


def _with_hook(statement: ast.stmt) -> list[ast.stmt]:
    if isinstance(statement, ast.Nonlocal | ast.Global):
        return [statement]
    call = ast.Expr(ast.Call(ast.Name(HOOK, ast.Load()), [], []))
    ast.copy_location(call, statement)
    return [ast.fix_missing_locations(call), statement]


def instrument(functions: Functions) -> None:
    """Let INTERRUPTS be called before each statement of these functions, once imported."""
    import builtins

    setattr(builtins, HOOK, INTERRUPTS)
    loader: Any = importlib.machinery.SourceFileLoader
    plain, plain_cache = loader.source_to_code, importlib.util.cache_from_source

    def chosen_in(path: Any) -> Collection[str] | None:
        return next((found for end, found in functions.items() if str(path).endswith(end)), None)

    def source_to_code(self: Any, data: Any, path: Any, **options: Any) -> Any:
        names = chosen_in(path)
        if names is None:
            return plain(self, data, path, **options)
        transformer = _Instrumented(names)
        tree = transformer.visit(ast.parse(data, path))
        missing = set(names) - transformer.found
        assert not missing, f"{path} has no {missing}"
        return compile(tree, path, "exec", dont_inherit=True)

    def cache_from_source(path: Any, *arguments: Any, **options: Any) -> str:
        if chosen_in(path) is not None:
            raise NotImplementedError  # its compiled file is neither read nor written
        return plain_cache(path, *arguments, **options)

    loader.source_to_code = source_to_code
    importlib.util.cache_from_source = cache_from_source
    importlib._bootstrap_external.cache_from_source = cache_from_source
