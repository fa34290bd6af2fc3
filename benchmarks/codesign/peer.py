"""A front by HGQ2, and its Verilog by da4ml's successor; runs in the peers' own environment.

    KERAS_BACKEND=torch python peer.py task.npz folder seed hidden,... seconds

``task.npz`` holds codes ``x``, ``xv`` and classes ``y``, ``yv``, and ``bits``. Trains as HGQ2's
documentation shows, but with AdamW and smoothed labels, which make its digits smaller: one run, the
weight of the cost rising, every point that no other beats kept by validation samples, and ranges of
values traced over all training samples before it is written.
Writes ``folder/point-N/src/*.v`` and ``folder/points.json``: of every point its validation
accuracy, EBOPs, and signed, bits and lowest bit's exponent of each input and output.
"""

import json
import sys
import time
from pathlib import Path

import keras
import numpy as np
from alkaid.codegen import RTLModel
from alkaid.converter import trace_model
from alkaid.trace import HWConfig, trace
from hgq.config import LayerConfigScope, QuantizerConfigScope
from hgq.layers import QDense
from hgq.utils import trace_minmax
from hgq.utils.sugar import BetaScheduler, FreeEBOPs, PieceWiseSchedule

FIRST, LAST = 1e-6, 5e-3
POINTS = 8


class Front(keras.callbacks.Callback):
    """The best validation accuracy for every size, as weights; stops in time."""

    def __init__(self, seconds: float, epochs: int):
        super().__init__()
        self.kept: list[tuple[float, float, list[np.ndarray]]] = []
        self._end = time.process_time() + seconds
        self._epochs = epochs

    def on_epoch_end(self, epoch, logs=None):
        """Look at the network."""
        size, right = float(logs["ebops"]), float(logs["val_accuracy"])
        if not any(s <= size and r >= right for s, r, _ in self.kept):
            self.kept = [one for one in self.kept if one[0] < size or one[1] > right]
            self.kept.append((size, right, self.model.get_weights()))
        if time.process_time() > self._end:
            self.model.stop_training = True


class Rising(BetaScheduler):
    """The weight of the cost by the share of the time that is gone."""

    def __init__(self, seconds: float):
        self._start, self._seconds = time.process_time(), seconds
        schedule = PieceWiseSchedule([(0, FIRST, "log"), (1000, LAST, "constant")])
        super().__init__(
            lambda _: schedule(1000 * (time.process_time() - self._start) / self._seconds)
        )


def main() -> None:
    """Train, trace, write."""
    source, folder, seed, hidden, seconds = sys.argv[1:]
    data = dict(np.load(source))
    keras.utils.set_random_seed(int(seed))
    scale = 2.0 ** -int(data["bits"])
    x, xv = (np.float32(data[name] * scale) for name in ("x", "xv"))
    classes = int(max(data["y"].max(), data["yv"].max())) + 1
    y, yv = (np.eye(classes, dtype=np.float32)[data[name]] for name in ("y", "yv"))
    model = built(x.shape[1], [int(width) for width in hidden.split(",")], classes)
    model.compile(
        optimizer=keras.optimizers.AdamW(5e-3, weight_decay=1e-2),
        loss=keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.05),
        metrics=["accuracy"],
    )
    front = Front(float(seconds), 1)
    model.fit(
        x, y, batch_size=256, epochs=1_000_000, verbose=0, validation_data=(xv, yv),
        callbacks=[Rising(float(seconds)), FreeEBOPs(), front],
    )  # fmt: skip
    kept = sorted(front.kept, key=lambda one: one[0])
    chosen = sorted({round(k) for k in np.linspace(0, len(kept) - 1, POINTS)})
    found = []
    for number, k in enumerate(chosen):
        size, _, weights = kept[k]
        model.set_weights(weights)
        trace_minmax(model, x)  # training leaves the ranges of its last batch
        sums = model.predict(xv, batch_size=4096, verbose=0)
        right = float((sums.argmax(axis=1) == data["yv"]).mean())
        place = Path(folder) / f"point-{number}"
        ports = written(model, int(data["bits"]), place)
        found.append({"folder": str(place), "validation": right, "ebops": size, **ports})
    (Path(folder) / "points.json").write_text(json.dumps(found, indent=1))


def built(features: int, hidden: list[int], classes: int) -> keras.Model:
    """The network, every width of it trained."""
    with (
        QuantizerConfigScope(place="all", default_q_type="kbi", overflow_mode="SAT_SYM"),
        QuantizerConfigScope(place="datalane", default_q_type="kif", overflow_mode="WRAP"),
        LayerConfigScope(enable_ebops=True, beta0=FIRST),
    ):
        layers = [QDense(width, activation="relu") for width in hidden]
        return keras.Sequential([keras.Input((features,)), *layers, QDense(classes)])


def written(model: keras.Model, bits: int, place: Path) -> dict[str, list[list[int]]]:
    """Combinational Verilog of the model in ``place``; formats of its inputs and outputs.

    Ports are packed: what is not read, or always 0, has no bits.
    """
    source, value = trace_model(
        model, hwconf=HWConfig(1, -1, -1), inputs_kif=(0, 0, bits), framework="keras"
    )
    logic = trace(source, value)
    RTLModel(logic, place, "peer", print_latency=False).write()
    inputs, outputs = logic.inp_qint, logic.out_qint
    return {
        "inputs": [_format(*map(float, one)) for one in inputs],
        "outputs": [_format(*map(float, one)) for one in outputs],
    }


def _format(low: float, high: float, step: float) -> list[int]:
    if low == high == 0:
        return [0, 0, 0]
    first, last = round(low / step), round(high / step)
    signed = first < 0
    width = max(max(last, 0).bit_length(), (-first - 1).bit_length() if signed else 0)
    return [int(signed), width + signed, round(float(np.log2(step)))]


if __name__ == "__main__":
    main()
