"""Field sets as trees, in the very form of FieldsV1: what an object has, what a change touches, unions, differences.

    {"f:spec": {"f:replicas": {}, "f:selector": {".": {}, "f:app": {}}}}      "." or nothing below: a member itself

For recording ordinary writes (managers.py), where speed counts: a definition is compiled once into nodes, equal
subtrees are passed by, and no set of paths is made. fieldsets.py has the same sets as sets of paths, for apply.
Trees are never changed once made; they share parts. Rules: sigs.k8s.io/structured-merge-diff (fieldpath, typed).
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson

from sampan.machinery.fieldsets import is_atomic, item_element
from sampan.machinery.schema import Definition, Field

Tree = Mapping[str, Any]

DOT = "."
EMPTY: dict[str, Any] = {}


class Node:
    """A field whose members are owned one by one. `member`: whether it is one itself, beside what is below it."""

    __slots__ = ("field", "member", "memo")
    takes: type = dict  # what a value must be to have members: custom resources are recorded before they are validated

    def __init__(self, field: Field, memo: "_Memo", *, member: bool) -> None:
        self.field = field
        self.member = member
        self.memo = memo

    def children(self, value: Any) -> Iterator[tuple[str, "Node | None", Any]]:
        """(element, node, value) of what is directly below; the node is None where that is owned as one."""
        raise NotImplementedError

    def collect(self, value: Any) -> dict[str, Any]:
        """Everything below a value."""
        found: dict[str, Any] = {}
        for element, child, item in self.children(value):
            _put(found, element, EMPTY if child is None else _whole(child, item))
        return found

    def compare(self, old: Any, new: Any) -> tuple[Tree, Tree]:
        """(what is new or has a new value, what is gone) between two values that are not empty."""
        before = {element: (child, item) for element, child, item in self.children(old)}
        changed: dict[str, Any] = {}
        gone: dict[str, Any] = {}
        for element, child, item in self.children(new):
            known = before.pop(element, None)
            if known is None:
                _put(changed, element, _whole(child, item))
            elif known[1] is not item and known[1] != item:
                _compare_item(element, child, known[1], item, changed, gone)
        for element, (child, item) in before.items():
            _put(gone, element, _whole(child, item))
        return changed, gone


def created(node: Node, value: Any) -> dict[str, Any]:
    """What the creator of an object owns: not what an empty one has too, empty structs within structs."""
    found: dict[str, Any] = {}
    for element, child, item in node.children(value):
        if child is None or child.member or type(item) is not child.takes:
            _put(found, element, _whole(child, item))
        elif below := created(child, item):
            found[element] = below
    return found


def _is_leaf(child: Node | None, item: Any) -> bool:
    return child is None or not item or type(item) is not child.takes


def _whole(child: Node | None, item: Any) -> Tree | None:
    """The tree of an item with all that is below it; None where it is no member and nothing is."""
    if child is None or _is_leaf(child, item):
        return EMPTY
    below = child.collect(item)
    if not child.member:
        return below or None
    return {DOT: EMPTY, **below} if below else EMPTY


def _put(tree: dict[str, Any], element: str, below: Tree | None) -> None:
    if below is not None:
        tree[element] = below


def _compare_item(
    element: str, child: Node | None, old: Any, new: Any, changed: dict[str, Any], gone: dict[str, Any]
) -> None:
    if child is None or (_is_leaf(child, old) and _is_leaf(child, new)):
        changed[element] = EMPTY
    elif _is_leaf(child, new):
        changed[element] = EMPTY
        _put(gone, element, child.collect(old) or None)
    elif _is_leaf(child, old):
        _put(changed, element, _whole(child, new))
        if not child.member:
            gone[element] = EMPTY
    else:
        more, less = child.compare(old, new)
        _put(changed, element, more or None)
        _put(gone, element, less or None)


class _Struct(Node):
    __slots__ = ("_known", "_others")

    def __init__(self, field: Field, memo: "_Memo", *, member: bool) -> None:
        super().__init__(field, memo, member=member)
        self._known: dict[str, tuple[str, Node | None]] | None = None
        others = field.definition.others
        self._others = _node(others, memo) if others is not None else None  # of fields that the type does not name

    @property
    def _steps(self) -> dict[str, tuple[str, Node | None]]:
        if self._known is None:
            self._known = _fields(self.field.definition, self.memo)
        return self._known

    def children(self, value: Any) -> Iterator[tuple[str, Node | None, Any]]:
        steps, others = self._steps, self._others
        if others is None:
            return ((*steps[name], item) for name, item in value.items() if name in steps)
        return ((*steps.get(name, (f"f:{name}", others)), item) for name, item in value.items())

    def collect(self, value: Any) -> dict[str, Any]:
        """As for any node; most of a write's cost, so without an iterator in between."""
        if self._others is not None:
            return super().collect(value)
        steps, found = self._steps, {}
        for name, item in value.items():
            step = steps.get(name)
            if step is None:
                continue
            element, child = step
            below = EMPTY if child is None else _whole(child, item)
            if below is not None:
                found[element] = below
        return found


