"""Prints the medians of all results side by side, as Markdown."""

import json
import sys

from harness import RESULTS


def main(labels: list[str]) -> None:
    """Print the table; labels: the columns, all by default."""
    rows: dict[tuple[str, str], dict[str, str]] = {}
    for path in sorted(RESULTS.glob("*.json")):
        label, suite, _ = path.name.split(".")
        for name, result in json.loads(path.read_text()).items():
            text = f"{result['median']:.1f} {result['unit']}" if "median" in result else "failed"
            rows.setdefault((suite, name), {})[label] = text
    columns = labels or sorted({label for cells in rows.values() for label in cells})
    print(f"| suite | what | {' | '.join(columns)} |")
    print("|---|---|" + "---|" * len(columns))
    for (suite, name), cells in rows.items():
        print(f"| {suite} | {name} | {' | '.join(cells.get(label, '–') for label in columns)} |")


if __name__ == "__main__":
    main(sys.argv[1:])
