import gzip
import re
import time

import pytest

from hwgen.support.errors import HwgenError
from hwgen.synth.libraries import logic
from hwgen.synth.libraries.cells import library_from_groups
from hwgen.synth.libraries.liberty import parse_liberty, read_liberty
from hwgen.synth.libraries.pdk import open_library

SMALL = """
/* a comment with { braces ( */
library (small) {
  time_unit : "1ps"; leakage_power_unit : "1pW";
  capacitive_load_unit (1, ff);  // and another
  nom_voltage : 1.2
  default_operating_conditions : typ;
  lu_table_template (t) { variable_1 : total_output_net_capacitance;
    variable_2 : input_net_transition; index_1 ("1, 2"); index_2 ("10, 20, 30"); }
  cell (INV) { area : 2; cell_leakage_power : 3000;
    pin (A) { direction : input; capacitance : 1.5; }
    pin ("Y") { direction : output; function : "A'";
      timing () { related_pin : "A"; timing_sense : negative_unate;
        cell_rise (t) { values ("1, 2, 3", \\
                                "4, 5, 6"); } } } }
  cell (NAND) { area : 3;
    pin (A, B) { direction : input; capacitance : 1; }
    pin (Y) { direction : output; function : "!(A B)"; } }
  cell (NOR) { area : 3;
    pin (A, B) { direction : input; capacitance : 1; }
    pin (Y) { direction : output; function : "!(A + B)"; } }
  cell (DFF) { area : 9; ff (IQ, IQN) { clocked_on : CK; next_state : D; }
    pin (CK) { direction : input; clock : true; capacitance : 1; }
    pin (D) { direction : input; capacitance : 1; }
    pin (Q) { direction : output; function : "IQ"; } }
}
"""


def small(text=SMALL):
    return library_from_groups([parse_liberty(text, "x.lib")], ["x.lib"])


def test_units_and_tables():
    library = small()
    inverter = library.cells["INV"]
    assert (library.name, library.corner, library.voltage) == ("small", "typ", 1.2)
    assert (inverter.area, inverter.leakage) == (2, pytest.approx(3.0))
    assert inverter.pins["A"].capacitance == pytest.approx(0.0015)
    table = inverter.arcs[0].rise
    assert table.rows == pytest.approx((0.01, 0.02, 0.03))
    assert table.cols == pytest.approx((0.001, 0.002))
    assert table.at(0.02, 0.001) == pytest.approx(0.002)
    assert table.at(0.015, 0.0015) == pytest.approx(0.003)
    assert table.at(0.01, 0.003) == pytest.approx(0.007)
    assert table.at(0.0, 0.0) == pytest.approx(-0.003)


def test_pins_of_one_group():
    assert small().cells["NAND"].inputs == ("A", "B")


def test_gzip_and_plain_read_alike(tmp_path):
    (tmp_path / "a.lib").write_text(SMALL)
    (tmp_path / "a.lib.gz").write_bytes(gzip.compress(SMALL.encode()))
    assert read_liberty(tmp_path / "a.lib") == read_liberty(tmp_path / "a.lib.gz")


