"""What a training file says (docs/train.md)."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from hwgen.support.extras import hint
from hwgen.support.toml import AsTuple, Number, Table

Bits = Annotated[int, Field(ge=2, le=16)]
Sizes = Annotated[tuple[Annotated[int, Field(ge=1, le=4096)], ...], AsTuple]
BitList = Bits | Annotated[tuple[Bits, ...], AsTuple]
Positive = Annotated[Number, Field(gt=0)]
Share = Annotated[Number, Field(gt=0, lt=1)]

INSTALL = hint("torch")
"""What to do where a package that training needs is missing."""


class DataTable(Table):
    """``[data]``: samples, how they are split and scaled.

    Parameters
    ----------
    source
        ``digits``, ``breast_cancer``, ``wine`` or ``iris`` (from scikit-learn), or a file.
    test
        A file of test samples; None: ``test_share`` of the source.
    validation_share
        Share of what is not test samples that early stopping looks at.
    scale
        ``features``: each to 0..1, ``all``: by one range for all, ``none``; the range is that of
        the training samples.
    image
        Rows and columns: training images are moved by up to one pixel.
    shape
        ``[channels, rows, columns]`` or ``[channels, length]`` of the map that convolutions read;
        None: one channel of ``image``.
    channels_last
        A sample has the channels of one position together; it is laid out channel by channel.
    """

    source: str
    test: str | None = None
    test_share: Share = 0.3
    validation_share: Share = 0.15
    scale: Literal["features", "all", "none"] = "features"
    image: Annotated[tuple[int, int], AsTuple] | None = None
    shape: Annotated[tuple[Annotated[int, Field(ge=1)], ...], AsTuple] | None = None
    channels_last: bool = False


class TeacherTable(Table):
    """``[teacher]``: the float network that the student learns from; ``maps`` as a student's."""

    maps: Annotated[tuple[str, ...], AsTuple] = ()
    hidden: Sizes = (128, 64)
    steps: Annotated[int, Field(ge=1, le=1_000_000)] = 1500
    weight_decay: Annotated[Number, Field(ge=0)] = 0.01


class StudentTable(Table):
    """``[student]``: the network that becomes hardware.

    Parameters
    ----------
    maps
        Convolutions and pools before the hidden layers (:mod:`hwgen.frontends.train.maps`).
    hidden
        Neurons of each hidden layer.
    weight_bits
        One width, or one for each layer; ``activation_bits`` likewise for each hidden layer.
    input_bits
        None: as ``activation_bits``, the first of a list.
    per_output
        A power-of-two scale for each neuron; the last layer has one for all.
    accumulator_bits
        No accumulator is wider (A2Q).
    max_parameters
        Larger students are refused.
    """

    maps: Annotated[tuple[str, ...], AsTuple] = ()
    hidden: Sizes
    weight_bits: BitList = 4
    activation_bits: BitList = 4
    input_bits: Bits | None = None
    per_output: bool = False
    accumulator_bits: Annotated[int, Field(ge=4, le=32)] | None = None
    max_parameters: Annotated[int, Field(ge=1)] = 3000

    @model_validator(mode="after")
    def _check(self) -> "StudentTable":
        layers = self.inner + 1
        for name, widths, count in (
            ("weight_bits", self.weight_bits, layers),
            ("activation_bits", self.activation_bits, layers - 1),
        ):
            if isinstance(widths, tuple) and len(widths) != count:
                raise ValueError(f"{name}: {len(widths)} widths where {count} are needed")
        return self

    @property
    def inner(self) -> int:
        """Convolutions and hidden layers."""
        return sum(text.startswith("conv") for text in self.maps) + len(self.hidden)

    @property
    def weight_widths(self) -> tuple[int, ...]:
        """Width of each layer's weights."""
        widths = self.weight_bits
        return widths if isinstance(widths, tuple) else (widths,) * (self.inner + 1)

    @property
    def activation_widths(self) -> tuple[int, ...]:
        """Width of the input and of each hidden layer's outputs."""
        widths = self.activation_bits
        each = widths if isinstance(widths, tuple) else (widths,) * self.inner
        first = widths if isinstance(widths, int) else (*widths, 8)[0]
        return (self.input_bits or first, *each)


class TrainingTable(Table):
    """``[training]``: how long, how fast, and how much of it is distillation.

    Parameters
    ----------
    steps
        Most steps of each of the two stages of the student, float and quantized.
    patience
        A stage ends when validation has not become better for this many steps.
    distillation
        Share of the loss that is the teacher's; the rest is the classes'.
    temperature
        Softens what teacher and student say.
    mix
        Training samples are mixed in pairs, the second with at most this share.
    """

    steps: Annotated[int, Field(ge=1, le=1_000_000)] = 3000
    batch: Annotated[int, Field(ge=1, le=65536)] = 128
    learning_rate: Positive = 0.005
    patience: Annotated[int, Field(ge=1)] = 1500
    distillation: Annotated[Number, Field(ge=0, le=1)] = 0.2
    temperature: Positive = 3.0
    mix: Annotated[Number, Field(ge=0, le=0.5)] = 0.0


class Config(Table):
    """A training file."""

    name: str = "network"
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    data: DataTable
    teacher: TeacherTable = TeacherTable()
    student: StudentTable
    training: TrainingTable = TrainingTable()
