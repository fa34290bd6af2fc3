"""The end of classifiers as skl2onnx writes them, which looks up the names of classes."""

from dataclasses import replace

import numpy as np

from hwgen.frontends.onnx.file import Graph, Node

ML = "ai.onnx.ml"
_ENDS = ("Softmax", "Sigmoid")
_PASSED = ("Identity", "Cast", "Reshape", "Flatten")


def without_labels(graph: Graph) -> tuple[Graph, tuple[str, ...] | None]:
    """``graph`` up to the sums of its last layer, and its classes; else as it is, and None.

    The classes are looked up by an ``ArrayFeatureExtractor`` at the index of the largest of scores,
    which are a softmax, or ``1 - p`` and ``p`` of a sigmoid. Scores alone, in a ``ZipMap`` or not,
    are a second output.
    """
    makers = {name: node for node in graph.nodes for name in node.outputs}
    lookups = [
        node
        for node in graph.nodes
        if (node.op, node.domain) == ("ArrayFeatureExtractor", ML)
        and node.inputs[0] in graph.initializers
    ]
    if len(lookups) != 1 or len(lookups[0].inputs) != 2:
        return graph, None
    index = _source(lookups[0].inputs[1], makers)
    scores = None if index is None or index.op != "ArgMax" else _source(index.inputs[0], makers)
    if scores is not None and scores.op == "Concat":
        scores = _source(scores.inputs[-1], makers)
    if scores is None or scores.op not in _ENDS:
        return graph, None
    wanted, kept = {scores.inputs[0]}, []
    for node in reversed(graph.nodes):
        if wanted.intersection(node.outputs):
            kept.append(node)
            wanted.update(node.inputs)
    classes = np.asarray(graph.initializers[lookups[0].inputs[0]]).ravel()
    labels = tuple(map(str, classes.tolist()))
    outputs = tuple(replace(one, name=scores.inputs[0]) for one in graph.outputs[:1])
    return replace(graph, nodes=tuple(kept[::-1]), outputs=outputs), labels


def _source(name: str, makers: dict[str, Node]) -> Node | None:
    """The node that makes a tensor, beyond those that only hand it on."""
    node = makers.get(name)
    while node is not None and node.op in _PASSED:
        node = makers.get(node.inputs[0])
    return node
