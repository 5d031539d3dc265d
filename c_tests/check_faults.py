#!/usr/bin/env python3
"""Compares docs/faults.md with the cases: a row that names programs has a case fault_<row>_... in each of them, and
every such case has its row. The page is complete: no number is left out, and no section ends too soon.

    check_faults.py docs/faults.md c_tests
"""

import pathlib
import re
import sys

# How many faults each section has. K, what others have met, is as long as its rows.
SECTIONS = {"A": 17, "B": 38, "C": 15, "D": 36, "E": 18, "F": 15, "G": 23, "H": 10, "J": 10, "S": 13}
ROW = r"[A-HJKS]\d+"


def rows(page):
    """Row number -> the programs of its last column; none for rows that say why nothing is shown."""
    found = {}
    for line in page.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if re.fullmatch(ROW, cells[0]):
            if len(cells) != 4 or not cells[3] or cells[0] in found:
                raise SystemExit(f"faults.md: row {cells[0]} is malformed or stands there twice")
            shown = cells[3] if re.match(r"`\w+`", cells[3]) else ""
            found[cells[0]] = re.findall(r"(?:^|, )`(\w+)`", shown)
    return found


def cases(folder):
    """Row number -> the programs with a case of that number."""
    found = {}
    sources = [source for pattern in ("*.c", "*.cc", "abi/*.c", "contract/*.h") for source in folder.glob(pattern)]
    for source in sorted(sources):
        program = "contract" if source.suffix == ".h" else source.stem
        for row in re.findall(rf"fault_({ROW})_", source.read_text(encoding="utf-8")):
            found.setdefault(row, set()).add(program)
    return found


def incomplete(documented):
    """What is wrong with the numbers: each section counts from 1 to its length."""
    numbers = {section: set() for section in [*SECTIONS, "K"]}
    for row in documented:
        numbers[row[0]].add(int(row[1:]))
    for section, found in numbers.items():
        wanted = set(range(1, 1 + SECTIONS.get(section, max(found, default=1))))
        yield from (f"{section}{number}: there is no such row" for number in sorted(wanted - found))
        yield from (f"{section}{number}: a row too many" for number in sorted(found - wanted))


def main(page, folder):
    documented, shown = rows(pathlib.Path(page).read_text(encoding="utf-8")), cases(pathlib.Path(folder))
    wrong = [f"{row}: has a case, but no row that names {', '.join(sorted(programs))}"
             for row, programs in shown.items() if not programs <= set(documented.get(row, []))]
    wrong += [f"{row}: no case in {program}" for row, programs in documented.items()
              for program in programs if program not in shown.get(row, set())]
    wrong += incomplete(documented)
    for line in wrong:
        print(f"faults.md: {line}")
    print(f"{len(documented)} rows, {sum(map(bool, documented.values()))} with cases")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
