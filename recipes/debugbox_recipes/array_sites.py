"""Rewrites what NumPy programs do beyond arithmetic: items and slices, stores, loops over arrays, signs, `@`.

Runs in the program's process, beside `sites`; what the inserted functions do is `array_run`'s business.
"""

import ast
from typing import Any, List

from .sites import Rewriter, calling, constant


def key_of(node: ast.expr) -> ast.expr:
    """A subscript's key as an ordinary expression: `1:n, ::2` becomes `(slice(1, n, None), slice(None, None, 2))`."""
    if isinstance(node, ast.Slice):
        parts: List[ast.expr] = [part or constant(None) for part in (node.lower, node.upper, node.step)]
        return calling("slice", parts, node)
    if isinstance(node, ast.Tuple) and any(isinstance(part, ast.Slice) for part in node.elts):
        return ast.copy_location(ast.Tuple(elts=[key_of(part) for part in node.elts], ctx=ast.Load()), node)
    return node


class ArrayRewriter(Rewriter):
    """All that `Rewriter` does, and the syntax by which arrays are read, written and walked through."""

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        if not isinstance(node.op, ast.MatMult):
            return super().visit_BinOp(node)
        self.generic_visit(node)
        return calling("matmul", [constant(self._site(node, "matmul")), node.left, node.right], node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        self.generic_visit(node)
        if not isinstance(node.op, ast.USub) or isinstance(node.operand, ast.Constant):
            return node
        return calling("negated", [constant(self._site(node, "neg")), node.operand], node)

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        self.generic_visit(node)
        if not isinstance(node.ctx, ast.Load):
            return node
        return calling("item", [constant(self._site(node, "item")), node.value, key_of(node.slice)], node)

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.stmt:
        if isinstance(node.target, ast.Subscript):
            node.target.slice = key_of(node.target.slice)
        return super().visit_AugAssign(node)

    def visit_Assign(self, node: ast.Assign) -> ast.stmt:
        self.generic_visit(node)
        target = node.targets[0]
        if len(node.targets) > 1 or not isinstance(target, ast.Subscript):
            return node
        # The value first, then the target's parts: the order in which an assignment evaluates them.
        site = constant(self._site(target, "store"))
        stored = calling("stored", [site, node.value, target.value, key_of(target.slice)], node)
        return ast.copy_location(ast.Expr(value=stored), node)

    def visit_For(self, node: ast.For) -> ast.stmt:
        self.generic_visit(node)
        node.iter = calling("each", [node.iter], node.iter)
        return node

    def visit_comprehension(self, node: ast.comprehension) -> Any:
        self.generic_visit(node)
        if not node.is_async:
            node.iter = calling("each", [node.iter], node.iter)
        return node