def test_several_files_join(tmp_path):
    head, tail = SMALL.split("  cell (DFF)")
    (tmp_path / "a.lib").write_text(head + "}")
    (tmp_path / "b.lib").write_text("library (small) { cell (DFF)" + tail)
    library = open_library(None, [tmp_path / "a.lib", tmp_path / "b.lib"])
    assert list(library.cells) == ["INV", "NAND", "NOR", "DFF"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "library (a) {\n cell (b) {\n",
            "x.lib:3: the file ends inside cell of line 2, expected a }",
        ),
        ("library (a) {\n}\n}\n", "x.lib:3: a } that closes nothing, expected braces in pairs"),
        ("library (a) {\n area 1;\n}", "x.lib:2: 'area' without a value, expected a ':' or a '('"),
        ("library (a) {\n b : ;\n}", "x.lib:2: an attribute without a value"),
        ("library (a) {\n b (1, {\n}", "x.lib:2: b ( is not closed"),
        ('library (a) {\n b : "1;\n}', "x.lib:2: a string that is not closed"),
        ("library (a) {\n /* b\n}", "x.lib:2: a comment that is not closed"),
        ("", "x.lib: 0 library groups, a Liberty file holds exactly one"),
        ("library (a) { b : 1; } library (c) { }", "x.lib: 2 library groups"),
        ("library (a) {" + "b () {" * 100, "x.lib:1: groups nested deeper than 64"),
        (
            "library (a) {\n}\ncell (b) {\n}\n",
            "x.lib:3: cell outside the library group, expected braces in pairs",
        ),
        (
            "library (a) {\n cell (b) {\n cell (c) {\n}\n}\n}\n",
            "x.lib:3: cell inside the cell of line 2, expected a } before this",
        ),
        (
            "library (a) {\n cell (b) {\n pin (c) {\n pin (d) {\n}\n}\n}\n}\n",
            "x.lib:4: pin inside the pin of line 3, expected a } before this",
        ),
    ],
)
def test_syntax_error(text, message):
    with pytest.raises(HwgenError, match="^" + re.escape(message)):
        parse_liberty(text, "x.lib")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("area : 2;", "area : big;", "x.lib:10: area is 'big', a finite number is needed"),
        ("area : 2;", "area : nan;", "x.lib:10: area is 'nan', a finite number is needed"),
        ('"1, 2, 3"', '"1, 2"', "x.lib:14: 5 values, 2 x 3 by its indices"),
        ('"1, 2, 3"', '"1, two, 3"', "x.lib:14: a table entry that is no number, numbers"),
        ('index_1 ("1, 2")', 'index_1 ("2, 1")', "x.lib:14: an index that does not rise"),
        ('"1ps"', '"1 parsec"', "x.lib: unit '1 parsec', one of s, ms, us, ns, ps, fs"),
        ("direction : input;", "direction : up;", "x.lib:11: pin A has direction 'up'"),
    ],
)
def test_wrong_figure(old, new, message):
    assert old in SMALL
    with pytest.raises(HwgenError, match="^" + re.escape(message)):
        small(SMALL.replace(old, new, 1))


def test_unreadable(tmp_path):
    with pytest.raises(HwgenError, match=r"none\.lib: No such file"):
        read_liberty(tmp_path / "none.lib")


def test_damaged_gzip(tmp_path):
    path = tmp_path / "a.lib.gz"
    path.write_bytes(gzip.compress(SMALL.encode())[:-20])
    with pytest.raises(HwgenError, match=r"a\.lib\.gz: damaged gzip file"):
        read_liberty(path)


def test_too_long(tmp_path):
    (tmp_path / "a.lib.gz").write_bytes(gzip.compress(b" " * 5_000_000))
    with pytest.raises(HwgenError, match=r"more than 1 MiB of text, a Liberty file may be at most"):
        read_liberty(tmp_path / "a.lib.gz", 2**20)


def test_too_long_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "a.lib"
    with path.open("wb") as file:
        file.truncate(500 * 2**20)
    started = time.monotonic()
    message = r"a\.lib: too long, at most 268,435,456 bytes"
    with pytest.raises(HwgenError, match=message):
        open_library(None, [path])
    assert time.monotonic() - started < 0.1


@pytest.mark.parametrize(
    ("function", "table"),
    [
        ("A", 0b1010),
        ("!A", 0b0101),
        ("A'", 0b0101),
        ("A B", 0b1000),
        ("A B'", 0b0010),
        ("!(A+B)", 0b0001),
        ("A ^ B", 0b0110),
        ("A + A * B ^ B", 0b1010),
        ("!!A", 0b1010),
        ("1", 0b1111),
    ],
)
def test_truth_table(function, table):
    assert logic.truth_table(function, ("A", "B")) == table


@pytest.mark.parametrize("function", ["", "A &", "(A", "A)", "C", "A # B"])
def test_not_a_function(function):
    with pytest.raises(ValueError, match="not a function"):
        logic.truth_table(function, ("A", "B"))
