"""What is searched, and for how long."""

from dataclasses import dataclass, field

from hwgen.support.errors import HwgenError


@dataclass(frozen=True, kw_only=True)
class Training:
    """How a population is trained.

    Parameters
    ----------
    steps, batch, rate
        Of AdamW; the rate falls as a cosine in the last part.
    decay
        Weight decay.
    rise
        Share of the steps in which prices rise, by a factor of 100.
    noise
        Standard deviation of what is added to the input codes, another for every step.
    """

    steps: int = 6000
    batch: int = 256
    rate: float = 2e-2
    width_rate: float = 1e-2
    decay: float = 1e-3
    rise: float = 0.7
    noise: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Settings:
    """A search for a front of networks.

    Parameters
    ----------
    hidden
        Topologies to begin with: widths of the hidden layers, one tuple each; of none, ``()``,
        classes are sums of inputs.
    cheap, dear
        Lowest and highest price of a gate equivalent, in units of the loss (nats of mean cross
        entropy): where the front begins and ends.
    prices
        How many prices between them, in equal ratios.
    rounds
        How often the best networks are trained further and polished again.
    kept
        Networks kept for each price and smoothing from one round to the next.
    sweeps
        Sweeps of polishing after each training.
    tried
        Moves of single weights in a sweep.
    input_bits
        Width of the unsigned inputs.
    drops
        How many low bits of an input single neurons may leave out, in the end.
    smoothings
        Shares of every label that are spread over all classes; one network each of every topology
        and price. More is better for few samples, and validation samples decide.
    jitter
        Standard deviation of the noise that is added to training samples, as a share of the range
        of a feature.
    jittered
        Networks are polished with up to three noisy copies of the samples, as long as all together
        are no more than these.
    teachers
        Float networks that say what to think of points between samples; a first population learns
        of them, another of the labels, and validation samples decide which goes on. 0: none.
    reach
        How far such points are from a sample on the way to another, at the most.
    taught
        Points, with the samples, that a population is trained on.
    steps, later_steps
        Steps of the first training, and of each later one.
    later_rate
        Rate of the later ones.
    seed
        Decides everything that is left to chance.

    Raises
    ------
    HwgenError
        A value is out of range.
    """

    hidden: tuple[tuple[int, ...], ...] = ((24,),)
    cheap: float = 1.2e-5
    dear: float = 4e-4
    prices: int = 8
    rounds: int = 3
    kept: int = 1
    sweeps: int = 8
    tried: int = 300
    input_bits: int = 4
    drops: tuple[int, ...] = (0, 1, 2, 3)
    smoothings: tuple[float, ...] = (0.05,)
    jitter: float = 0.04
    jittered: int = 14_000
    teachers: int = 6
    reach: float = 0.7
    taught: int = 20_000
    steps: int = 5000
    later_steps: int = 1200
    later_rate: float = 3e-3
    seed: int = 0
    first: Training = field(default_factory=Training)

    def __post_init__(self) -> None:
        if not self.hidden or any(len(widths) > 4 for widths in self.hidden):
            raise HwgenError("hidden", "none, or one of more than 4 layers", "topologies of 0 to 4")
        if any(width < 1 for widths in self.hidden for width in widths):
            raise HwgenError("hidden", "a layer without neurons", "at least 1 neuron")
        if not 0 < self.cheap <= self.dear:
            raise HwgenError("prices", f"{self.cheap} to {self.dear}", "0 < lowest <= highest")
        if not self.smoothings or any(not 0 <= one < 1 for one in self.smoothings):
            raise HwgenError("smoothings", f"found {self.smoothings}", "shares of 0 to below 1")
        if not 0 <= self.jitter < 1:
            raise HwgenError("jitter", f"found {self.jitter}", "0 to below 1")
        if 0 not in self.drops or min(self.drops) < 0:
            raise HwgenError("drops", f"found {self.drops}", "0 among numbers from 0")
        if self.input_bits not in range(1, 9):
            raise HwgenError("input_bits", f"found {self.input_bits}", "1 to 8")

    def ladder(self) -> list[float]:
        """The prices, the lowest first."""
        if self.prices == 1:
            return [self.cheap]
        ratio = (self.dear / self.cheap) ** (1 / (self.prices - 1))
        return [self.cheap * ratio**k for k in range(self.prices)]
