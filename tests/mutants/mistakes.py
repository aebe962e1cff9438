"""Which small mistakes a module admits: one changed place in its text each, everything else letter for letter."""

import ast
from collections.abc import Iterator
from typing import NamedTuple

SWAPPED: dict[type[ast.cmpop], str] = {
    ast.Eq: "!=", ast.NotEq: "==", ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">",
    ast.In: "not in", ast.NotIn: "in", ast.Is: "is not", ast.IsNot: "is",
}  # fmt: skip
#: Calls whose loss only readers of the log would see.
UNSEEN = ("log.", "logger.", "warnings.")


class Mistake(NamedTuple):
    """One change. `start` and `end`: offsets in the UTF-8 bytes of the module; `text`: what stands there instead."""

    line: int
    start: int
    end: int
    text: str
    was: str

    def made_in(self, source: bytes) -> bytes:
        return source[: self.start] + self.text.encode() + source[self.end :]

    def __str__(self) -> str:
        return f"{self.line}: {_short(self.was)}  ->  {_short(self.text)}"


def mistakes_of(source: bytes) -> list[Mistake]:
    """Every mistake that leaves the module readable, in the order of its lines."""
    tree = ast.parse(source)
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))

    def at(node: ast.AST, text: str) -> Mistake:
        start = starts[node.lineno - 1] + node.col_offset  # type: ignore[attr-defined]
        end = starts[node.end_lineno - 1] + node.end_col_offset  # type: ignore[attr-defined]
        return Mistake(node.lineno, start, end, text, source[start:end].decode())  # type: ignore[attr-defined]

    found = [at(node, text) for node, text in _changes(tree) if text != ast.unparse(node)]
    return sorted(one for one in set(found) if _is_readable(one.made_in(source)))


def _changes(tree: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    """Each place, and what could stand there. Annotations, imports and docstrings are left alone."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.AnnAssign):
            yield from _changes_in(node.value)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for statement in node.body:
                yield from _changes_in(statement)
        elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Tuple):
            yield from _changes_in(node.value)  # `dict[str, int]`
        elif not isinstance(node, ast.Import | ast.ImportFrom):
            yield from _changes_in(node)


def _changes_in(node: ast.AST | None) -> Iterator[tuple[ast.AST, str]]:
    if node is None:
        return
    yield from _here(node)
    yield from _changes(node)


def _here(node: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    match node:
        case ast.Compare(left=left, ops=[operator], comparators=[right]):
            yield node, f"{ast.unparse(left)} {SWAPPED[type(operator)]} {ast.unparse(right)}"
        case ast.BoolOp(values=values):
            for value in values:
                rest = [other for other in values if other is not value]
                left = rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest)
                yield node, f"({ast.unparse(left)})"
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield node, f"({ast.unparse(operand)})"
        case ast.Constant(value=bool(value)):
            yield node, str(not value)
        case ast.Constant(value=int(value)):
            yield node, str(value + 1)
        case ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test):
            yield test, "False"
        case ast.Tuple(elts=[_, _, *_] as elements, ctx=ast.Load()):
            for element in elements:
                rest = [other for other in elements if other is not element]
                yield node, ast.unparse(ast.Tuple(rest, ast.Load()))
        case ast.Expr(value=ast.Call() | ast.Await() as call):
            if not ast.unparse(call).startswith(UNSEEN):
                yield node, "pass"
        case ast.Raise():
            yield node, "pass"
        case _:
            pass


def _is_readable(source: bytes) -> bool:
    try:
        compile(source, "mistake", "exec")
    except (SyntaxError, ValueError):
        return False
    return True


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 60 else f"{line[:57]}..."