class _Map(Node):
    __slots__ = ("_item",)

    def __init__(self, field: Field, memo: "_Memo", *, member: bool) -> None:
        super().__init__(field, memo, member=member)
        assert field.items is not None
        self._item = _node(field.items, memo)

    def children(self, value: Any) -> Iterator[tuple[str, Node | None, Any]]:
        child = self._item
        for name, item in value.items():
            yield "f:" + name, child, item


class _Any(Node):
    """Of which nothing is known: maps at any depth, each key a member."""

    __slots__ = ()

    def children(self, value: Any) -> Iterator[tuple[str, Node | None, Any]]:
        for name, item in value.items():
            yield "f:" + name, self, item


class _List(Node):
    __slots__ = ("_item", "_prefix")
    takes = list

    def __init__(self, field: Field, memo: "_Memo", *, member: bool) -> None:
        super().__init__(field, memo, member=member)
        assert field.items is not None
        self._item = _node(field.items, memo, member=True)  # an item of a list is a member, whatever it is
        one_key = field.list_type == "map" and len(field.list_map_keys) == 1
        self._prefix = f'k:{{"{field.list_map_keys[0]}":' if one_key else ""

    def children(self, value: Any) -> Iterator[tuple[str, Node | None, Any]]:
        field, child, prefix = self.field, self._item, self._prefix
        for item in value:
            found = item.get(field.list_map_keys[0]) if prefix and isinstance(item, dict) else None
            if found is None:
                yield item_element(field, item), child, item
            else:
                yield f"{prefix}{orjson.dumps(found).decode()}}}", child, item


_Memo = dict[str, dict[str, tuple[str, Node | None]]]  # definitions -> fields -> (element, node), made when first met


def _node(field: Field, memo: _Memo, *, member: bool = False) -> Node | None:
    """The node of a field; None where it is owned as one."""
    if is_atomic(field):
        return None
    if field.type == "any":
        return _Any(field, memo, member=True)
    made = {"object": _Struct, "map": _Map}.get(field.type, _List)
    return made(field, memo, member=member or not field.always)


def _fields(definition: Definition, memo: _Memo) -> dict[str, tuple[str, Node | None]]:
    known = memo.get(definition.name)
    if known is None:
        fields = definition.fields.items()
        known = memo[definition.name] = {name: (f"f:{name}", _node(field, memo)) for name, field in fields}
    return known


def compile_tree(definition: Definition) -> Node:
    """The root node of a definition."""
    root = _Struct(definition.as_field, {}, member=False)
    metadata = _fields(definition, root.memo).get("metadata")
    if metadata and metadata[1]:
        metadata[1].member = False  # every object has it
    return root


def union(one: Tree, other: Tree) -> Tree:
    """What is in either."""
    if not one or one is other:
        return other
    merged = dict(one)
    for element, below in other.items():
        known = merged.get(element)
        merged[element] = below if known is None else _union_below(known, below)
    return merged


def _union_below(one: Tree, other: Tree) -> Tree:
    if not one and not other:
        return EMPTY
    if not one or not other:  # one of them is a member itself, the other has members below
        return _member(one or other)
    return union(one, other)


def _member(tree: Tree) -> Tree:
    return tree if DOT in tree or not tree else {DOT: EMPTY, **tree}


def minus(one: Tree, other: Tree) -> Tree:
    """What is in `one` and not in `other`; `one` itself where that is the same."""
    result: dict[str, Any] | None = None
    for element, below in other.items():
        known = one.get(element)
        if known is None or element == DOT:
            continue
        left = _minus_below(known, below)
        if left is known:
            continue
        if result is None:
            result = dict(one)
        if left is None:
            del result[element]
        else:
            result[element] = left
    return one if result is None else result


def _minus_below(one: Tree, other: Tree) -> Tree | None:
    """What is left of an element, None where nothing is."""
    member, loses = not one or DOT in one, not other or DOT in other
    below = minus(one, other)
    if member and loses:
        below = {element: tree for element, tree in below.items() if element != DOT}
        return below or None
    if member:
        return below if len(below) > 1 or not one else EMPTY
    return below or None


def union_all(trees: Iterable[Tree]) -> Tree:
    """What is in any of many, in time that grows with their size."""
    groups: dict[str, list[Tree]] = {}
    for tree in trees:
        for element, below in tree.items():
            groups.setdefault(element, []).append(below)
    return {element: found[0] if len(found) == 1 else _union_all_below(found) for element, found in groups.items()}


def _union_all_below(trees: list[Tree]) -> Tree:
    below = union_all(trees)
    return _member(below) if any(not tree for tree in trees) else below


def is_valid(tree: Any) -> bool:
    """Whether a tree that came from outside is one: objects of objects, the names of elements."""
    if not isinstance(tree, dict):
        return False
    return all(
        (element == DOT or element[:2] in ("f:", "k:", "v:", "i:")) and is_valid(below)
        for element, below in tree.items()
    )


def in_order(tree: Tree) -> Tree:
    """The same with its members sorted, as Go writes maps; itself where they are. Clients compare bytes of FieldsV1."""
    changed = {element: sorted_ for element, below in tree.items() if (sorted_ := in_order(below)) is not below}
    names = list(tree)
    ordered = sorted(names)
    if ordered == names and not changed:
        return tree
    return {element: changed.get(element, tree[element]) for element in ordered}
