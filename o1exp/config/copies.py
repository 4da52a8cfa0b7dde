"""Copies of configs, ten times as fast as copy.deepcopy: OmegaConf copies every node's description with it, field by field."""

from collections.abc import Mapping
from typing import Any, TypeVar

from omegaconf import Container, DictConfig, Node

N = TypeVar("N", bound=Node)


def copied(node: N, parent: Container | None = None) -> N:
    """The node and all below it, below `parent`. Values that are no nodes are shared: they are plain and never changed in place."""
    new = object.__new__(type(node))
    fields = new.__dict__
    fields.update(node.__dict__)
    fields["_parent"], fields["_flags_cache"] = parent, None
    fields["_metadata"] = _described(node.__dict__["_metadata"])
    if "_content" in fields:
        fields["_content"] = _below(fields["_content"], new)
    return new


def _below(content: Any, parent: Any) -> Any:
    """What a container holds; a text where it is an interpolation or missing, a node below a union."""
    if isinstance(content, dict):
        return {key: copied(inner, parent) for key, inner in content.items()}
    if isinstance(content, list):
        return [copied(inner, parent) for inner in content]
    return copied(content, parent) if isinstance(content, Node) else content


def _described(metadata: Any) -> Any:
    new = object.__new__(type(metadata))
    new.__dict__.update(metadata.__dict__)
    new.flags = dict(metadata.flags) if metadata.flags else metadata.flags
    return new


def regrouped(config: DictConfig, nodes: Mapping[str, Node]) -> DictConfig:
    """A config of these nodes, described as `config` is. They belong to it from now on: another that has them resolves nothing any more."""
    new = object.__new__(type(config))
    new.__dict__.update(config.__dict__)
    new.__dict__["_metadata"] = _described(config.__dict__["_metadata"])
    new.__dict__["_flags_cache"] = None
    new.__dict__["_content"] = dict(nodes)
    for node in nodes.values():
        node._set_parent(new)
    return new
